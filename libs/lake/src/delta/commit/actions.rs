//! Actions beside those that a transaction of the log reader's makes: it neither replaces a table
//! nor changes its properties.

use std::sync::Arc;

use arrow::array::RecordBatch;
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
pub(super) struct Together(Vec<RecordBatch>);

impl Together {
    /// With rows of actions.
    pub(super) fn with(actions: Vec<RecordBatch>) -> Box<Self> {
        Box::new(Self(actions))
    }
}

impl Committer for Together {
    fn commit(
        &self,
        engine: &dyn Engine,
        actions: KernelResultIterator<'_, FilteredEngineData>,
        commit_metadata: CommitMetadata,
    ) -> KernelResult<CommitResponse> {
        let more = self.0.iter().map(|rows| {
            let rows = Box::new(ArrowEngineData::new(rows.clone()));
            Ok(FilteredEngineData::with_all_rows_selected(rows))
        });
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
