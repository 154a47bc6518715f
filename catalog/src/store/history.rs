//! The history of queries, and usage summed from it.

use std::time::Duration;

use crate::error::Error;
use crate::limit::{HISTORY_PAGE_MAX, QUERY_TEXT_BYTES_MAX};
use crate::model::{HistoryFilter, HistoryPosition, QueryRecord, Usage};

use super::Catalog;
use super::database::{Intent, Row, Value, as_integer, values};
use super::read::parsed;
use super::time::{ms_of, time_of};

const ACTION: &str = "reading the history";

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

impl Catalog {
    /// Writes down queries that have ended, all in one transaction; several at a time cost little
    /// more than one. A query that is there already is left as it is.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn record_queries(&self, records: &[QueryRecord]) -> Result<(), Error> {
        if records.is_empty() {
            return Ok(());
        }
        let mut change = self.append("writing the history").await?;
        for record in records {
            change
                .execute(
                    "INSERT INTO query_history
                     (id, principal_id, principal_name, query, query_bytes, tier, submitted_at_ms,
                      started_at_ms, finished_at_ms, row_count, bytes_scanned, bytes_sent, cpu_us,
                      peak_memory_bytes, spilled_bytes, retries, outcome)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,
                             $17)
                     ON CONFLICT (id) DO NOTHING",
                    columns(record),
                )
                .await?;
        }
        change.commit().await
    }

    /// Queries of the history, the newest first: so many, from the one after `after` on.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn queries(
        &self,
        filter: &HistoryFilter,
        after: Option<HistoryPosition>,
        count: u32,
    ) -> Result<Vec<QueryRecord>, Error> {
        let (condition, mut values) = condition(filter);
        let text = if filter.without_text { "CAST('' AS TEXT)" } else { "query" };
        let mut sql = format!(
            "SELECT id, principal_id, principal_name, {text} AS query, tier, submitted_at_ms,
                    started_at_ms, finished_at_ms, row_count, bytes_scanned, bytes_sent, cpu_us,
                    peak_memory_bytes, spilled_bytes, retries, outcome
             FROM query_history WHERE {condition}"
        );
        if let Some(after) = after {
            // The time stands twice, so that the index serves both parts.
            sql.push_str(
                " AND finished_at_ms <= $4 AND (finished_at_ms < $4 OR id < $5)
                 ORDER BY finished_at_ms DESC, id DESC LIMIT $6",
            );
            values.extend(values![ms_of(after.finished_at), after.id.to_string()]);
        } else {
            sql.push_str(" ORDER BY finished_at_ms DESC, id DESC LIMIT $4");
        }
        values.push(Value::from(i64::from(count.min(HISTORY_PAGE_MAX))));
        let mut read = self.inner.database.begin(Intent::Read, ACTION).await?;
        let rows = read.fetch_all(&sql, values).await?;
        rows.iter().map(record).collect()
    }

    /// What queries took, by principal and day, the newest day first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn usage(&self, filter: &HistoryFilter) -> Result<Vec<Usage>, Error> {
        let (condition, mut values) = condition(filter);
        let sum = |column| format!("CAST(coalesce(sum({column}), 0) AS BIGINT) AS {column}");
        let sql = format!(
            "SELECT principal_id, finished_at_ms / {DAY_MS} AS day, count(*) AS queries,
                    CAST(sum(CASE WHEN outcome = 'ok' THEN 0 ELSE 1 END) AS BIGINT) AS failed,
                    {}, {}, {}, {}, {}, {}
             FROM query_history WHERE {condition}
             GROUP BY principal_id, finished_at_ms / {DAY_MS}
             ORDER BY day DESC, principal_id LIMIT $4",
            sum("row_count"),
            sum("bytes_scanned"),
            sum("bytes_sent"),
            sum("cpu_us"),
            sum("spilled_bytes"),
            sum("retries"),
        );
        values.push(Value::from(i64::from(HISTORY_PAGE_MAX)));
        let mut read = self.inner.database.begin(Intent::Read, ACTION).await?;
        let rows = read.fetch_all(&sql, values).await?;
        rows.iter().map(usage).collect()
    }
}

/// The condition of a filter, over the parameters `$1` to `$3`.
fn condition(filter: &HistoryFilter) -> (&'static str, Vec<Value>) {
    let principal = filter.principal;
    let since = filter.since.map_or(0, ms_of);
    let until = filter.until.map_or(i64::MAX, ms_of);
    let condition = match principal {
        Some(_) => "principal_id = $1 AND finished_at_ms >= $2 AND finished_at_ms < $3",
        None => "CAST($1 AS TEXT) IS NULL AND finished_at_ms >= $2 AND finished_at_ms < $3",
    };
    (condition, values![principal, since, until])
}

fn columns(record: &QueryRecord) -> Vec<Value> {
    let text = kept_text(&record.sql);
    let bytes = as_integer(text.len() as u64);
    values![
        record.id.to_string(),
        record.principal,
        record.principal_name.replace('\0', "\u{fffd}"),
        text,
        bytes,
        record.tier.clone(),
        ms_of(record.submitted_at),
        record.started_at.map(ms_of),
        ms_of(record.finished_at),
        as_integer(record.rows),
        record.bytes_scanned.map(as_integer),
        record.bytes_sent.map(as_integer),
        record.cpu_time.map(|time| as_integer(u64::try_from(time.as_micros()).unwrap_or(u64::MAX))),
        record.peak_memory_bytes.map(as_integer),
        record.spilled_bytes.map(as_integer),
        record.retries.map(as_integer),
        &record.outcome,
    ]
}

/// The beginning of a query's text, of which every byte can be kept.
fn kept_text(sql: &str) -> String {
    let end = sql.floor_char_boundary(QUERY_TEXT_BYTES_MAX);
    sql[..end].replace('\0', "\u{fffd}")
}

fn record(row: &Row) -> Result<QueryRecord, Error> {
    Ok(QueryRecord {
        id: parsed(row, "id")?,
        principal: parsed(row, "principal_id")?,
        principal_name: row.get("principal_name")?,
        sql: row.get("query")?,
        tier: row.get("tier")?,
        submitted_at: time_of(row.get("submitted_at_ms")?),
        started_at: row.get::<Option<i64>>("started_at_ms")?.map(time_of),
        finished_at: time_of(row.get("finished_at_ms")?),
        rows: row.count("row_count")?,
        bytes_scanned: row.known_count("bytes_scanned")?,
        bytes_sent: row.known_count("bytes_sent")?,
        cpu_time: row.known_count("cpu_us")?.map(Duration::from_micros),
        peak_memory_bytes: row.known_count("peak_memory_bytes")?,
        spilled_bytes: row.known_count("spilled_bytes")?,
        retries: row.known_count("retries")?,
        outcome: row.get("outcome")?,
    })
}

fn usage(row: &Row) -> Result<Usage, Error> {
    Ok(Usage {
        principal: parsed(row, "principal_id")?,
        day: time_of(row.get::<i64>("day")?.saturating_mul(DAY_MS)),
        queries: row.count("queries")?,
        failed: row.count("failed")?,
        rows: row.count("row_count")?,
        bytes_scanned: row.count("bytes_scanned")?,
        bytes_sent: row.count("bytes_sent")?,
        cpu_time: Duration::from_micros(row.count("cpu_us")?),
        spilled_bytes: row.count("spilled_bytes")?,
        retries: row.count("retries")?,
    })
}
