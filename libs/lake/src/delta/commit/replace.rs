//! Another table in the place of one that is there, and other rows in the place of a table's: its
//! versions go on, and the files that it had are removed by the same entry of its log.

use std::sync::Arc;

use delta_kernel::committer::Committer;
use delta_kernel::transaction::create_table::create_table;
use delta_kernel::transaction::data_layout::DataLayout;
use delta_kernel::transaction::{Transaction, UpdateTableOperation};
use delta_kernel::{KernelError, KernelResult, SnapshotRef};
use object_store::memory::InMemory;
use serde_json::{Value, json};

use super::actions::{Recorded, Recorder, Together, metadata_action, protocol_action};
use super::append::{add, check_same_table};
use super::attempts::Step;
use super::create::{NewTable, described, with_first_files};
use super::info::{Metric, metrics, removed_metrics};
use super::properties::{APPEND_ONLY, check_settable};
use super::protocols::{widened, writers};
use super::{Change, Commits, ENGINE};
use crate::Error;
use crate::delta::blocking::blocking;
use crate::delta::guarded::LogEngine;
use crate::delta::writable::writable;
use crate::delta::{DeltaLog, TableRoot, TableState};
use crate::write::WrittenFile;

/// What stays of a table's properties when it is replaced: the log tells the time by them.
const CLOCK: [&str; 3] = [
    "delta.enableInCommitTimestamps",
    "delta.inCommitTimestampEnablementVersion",
    "delta.inCommitTimestampEnablementTimestamp",
];
/// Features for which new files would have to say what is not known here.
const NOT_REPLACED: [&str; 7] = [
    "rowTracking",
    "clustering",
    "icebergCompatV1",
    "icebergCompatV2",
    "icebergCompatV3",
    "materializePartitionColumns",
    "catalogManaged",
];

/// What stands in the log of who emptied a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwriting {
    /// `INSERT OVERWRITE`.
    Insert,
    /// `TRUNCATE`.
    Truncate,
}

/// What stands in the log of who made another table in the place of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replacing {
    /// `CREATE OR REPLACE TABLE`.
    Columns,
    /// `CREATE OR REPLACE TABLE … AS`.
    Query,
}

impl Commits {
    /// Makes of a table another one with `files` as its rows: with other columns, partitions and
    /// properties, the same identifier and the versions that it had; the version that is that.
    /// `read` is the version whose rows `files` were made of, if they were.
    ///
    /// # Errors
    /// [`Error::InvalidTable`] for columns that the protocol does not allow, those of
    /// [`Commits::set_properties`] for properties, [`Error::AppendOnly`],
    /// [`Error::UnsupportedFeature`], [`Error::RowsChanged`] where the table is at another version
    /// than the one that was read, and those of a commit: [`Commits::append`].
    pub async fn replace(
        &self,
        log: &DeltaLog,
        table: NewTable,
        files: Vec<WrittenFile>,
        read: Option<u64>,
        by: Replacing,
    ) -> Result<u64, Error> {
        check_settable(&table.properties)?;
        let parameters = vec![
            ("partitionBy", json!(table.partition_names()).to_string()),
            ("properties", json!(table.properties).to_string()),
        ];
        let written = metrics(&files);
        let recorded = recorded(log.root().clone(), table, files).await?;
        self.take(log, Replace { recorded, parameters, written, read, by }).await
    }

    /// Puts `files`, which were written for the table as `base` has it, in the place of all that it
    /// holds; the version that has them. `read` is the version whose rows they were made of, if
    /// they were.
    ///
    /// # Errors
    /// [`Error::TableChanged`], [`Error::AppendOnly`], [`Error::UnsupportedFeature`],
    /// [`Error::RowsChanged`] where the table is at another version than the one that was read, and
    /// those of a commit: [`Commits::append`].
    pub async fn overwrite(
        &self,
        log: &DeltaLog,
        base: &Arc<TableState>,
        files: Vec<WrittenFile>,
        read: Option<u64>,
        by: Overwriting,
    ) -> Result<u64, Error> {
        self.take(log, Overwrite { base: Arc::clone(base), files, read, by }).await
    }

    /// Refuses a table whose rows cannot be replaced here.
    ///
    /// # Errors
    /// [`Error::AppendOnly`], [`Error::UnsupportedFeature`].
    pub fn check_replaceable(&self, state: &TableState) -> Result<(), Error> {
        check_removable(state)
    }
}

/// What is to be in the place of a table.
struct Replace {
    recorded: Recorded,
    parameters: Vec<(&'static str, String)>,
    written: [Metric; 3],
    read: Option<u64>,
    by: Replacing,
}

impl Step for Replace {
    fn check(&self, newest: &TableState) -> Result<(), Error> {
        check_removable(newest)?;
        check_unread_or_same(newest, self.read)
    }

    fn transaction(
        &self,
        engine: &LogEngine,
        newest: &TableState,
        change: Change,
    ) -> KernelResult<Transaction> {
        let present = newest.snapshot.table_configuration();
        let (Some(metadata), Some(protocol)) = (&self.recorded.metadata, &self.recorded.protocol)
        else {
            return Err(KernelError::internal_error("a new table has no columns".to_string()));
        };
        let mut metadata = serde_json::to_value(metadata)?;
        metadata["id"] = json!(newest.table_id());
        for name in CLOCK {
            if let Some(value) = newest.properties().get(name) {
                metadata["configuration"][name] = Value::String(value.clone());
            }
        }
        let mut actions = vec![metadata_action(&metadata)?];
        if let Some(protocol) = widened(present.protocol(), protocol) {
            actions.push(protocol_action(&protocol)?);
        }
        actions.extend(self.recorded.adds.iter().cloned());
        let told = Told {
            operation: UpdateTableOperation::Custom("CREATE OR REPLACE TABLE".to_string()),
            parameters: self.parameters.clone(),
            metrics: self.written.clone().into_iter().chain(removed_metrics(newest)).collect(),
        };
        let committer = match self.by {
            Replacing::Columns => Together::with(actions),
            Replacing::Query => {
                Together::with(actions).told_as("CREATE OR REPLACE TABLE AS SELECT")
            }
        };
        let mut transaction = begin(engine, newest, told, Some(change), Box::new(committer))?;
        remove_all(&mut transaction, engine, newest)?;
        Ok(transaction)
    }
}

/// What is to be in the place of a table's rows.
struct Overwrite {
    base: Arc<TableState>,
    files: Vec<WrittenFile>,
    read: Option<u64>,
    by: Overwriting,
}

impl Step for Overwrite {
    fn check(&self, newest: &TableState) -> Result<(), Error> {
        check_same_table(&self.base, newest)?;
        check_removable(newest)?;
        check_unread_or_same(newest, self.read)
    }

    fn transaction(
        &self,
        engine: &LogEngine,
        newest: &TableState,
        change: Change,
    ) -> KernelResult<Transaction> {
        let told = match self.by {
            Overwriting::Insert => Told {
                operation: UpdateTableOperation::Write,
                parameters: vec![("mode", "Overwrite".to_string())],
                metrics: metrics(&self.files).into_iter().chain(removed_metrics(newest)).collect(),
            },
            Overwriting::Truncate => Told {
                operation: UpdateTableOperation::Custom("TRUNCATE".to_string()),
                parameters: Vec::new(),
                metrics: removed_metrics(newest).to_vec(),
            },
        };
        let committer = Box::new(Together::with(self.adds(engine, newest)?));
        let mut transaction = begin(engine, newest, told, Some(change), committer)?;
        remove_all(&mut transaction, engine, newest)?;
        Ok(transaction)
    }
}

impl Overwrite {
    /// The files as a transaction that only adds them would write them. One that removes others
    /// too would be refused where the table tells its changes, for it might be an update.
    fn adds(
        &self,
        engine: &LogEngine,
        newest: &TableState,
    ) -> KernelResult<Vec<arrow::array::RecordBatch>> {
        if self.files.is_empty() {
            return Ok(Vec::new());
        }
        let recorder = Recorder::default();
        let told = Told {
            operation: UpdateTableOperation::Write,
            parameters: Vec::new(),
            metrics: Vec::new(),
        };
        let mut transaction = begin(engine, newest, told, None, Box::new(recorder.clone()))?;
        add(&mut transaction, newest, &self.files)?;
        Ok(recorder.record(transaction, engine)?.adds)
    }
}

/// What a commit tells of itself.
struct Told {
    operation: UpdateTableOperation,
    parameters: Vec<(&'static str, String)>,
    metrics: Vec<Metric>,
}

fn begin(
    engine: &LogEngine,
    newest: &TableState,
    told: Told,
    change: Option<Change>,
    committer: Box<dyn Committer>,
) -> KernelResult<Transaction> {
    let parameters = told.parameters.into_iter().map(|(name, value)| (name, Some(value)));
    let mut builder = writable(SnapshotRef::clone(&newest.snapshot))?
        .update_table(told.operation, ENGINE, true)
        .with_operation_parameters(parameters)
        .with_operation_metrics(told.metrics);
    if let Some(change) = change {
        builder = change.sign(builder)?;
    }
    builder.build(engine, committer)
}

/// Lets a transaction remove every file of a version.
fn remove_all(
    transaction: &mut Transaction,
    engine: &LogEngine,
    newest: &TableState,
) -> KernelResult<()> {
    let scan = SnapshotRef::clone(&newest.snapshot).scan_builder().build()?;
    for files in scan.scan_metadata(engine)? {
        transaction.remove_files(files?.scan_files);
    }
    Ok(())
}

/// What making the table would write. It is made where nothing is, and nothing comes of it.
async fn recorded(
    root: TableRoot,
    table: NewTable,
    files: Vec<WrittenFile>,
) -> Result<Recorded, Error> {
    let engine = LogEngine::new(Arc::new(InMemory::new()), &root);
    let recorded = blocking(move |_| {
        let recorder = Recorder::default();
        let (columns, names) = described(&table)?;
        let mut builder = create_table(root.url(), columns, ENGINE, true)
            .with_table_properties(table.properties.clone());
        if !names.is_empty() {
            builder = builder.with_data_layout(DataLayout::partitioned(names.clone()));
        }
        let transaction = builder.build(&engine, Box::new(recorder.clone()))?;
        let transaction = with_first_files(transaction, &root, &names, &files)?;
        recorder.record(transaction, &engine)
    });
    recorded.await.map_err(|error| Error::InvalidTable { source: Box::new(error) })
}

fn check_removable(state: &TableState) -> Result<(), Error> {
    let location = state.root.to_string();
    if state.properties().get(APPEND_ONLY).is_some_and(|value| value == "true") {
        return Err(Error::AppendOnly { location });
    }
    let features = writers(state.snapshot.table_configuration().protocol());
    match NOT_REPLACED.iter().find(|name| features.contains(**name)) {
        Some(name) => {
            let feature = format!("other rows in their place with {name}");
            Err(Error::UnsupportedFeature { location, feature })
        }
        None => Ok(()),
    }
}

/// Whoever reads a table to replace it must not lose what came since.
fn check_unread_or_same(newest: &TableState, read: Option<u64>) -> Result<(), Error> {
    match read {
        Some(read) if read != newest.version() => {
            Err(Error::RowsChanged { location: newest.root.to_string() })
        }
        _ => Ok(()),
    }
}
