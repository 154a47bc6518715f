//! Delta tables: a version of the log, its columns and files, and the scan of them.
//!
//! [`DeltaLog`] reads the log, [`DeltaTables`] keeps what it read, [`DeltaTable`] is one version as
//! a table. Tables whose files have all columns under their own names and no deleted rows become
//! plain Parquet scans; the others get [`DeltaScanExec`] above such a scan.

mod actions;
mod adapter;
mod blocking;
mod cache;
mod changes;
mod commit;
mod conform;
mod detail;
mod failure;
mod files;
mod guarded;
mod history;
mod log;
mod plan;
mod root;
mod row_is_left;
mod rows_left;
mod scan;
mod schema;
mod table;
mod taken;
#[cfg(test)]
mod tests;
mod vectors;
mod writable;

pub use adapter::FileColumns;
pub use cache::DeltaTables;
pub use commit::{
    COLUMN_COMMENT, Commits, NewTable, Overwriting, PropertyChange, Replacing, storable,
};
pub use detail::TableDetail;
pub use history::{Commit, history_rows, history_schema};
pub use log::{AsOf, DeltaLog, TableState};
pub use root::TableRoot;
pub use scan::DeltaScanExec;
pub(crate) use schema::nullable_throughout;
pub use schema::{ColumnMapping, DeltaSchema};
pub use table::DeltaTable;
pub use taken::TakenVersions;
pub use vectors::{DeletionVector, DeletionVectors};
