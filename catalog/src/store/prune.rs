//! How long the history is kept.

use std::time::{Duration, SystemTime};

use crate::error::Error;
use crate::limit::PRUNED_AT_ONCE_MAX;

use super::Catalog;
use super::database::{as_integer, values};
use super::time::ms_of;

/// How much of the history is kept. The oldest queries go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryLimits {
    /// How long after its end a query is kept.
    pub age_max: Duration,
    /// How many queries are kept.
    pub rows_max: u64,
    /// How many bytes the texts of all queries may take together.
    pub text_bytes_max: u64,
}

impl Default for HistoryLimits {
    /// Thirty days, a hundred thousand queries, 256 MiB.
    fn default() -> Self {
        Self {
            age_max: Duration::from_secs(30 * 24 * 60 * 60),
            rows_max: 100_000,
            text_bytes_max: 256 << 20,
        }
    }
}

impl Catalog {
    /// Deletes from the history what is beyond the limits; the number of queries that went. It
    /// deletes a few at a time, so that nobody waits long; call it now and then.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn prune_history(&self, limits: &HistoryLimits) -> Result<u64, Error> {
        let oldest = SystemTime::now().checked_sub(limits.age_max).map_or(0, ms_of);
        let mut pruned = 0;
        loop {
            let gone = self.prune_once(limits, oldest).await?;
            pruned += gone;
            if gone < u64::from(PRUNED_AT_ONCE_MAX) {
                return Ok(pruned);
            }
        }
    }

    async fn prune_once(&self, limits: &HistoryLimits, oldest_ms: i64) -> Result<u64, Error> {
        let mut change = self.append("shortening the history").await?;
        let gone = change
            .execute(
                "DELETE FROM query_history WHERE id IN (
                     SELECT id FROM (
                         SELECT id, finished_at_ms,
                                row_number() OVER newest_first AS place,
                                sum(query_bytes) OVER newest_first AS bytes
                         FROM query_history
                         WINDOW newest_first AS (ORDER BY finished_at_ms DESC, id DESC)
                     ) AS placed
                     WHERE finished_at_ms < $1 OR place > $2 OR bytes > $3
                     ORDER BY finished_at_ms, id LIMIT $4)",
                values![
                    oldest_ms,
                    as_integer(limits.rows_max),
                    as_integer(limits.text_bytes_max),
                    i64::from(PRUNED_AT_ONCE_MAX),
                ],
            )
            .await?;
        change.commit().await?;
        Ok(gone)
    }
}
