//! The versions that one statement reads.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::temporal_conversions::timestamp_ms_to_datetime;
use parking_lot::Mutex;

use super::{AsOf, DeltaLog, DeltaTables, TableRoot, TableState};
use crate::Error;

/// What a statement reads of each table, taken when it first names it and kept for as long as the
/// statement is: through views, joins with itself and planning anew for another tier.
#[derive(Debug)]
pub struct TakenVersions {
    known: Arc<DeltaTables>,
    newest: Mutex<HashMap<TableRoot, Arc<TableState>>>,
    others: Mutex<HashMap<(TableRoot, u64), Arc<TableState>>>,
    times: Mutex<HashMap<String, i64>>,
}

impl TakenVersions {
    /// Nothing taken yet, of what `known` keeps of tables.
    pub fn new(known: Arc<DeltaTables>) -> Self {
        Self { known, newest: Mutex::default(), others: Mutex::default(), times: Mutex::default() }
    }

    /// The newest version of a table, as the statement first met it.
    ///
    /// # Errors
    /// As [`DeltaLog::open`].
    pub async fn of(&self, log: &DeltaLog) -> Result<Arc<TableState>, Error> {
        if let Some(taken) = self.newest.lock().get(log.root()) {
            return Ok(Arc::clone(taken));
        }
        let newest = self.known.state(log, AsOf::Latest).await?;
        let mut taken = self.newest.lock();
        Ok(Arc::clone(taken.entry(log.root().clone()).or_insert(newest)))
    }

    /// Whether the statement reads a table, at whatever version.
    pub fn reads(&self, root: &TableRoot) -> bool {
        self.newest.lock().contains_key(root)
            || self.others.lock().keys().any(|(other, _)| other == root)
    }

    /// The newest version of a table, if the statement has met the table.
    pub fn taken(&self, root: &TableRoot) -> Option<Arc<TableState>> {
        self.newest.lock().get(root).map(Arc::clone)
    }

    /// A version of a table that the statement asks for.
    ///
    /// # Errors
    /// As [`DeltaLog::open`], and [`Error::TimestampAfterNewest`].
    pub async fn at(&self, log: &DeltaLog, as_of: AsOf) -> Result<Arc<TableState>, Error> {
        let version = match as_of {
            AsOf::Latest => return self.of(log).await,
            AsOf::Version(version) => version,
            AsOf::Timestamp(time) => self.version_at(log, time).await?,
        };
        if let Some(newest) = self.newest.lock().get(log.root())
            && newest.version() == version
        {
            return Ok(Arc::clone(newest));
        }
        let key = (log.root().clone(), version);
        if let Some(taken) = self.others.lock().get(&key) {
            return Ok(Arc::clone(taken));
        }
        let state = self.known.state(log, AsOf::Version(version)).await?;
        Ok(Arc::clone(self.others.lock().entry(key).or_insert(state)))
    }

    /// The newest version that is not younger than `time`, in milliseconds since 1970-01-01 UTC.
    ///
    /// # Errors
    /// [`Error::TimestampOutOfRange`] before the first version that can still be read,
    /// [`Error::TimestampAfterNewest`] after the newest.
    pub async fn version_at(&self, log: &DeltaLog, time: i64) -> Result<u64, Error> {
        let newest = self.of(log).await?;
        let version = log.version_as_of(&newest, time).await?;
        // Of the newest it is not known what comes after it.
        if version == newest.version() {
            self.version_since(log, time).await?;
        }
        Ok(version)
    }

    /// The oldest version that is not older than `time`, in milliseconds since 1970-01-01 UTC.
    ///
    /// # Errors
    /// [`Error::TimestampAfterNewest`] after the newest.
    pub async fn version_since(&self, log: &DeltaLog, time: i64) -> Result<u64, Error> {
        let newest = self.of(log).await?;
        match log.version_since(&newest, time).await {
            Err(Error::TimestampOutOfRange { .. }) => {
                Err(after_newest(log, newest.version()).await?)
            }
            version => version,
        }
    }

    /// The table and version of which a file is, by a text that names the file; whether the
    /// statement asked for that version. `None` for a file of no table that was taken.
    pub fn whose(&self, text: &str) -> Option<(TableRoot, u64, bool)> {
        let newest = self.newest.lock().clone();
        let others = self.others.lock().clone();
        let others = others.into_keys().map(|(root, version)| (root, version, true));
        let newest = newest.into_iter().map(|(root, state)| (root, state.version(), false));
        // The deepest folder is the table's own; of two versions of it the newest is whole.
        others
            .chain(newest)
            .filter(|(root, ..)| text.contains(&format!("{}/", root.folder())))
            .max_by_key(|(root, _, is_asked_for)| (root.folder().as_ref().len(), *is_asked_for))
    }

    /// The value of an expression for a time, which is asked for once a statement: `now()` does not
    /// mean another version when the statement is planned anew.
    ///
    /// # Errors
    /// Those of `value`.
    pub fn time<E>(
        &self,
        expression: String,
        value: impl FnOnce() -> Result<i64, E>,
    ) -> Result<i64, E> {
        if let Some(time) = self.times.lock().get(&expression) {
            return Ok(*time);
        }
        let time = value()?;
        Ok(*self.times.lock().entry(expression).or_insert(time))
    }
}

async fn after_newest(log: &DeltaLog, version: u64) -> Result<Error, Error> {
    let commits = log.history_between(version, version).await?;
    let newest = commits.first().map_or_else(String::new, |commit| shown(commit.timestamp));
    Ok(Error::TimestampAfterNewest { location: log.root().to_string(), version, newest })
}

fn shown(milliseconds: i64) -> String {
    timestamp_ms_to_datetime(milliseconds)
        .map_or_else(|| format!("{milliseconds} ms"), |time| format!("{time} UTC"))
}
