//! The change data feed: which rows came and went between two versions.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::{Int64Type, Schema, SchemaRef, TimestampMicrosecondType};
use datafusion::catalog::TableProvider;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::common::{DataFusionError, Result as EngineResult};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::parquet::errors::ParquetError;
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::streaming::PartitionStream;
use delta_kernel::Engine;
use delta_kernel::engine::arrow_conversion::TryIntoArrow;
use delta_kernel::engine::arrow_data::EngineDataArrowExt;
use delta_kernel::table_changes::TableChanges;
use delta_kernel::{KernelError, KernelResult};
use tokio::sync::mpsc::Sender;

use super::conform::conformed;
use super::failure::{failure, version_failure};
use super::schema::{shown, unread_type};
use super::{ColumnMapping, DeltaLog, TableRoot};
use crate::Error;

/// Batches of changes that wait for their reader.
const BATCHES_AHEAD: usize = 4;
/// The column that names the version of a change.
const COMMIT_VERSION: &str = "_commit_version";
/// The column that tells the time of a change.
const COMMIT_TIMESTAMP: &str = "_commit_timestamp";

impl DeltaLog {
    /// The changes of the versions `from` to `to`, both among them; to the newest without `to`.
    /// The table has the columns of its last version and `_change_type`, `_commit_version`,
    /// `_commit_timestamp`. It is read by one thread of the process that plans it.
    ///
    /// # Errors
    /// [`Error::VersionNotFound`]; [`Error::UnsupportedFeature`] where the table kept no changes
    /// in one of the versions, or its columns differ between them.
    pub async fn changes(
        &self,
        from: u64,
        to: Option<u64>,
    ) -> Result<Arc<dyn TableProvider>, Error> {
        let url = self.root().url().clone();
        let opened = self.try_read(move |engine, _| {
            let changes = TableChanges::try_new(url, engine, from, to)?;
            let schema: Schema = changes.schema().try_into_arrow()?;
            let unread = unread_type(changes.schema());
            Ok((changes.end_version(), schema, unread, Arc::new(changes)))
        });
        let (to, logged, unread, changes) = opened.await.map_err(|error| {
            let missing = to.map_or(from, |to| from.max(to));
            change_failure(self.root(), missing, error)
        })?;
        if let Some(feature) = unread {
            let (location, feature) = (self.root().to_string(), feature.to_string());
            return Err(Error::UnsupportedFeature { location, feature });
        }
        let commits = self.history_between(from, to).await?;
        let own_times = commits.iter().filter(|commit| commit.in_commit);
        let own_times = own_times.filter_map(|commit| {
            Some((i64::try_from(commit.version).ok()?, commit.timestamp.saturating_mul(1_000)))
        });
        let schema = Schema::new(logged.fields().iter().map(shown).collect::<Vec<_>>());
        let feed = ChangeFeed {
            log: self.clone(),
            changes,
            logged: Arc::new(logged),
            schema: Arc::new(schema),
            own_times: own_times.collect(),
        };
        let schema = Arc::clone(&feed.schema);
        let table = StreamingTable::try_new(schema, vec![Arc::new(feed)]);
        table
            .map(|table| Arc::new(table) as Arc<dyn TableProvider>)
            .map_err(|source| Error::InvalidColumns { reason: source.strip_backtrace() })
    }
}

fn change_failure(root: &TableRoot, version: u64, error: KernelError) -> Error {
    let unsupported =
        |feature: String| Error::UnsupportedFeature { location: root.to_string(), feature };
    match error {
        KernelError::Backtraced { source, .. } => change_failure(root, version, *source),
        KernelError::ChangeDataFeedUnsupported(version) => unsupported(format!(
            "a change data feed (delta.enableChangeDataFeed) at version {version}"
        )),
        KernelError::ChangeDataFeedIncompatibleSchema(..) => different_columns(unsupported),
        KernelError::Generic(text) if text.contains("schemas are different") => {
            different_columns(unsupported)
        }
        error @ KernelError::Unsupported(_) => failure(root.url().as_str(), error),
        error => version_failure(root.url().as_str(), version, error),
    }
}

/// The error of reading data files, which the log has named.
fn reading_failure(root: &TableRoot, error: KernelError) -> DataFusionError {
    match error {
        KernelError::Backtraced { source, .. } => reading_failure(root, *source),
        KernelError::ObjectStore(error) => DataFusionError::ObjectStore(Box::new(error)),
        KernelError::Parquet(ParquetError::External(source)) => {
            match source.downcast::<object_store::Error>() {
                Ok(error) => DataFusionError::ObjectStore(error),
                Err(source) => {
                    DataFusionError::ParquetError(Box::new(ParquetError::External(source)))
                }
            }
        }
        KernelError::Parquet(error) => DataFusionError::ParquetError(Box::new(error)),
        KernelError::FileNotFound(path) => {
            let source = "a change names it".into();
            DataFusionError::ObjectStore(Box::new(object_store::Error::NotFound { path, source }))
        }
        error => DataFusionError::External(Box::new(failure(root.url().as_str(), error))),
    }
}

fn different_columns(unsupported: impl Fn(String) -> Error) -> Error {
    unsupported("changes across versions with different columns, types or NOT NULL".to_string())
}

/// Changes as a stream of one partition.
struct ChangeFeed {
    log: DeltaLog,
    changes: Arc<TableChanges>,
    logged: SchemaRef,
    schema: SchemaRef,
    /// Times that commits tell of themselves, in microseconds, by version.
    own_times: HashMap<i64, i64>,
}

impl std::fmt::Debug for ChangeFeed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChangeFeed").field("table", self.log.root()).finish_non_exhaustive()
    }
}

impl PartitionStream for ChangeFeed {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut rows =
            RecordBatchReceiverStreamBuilder::new(Arc::clone(&self.schema), BATCHES_AHEAD);
        let sender = rows.tx();
        let engine: Arc<dyn Engine> = Arc::new(self.log.engine());
        let shape = Shape {
            logged: Arc::clone(&self.logged),
            schema: Arc::clone(&self.schema),
            own_times: self.own_times.clone(),
        };
        let (changes, root) = (Arc::clone(&self.changes), self.log.root().clone());
        rows.spawn_blocking(move || {
            send(changes, engine, &shape, &sender).map_err(|error| match error {
                Failure::Log(error) => reading_failure(&root, error),
                Failure::Engine(error) => error,
            })
        });
        rows.build()
    }
}

enum Failure {
    Log(KernelError),
    Engine(DataFusionError),
}

/// Sends all changes, or as many as somebody takes.
fn send(
    changes: Arc<TableChanges>,
    engine: Arc<dyn Engine>,
    shape: &Shape,
    sender: &Sender<EngineResult<RecordBatch>>,
) -> Result<(), Failure> {
    let read = || -> KernelResult<_> { changes.scan_builder().build()?.execute(engine) };
    for batch in read().map_err(Failure::Log)? {
        let batch = batch.try_into_record_batch().map_err(Failure::Log)?;
        let batch = shape.take(&batch).map_err(Failure::Engine)?;
        if sender.blocking_send(Ok(batch)).is_err() {
            break;
        }
    }
    Ok(())
}

/// How rows are shown.
struct Shape {
    logged: SchemaRef,
    schema: SchemaRef,
    own_times: HashMap<i64, i64>,
}

impl Shape {
    fn take(&self, batch: &RecordBatch) -> EngineResult<RecordBatch> {
        let mut columns = Vec::with_capacity(batch.num_columns());
        for (position, field) in self.schema.fields().iter().enumerate() {
            let logged = self.logged.field(position).data_type();
            let column = batch.column(position);
            columns.push(conformed(column, logged, field.data_type(), ColumnMapping::None)?);
        }
        if !self.own_times.is_empty() {
            let [version, time] =
                [COMMIT_VERSION, COMMIT_TIMESTAMP].map(|n| self.schema.index_of(n));
            let (version, time) = (version?, time?);
            let versions = columns[version].as_primitive::<Int64Type>().iter();
            let told = columns[time].as_primitive::<TimestampMicrosecondType>();
            let times: TimestampMicrosecondArray = versions
                .zip(told)
                .map(|(version, told)| {
                    version.and_then(|version| self.own_times.get(&version)).copied().or(told)
                })
                .collect();
            let zone = told.timezone().map(Into::into);
            columns[time] = Arc::new(times.with_timezone_opt::<Arc<str>>(zone));
        }
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }
}
