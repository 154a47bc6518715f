//! The newest known state of each table, kept and gone on from.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex as Lock;
use tokio::sync::Mutex;

use super::{AsOf, DeltaLog, TableRoot, TableState};
use crate::Error;

/// States of tables, shared by all queries, one a table, within a bound of bytes.
///
/// Each question for the newest version lists the log from the known version on, so an answer is
/// never older than the question.
#[derive(Debug)]
pub struct DeltaTables {
    bytes_max: usize,
    tables: Lock<HashMap<TableRoot, Arc<Entry>>>,
    clock: AtomicU64,
}

#[derive(Debug, Default)]
struct Entry {
    /// Held while the log is read, so that one table is read once at a time.
    state: Mutex<Option<Arc<TableState>>>,
    /// What is known of the state without waiting for it.
    bytes: AtomicU64,
    used: AtomicU64,
}

impl DeltaTables {
    /// An empty cache of at most `bytes_max` bytes.
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes_max, tables: Lock::default(), clock: AtomicU64::new(0) }
    }

    /// The state of a table as it is asked for. The newest state is kept; others are read each
    /// time, unless they are the newest.
    ///
    /// # Errors
    /// As [`DeltaLog::open`].
    pub async fn state(&self, log: &DeltaLog, as_of: AsOf) -> Result<Arc<TableState>, Error> {
        let wanted = match as_of {
            AsOf::Latest => return self.newest(log).await,
            AsOf::Version(version) => version,
            AsOf::Timestamp(time) => {
                let newest = self.newest(log).await?;
                log.version_as_of(&newest, time).await?
            }
        };
        match self.known(log.root()) {
            Some(known) if known.version() == wanted => Ok(known),
            _ => log.open(AsOf::Version(wanted)).await,
        }
    }

    /// Forgets a table.
    pub fn forget(&self, root: &TableRoot) {
        self.tables.lock().remove(root);
    }

    /// Bytes that all states hold, about.
    pub fn bytes(&self) -> u64 {
        self.tables.lock().values().map(|entry| entry.bytes.load(Ordering::Relaxed)).sum()
    }

    async fn newest(&self, log: &DeltaLog) -> Result<Arc<TableState>, Error> {
        let entry = self.entry(log.root());
        let mut held = entry.state.lock().await;
        let newest = match held.as_ref() {
            Some(known) => self.refreshed(log, known).await,
            None => log.open(AsOf::Latest).await,
        };
        match newest {
            Ok(newest) => {
                let bytes = u64::try_from(newest.memory()).unwrap_or(u64::MAX);
                entry.bytes.store(bytes, Ordering::Relaxed);
                *held = Some(Arc::clone(&newest));
                drop(held);
                self.shrink(log.root());
                Ok(newest)
            }
            Err(error) => {
                *held = None;
                entry.bytes.store(0, Ordering::Relaxed);
                drop(held);
                self.forget(log.root());
                Err(error)
            }
        }
    }

    /// Going on from `known`, or anew: what is known may be of a table that was there before.
    async fn refreshed(
        &self,
        log: &DeltaLog,
        known: &Arc<TableState>,
    ) -> Result<Arc<TableState>, Error> {
        match log.refresh(known).await {
            Ok(newest) => Ok(newest),
            Err(Error::Cancelled) => Err(Error::Cancelled),
            Err(error) => {
                tracing::debug!(table = %log.root(), error = %error, "reading a log anew");
                log.open(AsOf::Latest).await
            }
        }
    }

    fn known(&self, root: &TableRoot) -> Option<Arc<TableState>> {
        let entry = self.tables.lock().get(root).cloned()?;
        let state = entry.state.try_lock().ok()?;
        state.clone()
    }

    fn entry(&self, root: &TableRoot) -> Arc<Entry> {
        let entry = Arc::clone(self.tables.lock().entry(root.clone()).or_default());
        entry.used.store(self.clock.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        entry
    }

    /// Drops the states that were not asked for the longest, `kept` last, until the bound holds.
    fn shrink(&self, kept: &TableRoot) {
        let mut tables = self.tables.lock();
        let bound = u64::try_from(self.bytes_max).unwrap_or(u64::MAX);
        loop {
            let held: u64 = tables.values().map(|entry| entry.bytes.load(Ordering::Relaxed)).sum();
            if held <= bound {
                return;
            }
            let oldest = tables
                .iter()
                .min_by_key(|(root, entry)| (*root == kept, entry.used.load(Ordering::Relaxed)))
                .map(|(root, _)| root.clone());
            match oldest {
                Some(oldest) => tables.remove(&oldest),
                None => return,
            };
        }
    }
}
