//! Executors that are lost.

use std::time::{Duration, Instant};

use lakegate_common::{Coded, ErrorCode};
use lakegate_scheduler::durable;
use lakegate_scheduler::query::QueryId;

use super::support::{Executor, Fleet, read, read_rows, until, until_a_stage_is_done};

/// A stage that is quick, and after it one that compares every group with every other.
const SLOW: &str = "WITH groups AS (SELECT n % 12000 AS g, sum(n) AS s FROM numbers GROUP BY 1) \
     SELECT count(*), sum(a.g + b.g) FROM groups a JOIN groups b ON a.s + b.s > 2000 * (a.g % 3)";

#[tokio::test(flavor = "multi_thread")]
async fn a_join_on_two_executors_equals_one_process() {
    let fleet = Fleet::start(2, durable::Config::default()).await;
    let sql = "SELECT name, count(*), sum(n) FROM numbers JOIN names ON name_id = id GROUP BY name ORDER BY name";
    let begun = Instant::now();
    let mut query = fleet.query(sql).await;
    assert_eq!(read_rows(&mut query).await.unwrap(), fleet.expected(sql).await);
    let cost = query.cost();
    println!("{cost:?} in {:?}", begun.elapsed());
    // Two executors with a core each, and a thread that writes shuffle files beside it.
    assert!(cost.cpu_time > Duration::ZERO && cost.cpu_time < begun.elapsed() * 4);
    assert!(cost.peak_memory_bytes > 0);
    assert_eq!(cost.retries, 0);
    assert!(fleet.durable.is_healthy());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_stage_is_made_again() {
    let mut fleet = Fleet::start(2, durable::Config::default()).await;
    let mut query = fleet.query(SLOW).await;
    until_a_stage_is_done(&query).await;
    let before = query.cost();
    fleet.executors[0].kill();
    assert_eq!(read_rows(&mut query).await.unwrap(), fleet.expected(SLOW).await);
    until("the loss is known", || fleet.active() == 1).await;
    let cost = query.cost();
    println!("{before:?}, then {cost:?}");
    assert!(cost.retries > 0, "what the lost one had done is done again");
    assert!(cost.cpu_time > before.cpu_time && before.cpu_time > Duration::ZERO);
}

#[tokio::test(flavor = "multi_thread")]
async fn adaptive_planning_does_not_survive_a_lost_stage() {
    let config = durable::Config {
        stuck_after: Duration::from_secs(5),
        reruns_max: 0,
        ..durable::Config::default()
    };
    let mut fleet = Fleet::start(2, config).await;
    let session = fleet.session().await;
    let plan = session.sql(SLOW).await.unwrap().into_optimized_plan().unwrap();
    let query = fleet.durable.run_adaptively(QueryId::new(), session, plan).await.unwrap();
    until_a_stage_is_done(&query).await;
    fleet.executors[0].kill();
    // The day this gives the right answer, adaptive planning can be thought of again.
    let error = read(query).await.expect_err("adaptive planning still loses the query");
    assert_eq!(error.code(), ErrorCode::QueryStuck, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn results_that_are_lost_before_they_are_read_are_made_again() {
    let mut fleet = Fleet::start(2, durable::Config::default()).await;
    let sql = "SELECT k, count(*) FROM numbers GROUP BY k";
    for round in 0..3 {
        let query = fleet.query(sql).await;
        let mut progress = query.progress.clone();
        // The last stage ends when all have; its files are the results.
        let _ = progress
            .wait_for(|stages| {
                !stages.is_empty() && stages.iter().all(|stage| stage.tasks_done == stage.tasks)
            })
            .await;
        let index = round % fleet.executors.len();
        fleet.executors[index].kill();
        assert_eq!(read(query).await.unwrap(), fleet.expected(sql).await);
        fleet.executors.remove(index);
        fleet.add().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replacement_goes_on_where_everybody_was_lost() {
    let mut fleet = Fleet::start(2, durable::Config::default()).await;
    let query = fleet.query(SLOW).await;
    until_a_stage_is_done(&query).await;
    fleet.executors.iter_mut().for_each(Executor::kill);
    until("the loss is known", || fleet.active() == 0).await;
    fleet.add().await;
    assert_eq!(read(query).await.unwrap(), fleet.expected(SLOW).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_without_executors_fails_after_the_grace() {
    let config =
        durable::Config { executors_grace: Duration::from_secs(2), ..durable::Config::default() };
    let mut fleet = Fleet::start(2, config).await;
    let query = fleet.query(SLOW).await;
    until_a_stage_is_done(&query).await;
    fleet.executors.iter_mut().for_each(Executor::kill);
    assert_eq!(read(query).await.unwrap_err().code(), ErrorCode::ExecutorLost);
}
