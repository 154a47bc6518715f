//! More columns for a table that is there.

use arrow::datatypes::SchemaRef;
use delta_kernel::committer::FileSystemCommitter;
use delta_kernel::engine::arrow_conversion::TryIntoKernel;
use delta_kernel::schema::StructType;
use delta_kernel::transaction::{Transaction, UpdateTableOperation};
use delta_kernel::{KernelResult, SnapshotRef};
use serde_json::json;

use super::attempts::Step;
use super::{Change, Commits, ENGINE};
use crate::Error;
use crate::delta::guarded::LogEngine;
use crate::delta::writable::writable;
use crate::delta::{DeltaLog, TableState};

/// Columns to be added at the end.
struct AddColumns(SchemaRef);

impl Commits {
    /// Gives a table more columns, of types that tables have ([`super::storable()`]), behind those
    /// that it has; the version that has them. In rows that are there they are NULL.
    ///
    /// # Errors
    /// [`Error::ColumnExists`], [`Error::ColumnNotNullable`], [`Error::UnsupportedFeature`], and
    /// those of a commit: [`Commits::append`].
    pub async fn add_columns(&self, log: &DeltaLog, columns: SchemaRef) -> Result<u64, Error> {
        self.take(log, AddColumns(columns)).await
    }
}

impl Step for AddColumns {
    fn check(&self, newest: &TableState) -> Result<(), Error> {
        let present = newest.schema.columns().fields();
        for (position, column) in self.0.fields().iter().enumerate() {
            let name = column.name().to_lowercase();
            let is_same = |other: &str| other.to_lowercase() == name;
            let earlier = self.0.fields().iter().take(position);
            if present.iter().chain(earlier).any(|other| is_same(other.name())) {
                return Err(Error::ColumnExists { column: column.name().clone() });
            }
            if !column.is_nullable() {
                return Err(Error::ColumnNotNullable { column: column.name().clone() });
            }
        }
        Ok(())
    }

    fn transaction(
        &self,
        engine: &LogEngine,
        newest: &TableState,
        change: Change,
    ) -> KernelResult<Transaction> {
        let columns: StructType = self.0.as_ref().try_into_kernel()?;
        let told: Vec<_> = columns.fields().map(|column| json!({ "column": column })).collect();
        let operation = UpdateTableOperation::Custom("ADD COLUMNS".to_string());
        let builder = writable(SnapshotRef::clone(&newest.snapshot))?
            .update_table(operation, ENGINE, false)
            .with_operation_parameters([("columns", Some(json!(told).to_string()))]);
        let mut builder = change.sign(builder)?;
        for column in columns.into_fields() {
            builder = builder.add_column(column);
        }
        builder.build(engine, Box::new(FileSystemCommitter::new()))
    }
}
