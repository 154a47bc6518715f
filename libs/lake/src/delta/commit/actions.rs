//! Actions beside those that a transaction of the log reader's makes: it neither replaces a table
//! nor changes its properties.

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch, StringArray, StructArray};
use arrow::datatypes::Schema;
use arrow::json::ReaderBuilder;
use delta_kernel::actions::{LOG_METADATA_SCHEMA, LOG_PROTOCOL_SCHEMA, Metadata, Protocol};
use delta_kernel::committer::{
    CommitMetadata, CommitResponse, Committer, FileSystemCommitter, PublishMetadata,
};
use delta_kernel::engine::arrow_conversion::TryIntoArrow;
use delta_kernel::engine::arrow_data::ArrowEngineData;
use delta_kernel::engine_data::FilteredEngineData;
use delta_kernel::schema::SchemaRef;
use delta_kernel::transaction::{CommitResult, Transaction};
use delta_kernel::{Engine, KernelError, KernelResult, KernelResultIterator};
use parking_lot::Mutex;
use serde_json::{Value, json};

/// The action that tells of a commit, and where it names what was done.
const COMMIT_INFO: &str = "commitInfo";
const OPERATION: &str = "operation";

/// What a transaction would have written.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    pub(super) metadata: Option<Metadata>,
    pub(super) protocol: Option<Protocol>,
    /// The rows of `add` actions.
    pub(super) adds: Vec<RecordBatch>,
}

/// Takes note of a transaction and commits nothing.
#[derive(Debug, Clone, Default)]
pub(super) struct Recorder(Arc<Mutex<Recorded>>);

impl Recorder {
    /// What `transaction`, which has this committer, would write.
    ///
    /// # Errors
    /// The log's rules do not allow it.
    pub(super) fn record<State>(
        self,
        transaction: Transaction<State>,
        engine: &dyn Engine,
    ) -> KernelResult<Recorded> {
        match transaction.commit(engine)? {
            CommitResult::Retryable(failed) => Err(failed.error),
            CommitResult::Committed(_) | CommitResult::Conflicted(_) => {
                Ok(std::mem::take(&mut *self.0.lock()))
            }
        }
    }
}

impl Committer for Recorder {
    fn commit(
        &self,
        _engine: &dyn Engine,
        actions: KernelResultIterator<'_, FilteredEngineData>,
        commit_metadata: CommitMetadata,
    ) -> KernelResult<CommitResponse> {
        let mut recorded = Recorded {
            metadata: commit_metadata.protocol_metadata().new_metadata().cloned(),
            protocol: commit_metadata.protocol_metadata().new_protocol().cloned(),
            adds: Vec::new(),
        };
        for action in actions {
            let rows = ArrowEngineData::try_from_engine_data(action?.apply_selection_vector()?)?;
            if rows.record_batch().schema_ref().index_of("add").is_ok() {
                recorded.adds.push(rows.record_batch().clone());
            }
        }
        *self.0.lock() = recorded;
        // The transaction is then over without anything that comes after a commit.
        Ok(CommitResponse::Conflict { version: commit_metadata.version() })
    }

    fn is_catalog_committer(&self) -> bool {
        false
    }

    fn publish(&self, _engine: &dyn Engine, _metadata: PublishMetadata) -> KernelResult<()> {
        Ok(())
    }
}

/// Commits a transaction together with more actions, in one entry of the log.
pub(super) struct Together {
    actions: Vec<RecordBatch>,
    operation: Option<&'static str>,
}

impl Together {
    /// With rows of actions.
    pub(super) fn with(actions: Vec<RecordBatch>) -> Self {
        Self { actions, operation: None }
    }

    /// The same, telling another operation than the transaction's: some that the protocol knows
    /// cannot be named to one that updates a table.
    pub(super) fn told_as(self, operation: &'static str) -> Self {
        Self { operation: Some(operation), ..self }
    }
}

impl Committer for Together {
    fn commit(
        &self,
        engine: &dyn Engine,
        actions: KernelResultIterator<'_, FilteredEngineData>,
        commit_metadata: CommitMetadata,
    ) -> KernelResult<CommitResponse> {
        let actions = actions.map(|action| match self.operation {
            Some(operation) => renamed(action?, operation).map(all_of),
            None => action,
        });
        let more = self.actions.iter().map(|rows| Ok(all_of(rows.clone())));
        // What the commit says of itself stands first.
        let all = Box::new(actions.chain(more));
        FileSystemCommitter::new().commit(engine, all, commit_metadata)
    }

    fn is_catalog_committer(&self) -> bool {
        false
    }

    fn publish(&self, engine: &dyn Engine, metadata: PublishMetadata) -> KernelResult<()> {
        FileSystemCommitter::new().publish(engine, metadata)
    }
}

fn all_of(rows: RecordBatch) -> FilteredEngineData {
    FilteredEngineData::with_all_rows_selected(Box::new(ArrowEngineData::new(rows)))
}

/// The actions, of which the one that tells of the commit names another operation.
fn renamed(actions: FilteredEngineData, operation: &str) -> KernelResult<RecordBatch> {
    let rows = ArrowEngineData::try_from_engine_data(actions.apply_selection_vector()?)?;
    let rows = rows.record_batch().clone();
    let Some((position, told)) = column_of(&rows, COMMIT_INFO) else { return Ok(rows) };
    let (fields, mut columns, nulls) = told.clone().into_parts();
    if let Some((operations, _)) = fields.find(OPERATION) {
        columns[operations] = Arc::new(StringArray::from(vec![operation; rows.num_rows()]));
    }
    let mut replaced = rows.columns().to_vec();
    replaced[position] = Arc::new(StructArray::try_new(fields, columns, nulls)?);
    Ok(RecordBatch::try_new(rows.schema(), replaced)?)
}

fn column_of<'a>(rows: &'a RecordBatch, name: &str) -> Option<(usize, &'a StructArray)> {
    let position = rows.schema_ref().index_of(name).ok()?;
    Some((position, rows.column(position).as_struct_opt()?))
}

/// The row of a `metaData` action.
///
/// # Errors
/// It is none.
pub(super) fn metadata_action(metadata: &Value) -> KernelResult<RecordBatch> {
    action(&LOG_METADATA_SCHEMA, &json!({ "metaData": metadata }))
}

/// The row of a `protocol` action.
///
/// # Errors
/// It is none.
pub(super) fn protocol_action(protocol: &Value) -> KernelResult<RecordBatch> {
    action(&LOG_PROTOCOL_SCHEMA, &json!({ "protocol": protocol }))
}

fn action(schema: &SchemaRef, action: &Value) -> KernelResult<RecordBatch> {
    let schema: Schema = schema.as_ref().try_into_arrow()?;
    let mut decoder = ReaderBuilder::new(Arc::new(schema)).build_decoder()?;
    decoder.decode(action.to_string().as_bytes())?;
    let row = decoder.flush()?;
    row.ok_or_else(|| KernelError::internal_error("an action is no row".to_string()))
}
