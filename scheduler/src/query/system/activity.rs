//! Queries, what they took, and who works on them.

use std::collections::HashSet;

use arrow::array::RecordBatch;
use lakegate_catalog::{Catalog, HistoryFilter, QueryRecord, Usage, VisibleSnapshot};

use super::columns::{batch, number, text, time};
use crate::durable::{ExecutorState, ExecutorStatus};
use crate::query::registry::Work;
use crate::query::{Error, QueryState, Shown};

/// Queries of the history that `system.queries` shows at most, the newest.
const HISTORY_SHOWN_MAX: usize = 10_000;
/// Bytes of their texts; the page in which it is reached is the last.
const TEXT_BYTES_SHOWN_MAX: usize = 16 << 20;
/// Queries of the history that are read at a time.
const HISTORY_PAGE: usize = 200;
/// The column of texts.
pub(super) const TEXT_COLUMN: &str = "query";

/// The newest queries of the history but those that are known as `live`.
///
/// # Errors
/// The catalog cannot be read.
pub(super) async fn history(
    catalog: &Catalog,
    filter: &HistoryFilter,
    limit: Option<usize>,
    live: &[Work],
) -> Result<Vec<RecordBatch>, Error> {
    let live: HashSet<_> = live.iter().map(|work| work.record.id).collect();
    let (mut pages, mut after) = (Vec::new(), None);
    let mut missing = limit.map_or(HISTORY_SHOWN_MAX, |limit| limit.min(HISTORY_SHOWN_MAX));
    let mut text_bytes = 0;
    while missing > 0 && text_bytes < TEXT_BYTES_SHOWN_MAX {
        let count = missing.min(HISTORY_PAGE);
        let page = catalog.queries(filter, after, u32::try_from(count).unwrap_or(u32::MAX)).await?;
        missing -= page.len();
        after = page.last().map(QueryRecord::position);
        text_bytes += page.iter().map(|record| record.sql.len()).sum::<usize>();
        let ended = page.iter().filter(|record| !live.contains(&record.id));
        let rows: Vec<_> = ended.map(|record| (record, state_of(&record.outcome))).collect();
        pages.push(queries(&rows)?);
        if page.len() < count {
            break;
        }
    }
    Ok(pages)
}

/// Queries that run or ended on this server a moment ago, the newest first.
pub(super) fn running(live: &[Work]) -> Result<RecordBatch, Error> {
    let mut rows: Vec<_> = live.iter().map(|work| (&work.record, work.state)).collect();
    rows.sort_by_key(|(record, _)| std::cmp::Reverse((record.submitted_at, record.id)));
    queries(&rows)
}

fn queries(rows: &[(&QueryRecord, QueryState)]) -> Result<RecordBatch, Error> {
    let has_ended =
        |state: QueryState| !matches!(state, QueryState::Planning | QueryState::Running);
    batch([
        ("query_id", text(rows, |(record, _)| Some(record.id.to_string()))),
        ("principal", text(rows, |(record, _)| Some(&record.principal_name))),
        (TEXT_COLUMN, text(rows, |(record, _)| Some(&record.sql))),
        ("state", text(rows, |(_, state)| Some(state.as_str()))),
        ("tier", text(rows, |(record, _)| record.tier.as_ref())),
        ("submitted_at", time(rows, |(record, _)| Some(record.submitted_at))),
        ("started_at", time(rows, |(record, _)| record.started_at)),
        (
            "finished_at",
            time(rows, |(record, state)| has_ended(*state).then_some(record.finished_at)),
        ),
        ("row_count", number(rows, |(record, _)| Some(record.rows))),
        ("bytes_scanned", number(rows, |(record, _)| record.bytes_scanned)),
        ("bytes_sent", number(rows, |(record, _)| record.bytes_sent)),
        ("cpu_us", number(rows, |(record, _)| record.cpu_time.map(microseconds))),
        ("peak_memory_bytes", number(rows, |(record, _)| record.peak_memory_bytes)),
        ("spilled_bytes", number(rows, |(record, _)| record.spilled_bytes)),
        ("retries", number(rows, |(record, _)| record.retries)),
        ("outcome", text(rows, |(record, state)| has_ended(*state).then_some(&record.outcome))),
    ])
}

fn state_of(outcome: &str) -> QueryState {
    match outcome {
        "ok" => QueryState::Finished,
        "query_cancelled" => QueryState::Cancelled,
        _ => QueryState::Failed,
    }
}

fn microseconds(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// What queries took, by principal and day.
pub(super) fn usage(rows: &[Usage], seen: &VisibleSnapshot) -> Result<RecordBatch, Error> {
    let name = |row: &Usage| seen.principal_by_id(row.principal).map(|found| found.name.clone());
    batch([
        ("principal", text(rows, name)),
        ("day", time(rows, |row| Some(row.day))),
        ("queries", number(rows, |row| Some(row.queries))),
        ("failed", number(rows, |row| Some(row.failed))),
        ("row_count", number(rows, |row| Some(row.rows))),
        ("bytes_scanned", number(rows, |row| Some(row.bytes_scanned))),
        ("bytes_sent", number(rows, |row| Some(row.bytes_sent))),
        ("cpu_us", number(rows, |row| Some(microseconds(row.cpu_time)))),
        ("spilled_bytes", number(rows, |row| Some(row.spilled_bytes))),
        ("retries", number(rows, |row| Some(row.retries))),
    ])
}

/// Executors.
pub(super) fn executors(rows: &[ExecutorStatus]) -> Result<RecordBatch, Error> {
    let state = |row: &ExecutorStatus| {
        Some(match row.state {
            ExecutorState::Active => "active",
            ExecutorState::Draining => "draining",
            ExecutorState::Lost => "lost",
        })
    };
    batch([
        ("executor_id", text(rows, |row| Some(&row.id))),
        ("address", text(rows, |row| Some(&row.address))),
        ("state", text(rows, state)),
        ("cores", number(rows, |row| Some(row.cores as u64))),
        ("memory_bytes", number(rows, |row| Some(row.memory_bytes))),
        ("running_tasks", number(rows, |row| Some(u64::from(row.running_tasks)))),
    ])
}

/// Settings of the session.
pub(super) fn settings(rows: Vec<Shown>) -> Result<RecordBatch, Error> {
    batch([
        ("name", text(&rows, |row| Some(row.key))),
        ("value", text(&rows, |row| Some(&row.value))),
        ("description", text(&rows, |row| Some(row.description))),
    ])
}
