//! What the catalog holds, as plain values.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use crate::ids::{DatasetId, PrincipalId, ProjectId, SchemaId};

/// The first level of a name; a catalog to SQL clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its identifier.
    pub id: ProjectId,
    /// Its name, unique in the service.
    pub name: String,
    /// When it was made.
    pub created_at: SystemTime,
}

/// The second level of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// Its identifier.
    pub id: SchemaId,
    /// The project that it belongs to.
    pub project: ProjectId,
    /// Its name, unique in the project.
    pub name: String,
    /// When it was made.
    pub created_at: SystemTime,
}

/// The third level of a name: something to select from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// Its identifier.
    pub id: DatasetId,
    /// The schema that it belongs to.
    pub schema: SchemaId,
    /// Its name, unique in the schema.
    pub name: String,
    /// What it is.
    pub kind: DatasetKind,
    /// When it was made or last replaced.
    pub created_at: SystemTime,
}

/// What a dataset is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatasetKind {
    /// Files that somebody else looks after.
    Table(ExternalTable),
    /// A query with a name.
    View(View),
}

impl DatasetKind {
    /// Table or view.
    pub fn dataset_type(&self) -> DatasetType {
        match self {
            Self::Table(_) => DatasetType::Table,
            Self::View(_) => DatasetType::View,
        }
    }

    /// The Arrow schema as an IPC message. The catalog does not look inside.
    pub fn columns_ipc(&self) -> &[u8] {
        match self {
            Self::Table(table) => &table.columns_ipc,
            Self::View(view) => &view.columns_ipc,
        }
    }

    /// The bytes that this description takes in memory, nearly.
    pub(crate) fn description_bytes(&self) -> usize {
        match self {
            Self::Table(table) => {
                let partitions = table.partition_columns.iter();
                let options = table.options.iter();
                table.columns_ipc.len()
                    + table.location.len()
                    + table.definition.len()
                    + partitions
                        .map(|(name, data_type)| name.len() + data_type.len())
                        .sum::<usize>()
                    + options.map(|(name, value)| name.len() + value.len()).sum::<usize>()
            }
            Self::View(view) => {
                view.sql.len() + view.columns_ipc.len() + view.project.len() + view.schema.len()
            }
        }
    }
}

/// Whether a dataset is a table or a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DatasetType {
    /// A table.
    Table,
    /// A view.
    View,
}

impl DatasetType {
    /// `table` or `view`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::View => "view",
        }
    }
}

impl fmt::Display for DatasetType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A table over files that Lakegate reads and never writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalTable {
    /// The format of the files.
    pub format: FileFormat,
    /// A file, a folder or a glob.
    pub location: String,
    /// Columns whose values stand in the folders' names, with their Arrow types as text, from the
    /// outermost folder inwards.
    pub partition_columns: Vec<(String, String)>,
    /// The options of the statement that made the table, such as `format.delimiter`.
    pub options: BTreeMap<String, String>,
    /// The Arrow schema, partition columns included, as an IPC message.
    pub columns_ipc: Vec<u8>,
    /// The statement that made the table.
    pub definition: String,
}

/// A query with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// The query.
    pub sql: String,
    /// The Arrow schema of its result as an IPC message.
    pub columns_ipc: Vec<u8>,
    /// The project of names in the query that do not say theirs.
    pub project: String,
    /// The schema of names in the query that do not say theirs.
    pub schema: String,
}

/// The format of data files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileFormat {
    /// Apache Parquet.
    Parquet,
    /// Comma-separated values, with other separators too.
    Csv,
    /// One JSON object a line.
    Json,
}

impl FileFormat {
    /// The name in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Csv => "csv",
            Self::Json => "json",
        }
    }
}

impl fmt::Display for FileFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that is no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a file format; formats are PARQUET, CSV and JSON")]
pub struct ParseFileFormatError {
    text: String,
}

impl FromStr for FileFormat {
    type Err = ParseFileFormatError;

    /// Reads a name in any case; `NDJSON` is another name of JSON.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_lowercase().as_str() {
            "parquet" => Ok(Self::Parquet),
            "csv" => Ok(Self::Csv),
            "json" | "ndjson" => Ok(Self::Json),
            _ => Err(ParseFileFormatError { text: text.to_string() }),
        }
    }
}

/// Somebody who may come in.
#[derive(Clone, PartialEq, Eq)]
pub struct Principal {
    /// Its identifier.
    pub id: PrincipalId,
    /// The name to log in with.
    pub name: String,
    /// The hash of the password, as a PHC text.
    pub password_hash: String,
    /// Whether it may do everything.
    pub is_admin: bool,
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("is_admin", &self.is_admin)
            .finish_non_exhaustive()
    }
}

/// A dataset to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDataset {
    /// The project.
    pub project: String,
    /// The schema in it.
    pub schema: String,
    /// The name in that.
    pub name: String,
    /// What it is.
    pub kind: DatasetKind,
}

/// What to do when the name is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnExisting {
    /// Fail.
    Fail,
    /// Keep what is there: `IF NOT EXISTS`.
    Keep,
    /// Put the new one in its place, which must be of the same type: `OR REPLACE`.
    Replace,
}

/// What to do when nothing has the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnMissing {
    /// Fail.
    Fail,
    /// Do nothing: `IF EXISTS`.
    Ignore,
}

/// What to do with what a dropped thing still holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnContents {
    /// Refuse: `RESTRICT`.
    Refuse,
    /// Drop it too: `CASCADE`.
    Cascade,
}

/// What a creation did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// The name was free and is taken now.
    New,
    /// What was there stays as it was.
    Kept,
    /// What was there is gone.
    Replaced,
}
