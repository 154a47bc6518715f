//! Making a table.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef as ArrowSchemaRef;
use delta_kernel::committer::FileSystemCommitter;
use delta_kernel::engine::arrow_conversion::TryIntoKernel;
use delta_kernel::schema::{SchemaRef, StructType};
use delta_kernel::transaction::CommitResult;
use delta_kernel::transaction::create_table::{CreateTableTransaction, create_table};
use delta_kernel::transaction::data_layout::DataLayout;
use delta_kernel::{Engine, KernelError, KernelResult};

use super::adds::adds;
use super::append::now_ms;
use super::info::{metrics, user_info};
use super::{Commits, ENGINE};
use crate::Error;
use crate::delta::{DeltaLog, TableRoot};
use crate::write::WrittenFile;

/// A table to be made.
#[derive(Debug, Clone)]
pub struct NewTable {
    /// Its columns, of types that tables have ([`super::storable()`]).
    pub columns: ArrowSchemaRef,
    /// Positions among the columns of those that partition it, outermost first.
    pub partitions: Vec<usize>,
    /// Its properties, such as `delta.appendOnly`.
    pub properties: BTreeMap<String, String>,
}

impl NewTable {
    /// The names of the columns that partition it.
    pub(super) fn partition_names(&self) -> Vec<String> {
        self.partitions.iter().map(|column| self.columns.field(*column).name().clone()).collect()
    }
}

impl Commits {
    /// Makes the table with `files` as its first rows, in a folder that holds none.
    ///
    /// # Errors
    /// [`Error::InvalidTable`] for columns or properties that the protocol does not allow,
    /// [`Error::TableExists`] where there is a table, [`Error::CommitFailed`] where the store failed
    /// or one came there meanwhile, which may be this one by an answer that was lost.
    pub async fn create(
        &self,
        log: &DeltaLog,
        table: NewTable,
        files: Vec<WrittenFile>,
    ) -> Result<(), Error> {
        let created = self.create_in_folder(log, table, files).await;
        if let (Err(_), Some(folder)) = (&created, log.root().local_path()) {
            // What was made for the table, unless something is in it.
            for empty in [folder.join("_delta_log"), folder] {
                let _ = tokio::fs::remove_dir(empty).await;
            }
        }
        created
    }

    async fn create_in_folder(
        &self,
        log: &DeltaLog,
        table: NewTable,
        files: Vec<WrittenFile>,
    ) -> Result<(), Error> {
        let root = log.root().clone();
        if let Some(folder) = root.local_path() {
            // The log's rules ask for a folder that is there.
            let made = tokio::fs::create_dir_all(folder).await;
            made.map_err(|error| self.commit_failed(log, error.into()))?;
        }
        let user = log.user().map(Arc::clone);
        let made = log
            .try_read(move |engine, _| try_create(engine, &root, &table, &files, user.as_deref()))
            .await;
        match made {
            Ok(CommitResult::Committed(_)) => Ok(()),
            Ok(CommitResult::Conflicted(_)) => {
                let source = KernelError::FileAlreadyExists(log.root().to_string());
                Err(self.commit_failed(log, source))
            }
            Ok(CommitResult::Retryable(failed)) => Err(self.commit_failed(log, failed.error)),
            Err(error @ (KernelError::ObjectStore(_) | KernelError::IOError(_))) => {
                Err(self.commit_failed(log, error))
            }
            Err(KernelError::TableAlreadyExistsAtPath(_)) => {
                Err(Error::TableExists { location: log.root().to_string() })
            }
            Err(error) => Err(Error::InvalidTable { source: Box::new(error) }),
        }
    }

    fn commit_failed(&self, log: &DeltaLog, source: KernelError) -> Error {
        Error::CommitFailed { location: log.root().to_string(), source: Box::new(source) }
    }
}

fn try_create(
    engine: &dyn Engine,
    root: &TableRoot,
    table: &NewTable,
    files: &[WrittenFile],
    user: Option<&str>,
) -> KernelResult<CommitResult<delta_kernel::transaction::CreateTable>> {
    let (columns, names) = described(table)?;
    let mut builder = create_table(root.url(), columns, ENGINE, true)
        .with_table_properties(table.properties.clone());
    if !names.is_empty() {
        builder = builder.with_data_layout(DataLayout::partitioned(names.clone()));
    }
    if let Some(user) = user {
        let (info, schema) = user_info(user)?;
        builder = builder.with_commit_info(info, schema);
    }
    if !files.is_empty() {
        builder = builder.with_operation_metrics(metrics(files));
    }
    let transaction = builder.build(engine, Box::new(FileSystemCommitter::new()))?;
    with_first_files(transaction, root, &names, files)?.commit(engine)
}

/// Columns and names of partition columns as the log has them.
pub(super) fn described(table: &NewTable) -> KernelResult<(SchemaRef, Vec<String>)> {
    let columns: StructType = table.columns.as_ref().try_into_kernel()?;
    Ok((Arc::new(columns), table.partition_names()))
}

/// Lets the transaction that makes a table add its first rows.
pub(super) fn with_first_files(
    mut transaction: CreateTableTransaction,
    root: &TableRoot,
    partition_names: &[String],
    files: &[WrittenFile],
) -> KernelResult<CreateTableTransaction> {
    if !files.is_empty() {
        let statistics = transaction.stats_schema()?;
        transaction.add_files(adds(root, partition_names, &statistics, files, now_ms())?);
    }
    Ok(transaction)
}
