//! Statements that write rows.

mod create_table;
mod insert;

use std::collections::BTreeMap;

use datafusion::common::TableReference;
use datafusion::sql::parser::Statement as ParsedStatement;
use datafusion::sql::sqlparser::ast::ColumnDef;

pub(super) use create_table::{checked_columns, read};
pub(super) use insert::{copy_to, insert, truncate};

/// A statement that writes rows.
#[derive(Debug)]
pub enum Write {
    /// `CREATE TABLE`, with or without rows.
    CreateTable(CreateTable),
    /// `INSERT INTO`.
    Insert {
        /// The table.
        table: TableReference,
        /// The columns that the rows are for; all when empty.
        columns: Vec<String>,
        /// Where the rows come from.
        query: Box<ParsedStatement>,
        /// They take the place of all rows that are there: `INSERT OVERWRITE`.
        overwrite: bool,
    },
    /// `TRUNCATE TABLE`.
    Truncate {
        /// The table.
        table: TableReference,
    },
    /// `COPY … TO`.
    CopyTo {
        /// Where the rows come from.
        query: Box<ParsedStatement>,
        /// A folder, or a file.
        target: String,
        /// The format by name, where it is said.
        format: Option<String>,
        /// Columns whose values name folders.
        partitioned_by: Vec<String>,
        /// Options of the format, as written.
        options: Vec<(String, String)>,
    },
}

/// A table to be made.
#[derive(Debug)]
pub struct CreateTable {
    /// Its name.
    pub name: TableReference,
    /// Its columns as declared; none where the query gives them.
    pub columns: Vec<ColumnDef>,
    /// Where its first rows come from.
    pub query: Option<Box<ParsedStatement>>,
    /// Columns that partition it.
    pub partitioned_by: Vec<String>,
    /// Where it is to lie, if not where the project has its tables.
    pub location: Option<String>,
    /// What somebody writes about it.
    pub comment: Option<String>,
    /// Its properties, such as `delta.appendOnly`.
    pub properties: BTreeMap<String, String>,
    /// An existing table is no error.
    pub if_not_exists: bool,
    /// An existing table becomes this one.
    pub or_replace: bool,
}
