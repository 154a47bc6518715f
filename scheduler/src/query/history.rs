//! The history of queries on its way into the catalog.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use lakegate_catalog::{Catalog, HistoryLimits, QueryRecord};
use lakegate_common::error::Chain;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// How often what has ended is written.
const WRITE_INTERVAL: Duration = Duration::from_secs(1);
/// How often what is too old is deleted.
const PRUNE_INTERVAL: Duration = Duration::from_secs(600);
/// Queries that one transaction writes.
const BATCH_MAX: usize = 500;

/// How much of the history is kept, and how much waits to be written.
#[derive(Debug, Clone, Copy)]
pub struct HistoryConfig {
    /// What the catalog keeps.
    pub limits: HistoryLimits,
    /// Ended queries that wait to be written; more are dropped and counted.
    pub queue_max: usize,
    /// Bytes of their texts; queries with more are dropped and counted.
    pub queue_text_bytes_max: usize,
}

/// Where ended queries are handed in. It never waits.
#[derive(Debug)]
pub(super) struct History {
    queue: Sender<QueryRecord>,
    waiting: Arc<TextBytes>,
}

/// Bytes of the texts that wait.
#[derive(Debug)]
struct TextBytes {
    now: AtomicUsize,
    max: usize,
}

impl TextBytes {
    /// Whether there is room for so many more; then they are counted.
    fn add(&self, bytes: usize) -> bool {
        let add = |now: usize| now.checked_add(bytes).filter(|sum| *sum <= self.max);
        self.now.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).is_ok()
    }

    fn remove(&self, bytes: usize) {
        self.now.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Writes what was handed in.
pub struct HistoryWriter {
    catalog: Catalog,
    limits: HistoryLimits,
    queue: Receiver<QueryRecord>,
    waiting: Arc<TextBytes>,
    /// Taken out of the queue, not yet in the catalog.
    batch: Vec<QueryRecord>,
}

/// The two ends of the way.
pub(super) fn history(catalog: Catalog, config: HistoryConfig) -> (History, HistoryWriter) {
    let (sender, queue) = channel(config.queue_max.max(1));
    let waiting =
        Arc::new(TextBytes { now: AtomicUsize::new(0), max: config.queue_text_bytes_max });
    let history = History { queue: sender, waiting: Arc::clone(&waiting) };
    let writer =
        HistoryWriter { catalog, limits: config.limits, queue, waiting, batch: Vec::new() };
    (history, writer)
}

impl History {
    /// Hands a query in that has ended. When too many wait it is dropped, and that is counted.
    pub(super) fn hand_in(&self, record: QueryRecord) {
        let bytes = record.sql.len();
        let has_room = self.waiting.add(bytes);
        if has_room && self.queue.try_send(record).is_ok() {
            return;
        }
        if has_room {
            self.waiting.remove(bytes);
        }
        metrics::counter!("lakegate_history_dropped_total").increment(1);
    }
}

impl HistoryWriter {
    /// Writes until `stop`, then what is left.
    ///
    /// # Errors
    /// None: what cannot be written now is tried again, and what cannot be at the end is told in
    /// the log.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), Infallible> {
        let mut writes = interval(WRITE_INTERVAL);
        writes.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut prunes = interval(PRUNE_INTERVAL);
        prunes.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = writes.tick() => self.write_all().await,
                _ = prunes.tick() => self.prune().await,
            }
        }
        self.write_all().await;
        let lost = self.batch.len() + self.queue.len();
        if lost > 0 {
            tracing::warn!(queries = lost, "the history ends without its last queries");
        }
        Ok(())
    }

    /// Writes all that waits, as far as the catalog takes it.
    async fn write_all(&mut self) {
        loop {
            while self.batch.len() < BATCH_MAX {
                let Ok(record) = self.queue.try_recv() else { break };
                self.batch.push(record);
            }
            if self.batch.is_empty() {
                return;
            }
            if let Err(error) = self.catalog.record_queries(&self.batch).await {
                tracing::warn!(error = %Chain(&error), "the history cannot be written now");
                return;
            }
            self.waiting.remove(self.batch.iter().map(|record| record.sql.len()).sum());
            self.batch.clear();
        }
    }

    async fn prune(&self) {
        match self.catalog.prune_history(&self.limits).await {
            Ok(0) => {}
            Ok(gone) => tracing::debug!(queries = gone, "old queries left the history"),
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "the history cannot be shortened now");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use lakegate_catalog::{CatalogUrl, HistoryFilter};

    use super::*;
    use crate::identity::tests::principal;

    fn record(number: usize) -> QueryRecord {
        let now = SystemTime::now();
        QueryRecord {
            id: uuid::Uuid::now_v7(),
            principal: principal("ann").id,
            principal_name: "ann".to_string(),
            sql: format!("SELECT {number}"),
            tier: None,
            submitted_at: now,
            started_at: None,
            finished_at: now,
            rows: 0,
            bytes_scanned: None,
            bytes_sent: None,
            cpu_time: None,
            peak_memory_bytes: None,
            spilled_bytes: None,
            retries: None,
            outcome: "ok".to_string(),
        }
    }

    async fn catalog(folder: &tempfile::TempDir) -> Catalog {
        let url = CatalogUrl::sqlite(folder.path().join("catalog.db"));
        Catalog::open_with(&url, None).await.unwrap()
    }

    /// What the catalog has when the writer has come to its end.
    async fn written(writer: HistoryWriter) -> usize {
        let (catalog, stop) = (writer.catalog.clone(), CancellationToken::new());
        stop.cancel();
        writer.run(stop).await.unwrap();
        catalog.queries(&HistoryFilter::default(), None, 10_000).await.unwrap().len()
    }

    #[tokio::test]
    async fn what_waits_is_written_at_the_stop_and_what_is_too_much_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let config = HistoryConfig {
            limits: HistoryLimits::default(),
            queue_max: 1_200,
            queue_text_bytes_max: 1 << 20,
        };
        let (history, writer) = history(catalog(&folder).await, config);
        for number in 0..1_300 {
            history.hand_in(record(number));
        }
        assert_eq!(written(writer).await, 1_200);
    }

    #[tokio::test]
    async fn texts_that_wait_are_bounded_by_their_bytes_until_they_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let config = HistoryConfig {
            limits: HistoryLimits::default(),
            queue_max: 100,
            queue_text_bytes_max: 1_000,
        };
        let (history, mut writer) = history(catalog(&folder).await, config);
        let long = |number| QueryRecord { sql: "x".repeat(400), ..record(number) };
        for number in 0..5 {
            history.hand_in(long(number));
        }
        history.hand_in(record(5));
        writer.write_all().await;
        assert_eq!(history.waiting.now.load(Ordering::Relaxed), 0);
        history.hand_in(long(6));
        assert_eq!(written(writer).await, 4);
    }
}
