//! Where the planner hangs writing in: a table that can only be inserted into.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, not_impl_err};
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;

use super::{FileWrite, FileWriteExec};

/// Takes rows and becomes a [`FileWriteExec`].
#[derive(Debug)]
pub struct FileSink {
    write: Arc<FileWrite>,
}

impl FileSink {
    /// Writes what is inserted as `write` says.
    pub fn new(write: Arc<FileWrite>) -> Self {
        Self { write }
    }
}

#[async_trait]
impl TableProvider for FileSink {
    fn schema(&self) -> SchemaRef {
        self.write.taken_columns()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _session: &dyn Session,
        _projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        not_impl_err!("reading what is only written")
    }

    async fn insert_into(
        &self,
        _session: &dyn Session,
        input: Arc<dyn ExecutionPlan>,
        _operation: InsertOp,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(FileWriteExec::new(input, Arc::clone(&self.write))))
    }
}
