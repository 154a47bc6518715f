//! Results: kept while somebody reads them, gone afterwards, in any case.

use futures::StreamExt;
use lakegate_common::ByteSize;
use lakegate_scheduler::durable;

use super::support::{Fleet, until};

/// More rows than are ever held back.
const LARGE: &str =
    "SELECT a.n, b.k, a.n + b.n AS s FROM numbers a JOIN numbers b ON a.k = b.k AND b.n <= 8000";

#[tokio::test(flavor = "multi_thread")]
async fn files_stay_while_a_reader_is_slow_and_go_when_it_has_read() {
    let config = durable::Config { hold_back: ByteSize(0), ..durable::Config::default() };
    let fleet = Fleet::start(2, config).await;
    let mut query = fleet.query(LARGE).await;
    query.batches.next().await.unwrap().unwrap();
    assert!(
        fleet.executors.iter().any(|executor| executor.jobs() > 0),
        "files of a query that is read are kept"
    );
    while let Some(batch) = query.batches.next().await {
        batch.unwrap();
    }
    until("files are gone", || fleet.executors.iter().all(|executor| executor.jobs() == 0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_is_dropped_at_any_moment_leaves_nothing() {
    let fleet = Fleet::start(2, durable::Config::default()).await;
    for wait in [0, 1, 5, 20, 100, 300, 700] {
        let query = fleet.query(LARGE).await;
        // Somewhere between planning and the last row.
        tokio::time::sleep(std::time::Duration::from_millis(wait)).await;
        drop(query);
    }
    until("nothing runs", || {
        fleet.durable.executors().iter().all(|executor| executor.running_tasks == 0)
    })
    .await;
    until("files are gone", || fleet.executors.iter().all(|executor| executor.jobs() == 0)).await;
    assert_eq!(
        fleet.rows("SELECT count(*) FROM numbers").await,
        fleet.expected("SELECT count(*) FROM numbers").await
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn stages_tell_what_they_did_once_a_query_has_ended() {
    let fleet = Fleet::start(2, durable::Config::default()).await;
    let mut query = fleet.query("SELECT k, count(*) FROM numbers GROUP BY k").await;
    while let Some(batch) = query.batches.next().await {
        batch.unwrap();
    }
    let reports = query.stage_metrics();
    assert!(reports.len() >= 2, "{reports:?}");
    assert!(
        reports[0].plan_with_metrics.contains("output_rows="),
        "{}",
        reports[0].plan_with_metrics
    );
}
