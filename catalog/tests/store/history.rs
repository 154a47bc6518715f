//! The history of queries.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lakegate_catalog::limit::QUERY_TEXT_BYTES_MAX;
use lakegate_catalog::{
    HistoryFilter, HistoryLimits, OnMissing, PrincipalId, PrincipalType, QueryRecord,
};
use uuid::Uuid;

use crate::support::on_both;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A time of which nothing is lost in the database.
fn now() -> SystemTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    UNIX_EPOCH + Duration::from_secs(since.as_secs())
}

fn query(principal: PrincipalId, finished_at: SystemTime) -> QueryRecord {
    QueryRecord {
        id: Uuid::now_v7(),
        principal,
        principal_name: "ann".into(),
        sql: "SELECT 1".into(),
        tier: Some("local".into()),
        submitted_at: finished_at - Duration::from_secs(3),
        started_at: Some(finished_at - Duration::from_secs(2)),
        finished_at,
        rows: 10,
        bytes_scanned: Some(1_000),
        bytes_sent: Some(100),
        cpu_time: Some(Duration::from_millis(1500)),
        peak_memory_bytes: Some(4096),
        spilled_bytes: Some(7),
        retries: Some(1),
        outcome: "ok".into(),
    }
}

on_both! {
    async fn a_query_is_written_once_as_it_was(fixture) {
        let catalog = &fixture.catalog;
        let record = query(fixture.user("ann").await, now());
        catalog.record_queries(std::slice::from_ref(&record)).await.unwrap();
        let other = QueryRecord { outcome: "internal".into(), ..record.clone() };
        catalog.record_queries(&[other]).await.unwrap();
        catalog.record_queries(&[]).await.unwrap();
        let found = catalog.queries(&HistoryFilter::default(), None, 10).await.unwrap();
        assert_eq!(found, [record]);
    }

    async fn what_was_not_measured_stays_unknown_and_adds_nothing(fixture) {
        let catalog = &fixture.catalog;
        let known = query(fixture.user("ann").await, now());
        let unknown = QueryRecord {
            id: Uuid::now_v7(),
            tier: None,
            started_at: None,
            bytes_scanned: None,
            bytes_sent: None,
            cpu_time: None,
            peak_memory_bytes: None,
            spilled_bytes: None,
            retries: None,
            ..known.clone()
        };
        catalog.record_queries(&[known, unknown.clone()]).await.unwrap();
        let found = catalog.queries(&HistoryFilter::default(), None, 10).await.unwrap();
        assert!(found.contains(&unknown));
        let usage = catalog.usage(&HistoryFilter::default()).await.unwrap();
        assert_eq!((usage[0].queries, usage[0].bytes_scanned), (2, 1_000));
    }

    async fn the_history_is_read_in_pages_from_the_newest_on(fixture) {
        let catalog = &fixture.catalog;
        let (ann, bob) = (fixture.user("ann").await, fixture.user("bob").await);
        // Several end at the same time.
        let records: Vec<QueryRecord> = (0..10_u32)
            .map(|index| query(if index == 4 { bob } else { ann }, now() - HOUR * (index / 3)))
            .collect();
        catalog.record_queries(&records).await.unwrap();
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let page = catalog.queries(&HistoryFilter::default(), after, 4).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.position());
            seen.extend(page);
        }
        let mut expected = records.clone();
        expected.sort_by_key(|record| std::cmp::Reverse((record.finished_at, record.id)));
        assert_eq!(seen, expected);
        let of_bob = HistoryFilter { principal: Some(bob), ..HistoryFilter::default() };
        assert_eq!(catalog.queries(&of_bob, None, 10).await.unwrap(), [records[4].clone()]);
        let between = HistoryFilter {
            since: Some(records[6].finished_at),
            until: Some(records[0].finished_at),
            ..HistoryFilter::default()
        };
        assert_eq!(catalog.queries(&between, None, 10).await.unwrap().len(), 6);
        let without_text = HistoryFilter { without_text: true, ..of_bob };
        let expected = QueryRecord { sql: String::new(), ..records[4].clone() };
        assert_eq!(catalog.queries(&without_text, None, 10).await.unwrap(), [expected]);
    }

    async fn the_history_outlives_who_asked(fixture) {
        let catalog = &fixture.catalog;
        let record = query(fixture.user("ann").await, now());
        catalog.record_queries(std::slice::from_ref(&record)).await.unwrap();
        catalog.drop_principal("ann", PrincipalType::User, OnMissing::Fail).await.unwrap();
        let found = catalog.queries(&HistoryFilter::default(), None, 10).await.unwrap();
        assert_eq!(found, [record]);
    }

    async fn a_text_is_cut_and_kept_whatever_is_in_it(fixture) {
        let mut record = query(fixture.user("ann").await, now());
        record.sql = format!("a\0{}", "ü".repeat(QUERY_TEXT_BYTES_MAX));
        fixture.catalog.record_queries(&[record]).await.unwrap();
        let found = fixture.catalog.queries(&HistoryFilter::default(), None, 1).await.unwrap();
        assert!(found[0].sql.starts_with("a\u{fffd}üü"));
        assert!(found[0].sql.len() <= QUERY_TEXT_BYTES_MAX + 2);
    }

    async fn usage_is_summed_by_principal_and_day(fixture) {
        let catalog = &fixture.catalog;
        let (ann, bob) = (fixture.user("ann").await, fixture.user("bob").await);
        let noon = UNIX_EPOCH + DAY * 20_000 + HOUR * 12;
        let mut failed = query(ann, noon);
        failed.outcome = "query_cancelled".into();
        let records = [query(ann, noon), failed, query(ann, noon - DAY), query(bob, noon)];
        catalog.record_queries(&records).await.unwrap();
        let usage = catalog.usage(&HistoryFilter::default()).await.unwrap();
        assert_eq!(usage.len(), 3);
        let of_ann = usage.iter().find(|usage| usage.principal == ann).unwrap();
        assert_eq!(of_ann.day, UNIX_EPOCH + DAY * 20_000);
        assert_eq!((of_ann.queries, of_ann.failed, of_ann.rows), (2, 1, 20));
        assert_eq!(of_ann.cpu_time, Duration::from_secs(3));
        assert_eq!((of_ann.bytes_scanned, of_ann.bytes_sent), (2_000, 200));
        let of_bob = HistoryFilter { principal: Some(bob), ..HistoryFilter::default() };
        assert_eq!(catalog.usage(&of_bob).await.unwrap().len(), 1);
    }

    async fn what_is_old_or_beyond_number_or_size_goes(fixture) {
        let catalog = &fixture.catalog;
        let ann = fixture.user("ann").await;
        let records: Vec<QueryRecord> = (0..2_500_u32)
            .map(|index| query(ann, now() - Duration::from_secs(index.into())))
            .collect();
        catalog.record_queries(&records).await.unwrap();
        let left = || async {
            catalog.queries(&HistoryFilter::default(), None, 10_000).await.unwrap()
        };
        let limits = HistoryLimits::default();
        assert_eq!(catalog.prune_history(&limits).await.unwrap(), 0);
        let few = HistoryLimits { rows_max: 100, ..limits };
        assert_eq!(catalog.prune_history(&few).await.unwrap(), 2_400);
        assert_eq!(left().await.last(), Some(&records[99]));
        let small = HistoryLimits { text_bytes_max: 8 * 50, ..limits };
        assert_eq!(catalog.prune_history(&small).await.unwrap(), 50);
        let young = HistoryLimits { age_max: Duration::from_secs(25), ..limits };
        assert!(catalog.prune_history(&young).await.unwrap() >= 20);
        assert_eq!(left().await[0], records[0]);
    }
}
