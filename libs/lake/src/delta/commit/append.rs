//! Adding files to a table.

use std::sync::Arc;
use std::time::SystemTime;

use delta_kernel::committer::FileSystemCommitter;
use delta_kernel::transaction::{Transaction, UpdateTableOperation};
use delta_kernel::{Engine, KernelResult, SnapshotRef};

use super::adds::adds;
use super::attempts::Step;
use super::info::metrics;
use super::{Change, Commits, ENGINE};
use crate::Error;
use crate::delta::guarded::LogEngine;
use crate::delta::writable::writable;
use crate::delta::{DeltaLog, TableState};
use crate::write::WrittenFile;

/// Files that were written for the table as `base` has it.
struct Append {
    base: Arc<TableState>,
    files: Vec<WrittenFile>,
    is_blind: bool,
}

impl Commits {
    /// Makes `files`, which were written for the table as `base` has it, part of the table; the
    /// version that has them first. Without files nothing is done. `is_blind` says that they were
    /// made without a look at the table.
    ///
    /// # Errors
    /// [`Error::TableChanged`] where the table's columns are others by now,
    /// [`Error::UnsupportedFeature`] where the table's protocol requires of writers what is not
    /// done here, [`Error::CommitContention`] after too many attempts, [`Error::CommitFailed`]
    /// where the store failed and does not tell whether it has the commit; after any other error
    /// none of the files is part of the table.
    pub async fn append(
        &self,
        log: &DeltaLog,
        base: &Arc<TableState>,
        files: Vec<WrittenFile>,
        is_blind: bool,
    ) -> Result<u64, Error> {
        if files.is_empty() {
            return Ok(base.version());
        }
        self.take(log, Append { base: Arc::clone(base), files, is_blind }).await
    }

    /// Refuses a table to which nothing can be added here.
    ///
    /// # Errors
    /// [`Error::UnsupportedFeature`] where the table's protocol requires of writers what is not
    /// done here.
    pub async fn check_writable(&self, log: &DeltaLog, state: &TableState) -> Result<(), Error> {
        let snapshot = SnapshotRef::clone(&state.snapshot);
        log.read(move |engine, _| begin(engine, snapshot, None, false).map(drop)).await
    }
}

impl Step for Append {
    fn check(&self, newest: &TableState) -> Result<(), Error> {
        check_same_table(&self.base, newest)
    }

    fn transaction(
        &self,
        engine: &LogEngine,
        newest: &TableState,
        change: Change,
    ) -> KernelResult<Transaction> {
        let snapshot = SnapshotRef::clone(&newest.snapshot);
        let mut transaction = begin(engine, snapshot, Some(change), self.is_blind)?
            .with_operation_metrics(metrics(&self.files));
        add(&mut transaction, newest, &self.files)?;
        Ok(transaction)
    }
}

/// Refuses a state that files written for `base` do not fit.
pub(super) fn check_same_table(base: &TableState, newest: &TableState) -> Result<(), Error> {
    if base.schema == newest.schema && base.table_id() == newest.table_id() {
        return Ok(());
    }
    Err(Error::TableChanged { location: newest.root.to_string() })
}

fn begin(
    engine: &dyn Engine,
    snapshot: SnapshotRef,
    change: Option<Change>,
    is_blind: bool,
) -> KernelResult<Transaction> {
    let mut builder = writable(snapshot)?
        .update_table(UpdateTableOperation::Write, ENGINE, true)
        .with_operation_parameters([("mode", Some("Append"))]);
    if let Some(change) = change {
        builder = change.sign(builder)?;
    }
    if is_blind {
        builder = builder.with_blind_append();
    }
    builder.build(engine, Box::new(FileSystemCommitter::new()))
}

/// Lets a transaction add files to a state.
pub(super) fn add(
    transaction: &mut Transaction,
    state: &TableState,
    files: &[WrittenFile],
) -> KernelResult<()> {
    let partitions = state.schema.partitions().iter();
    let names: Vec<_> =
        partitions.map(|column| state.schema.logged_name(*column).to_string()).collect();
    let statistics = transaction.stats_schema()?;
    transaction.add_files(adds(&state.root, &names, &statistics, files, now_ms())?);
    Ok(())
}

pub(super) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
