//! Datasets: tables, views and volumes.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use crate::ids::{DatasetId, PrincipalId, SchemaId};
use crate::model::{ObjectName, words};

/// The third level of a name: something to select from, or files to read.
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
    /// Who made or last replaced it. A view reads what this principal may read; without one, what
    /// whoever uses it may read.
    pub definer: Option<PrincipalId>,
    /// What somebody wrote about it.
    pub comment: Option<String>,
    /// What somebody noted about it, by name: the table's properties.
    pub properties: BTreeMap<String, String>,
    /// When it was made or last replaced.
    pub created_at: SystemTime,
    /// The catalog's version when it was last changed.
    pub revision: u64,
}

/// What a dataset is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatasetKind {
    /// Rows in files.
    Table(Table),
    /// A query with a name.
    View(View),
    /// Files of any kind below one prefix.
    Volume(Volume),
}

impl DatasetKind {
    /// Table, view or volume.
    pub fn dataset_type(&self) -> DatasetType {
        match self {
            Self::Table(_) => DatasetType::Table,
            Self::View(_) => DatasetType::View,
            Self::Volume(_) => DatasetType::Volume,
        }
    }

    /// The Arrow schema as an IPC message, empty for a volume. The catalog does not look inside.
    pub fn columns_ipc(&self) -> &[u8] {
        match self {
            Self::Table(table) => &table.columns_ipc,
            Self::View(view) => &view.columns_ipc,
            Self::Volume(_) => &[],
        }
    }

    /// Where the files lie, as it was written; `None` for a view.
    pub fn location(&self) -> Option<&str> {
        match self {
            Self::Table(table) => Some(&table.location),
            Self::View(_) => None,
            Self::Volume(volume) => Some(&volume.location),
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
            Self::Volume(volume) => volume.location.len(),
        }
    }
}

words! {
    /// Whether a dataset is a table, a view or a volume.
    DatasetType: "type of dataset" {
        /// A table.
        Table = "table",
        /// A view.
        View = "view",
        /// A volume.
        Volume = "volume",
    }
}

/// A table over files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The format of the files.
    pub format: FileFormat,
    /// Whether its files belong to Lakegate, which made them and removes them with the table.
    pub is_managed: bool,
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

/// Files of any kind below one prefix, such as notebooks and recordings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Whether its files belong to Lakegate, which removes them with the volume.
    pub is_managed: bool,
    /// The prefix.
    pub location: String,
}

/// The format of data files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileFormat {
    /// A Delta table: Parquet files and a log.
    Delta,
    /// Apache Parquet.
    Parquet,
    /// Comma-separated values, with other separators too.
    Csv,
    /// One JSON object a line.
    Json,
    /// Arrow IPC files.
    Arrow,
}

impl FileFormat {
    /// The name in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delta => "delta",
            Self::Parquet => "parquet",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Arrow => "arrow",
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
#[error("{text:?} is not a file format; formats are DELTA, PARQUET, CSV, JSON and ARROW")]
pub struct ParseFileFormatError {
    text: String,
}

impl FromStr for FileFormat {
    type Err = ParseFileFormatError;

    /// Reads a name in any case; `NDJSON` is another name of JSON.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_lowercase().as_str() {
            "delta" => Ok(Self::Delta),
            "parquet" => Ok(Self::Parquet),
            "csv" => Ok(Self::Csv),
            "json" | "ndjson" => Ok(Self::Json),
            "arrow" => Ok(Self::Arrow),
            _ => Err(ParseFileFormatError { text: text.to_string() }),
        }
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
    /// What somebody writes about it.
    pub comment: Option<String>,
    /// What somebody notes about it, by name.
    pub properties: BTreeMap<String, String>,
}

impl NewDataset {
    /// A dataset without comment and properties.
    pub fn new(
        project: impl Into<String>,
        schema: impl Into<String>,
        name: impl Into<String>,
        kind: DatasetKind,
    ) -> Self {
        Self {
            project: project.into(),
            schema: schema.into(),
            name: name.into(),
            kind,
            comment: None,
            properties: BTreeMap::new(),
        }
    }

    /// The whole name.
    pub fn object_name(&self) -> ObjectName {
        ObjectName::dataset(&self.project, &self.schema, &self.name)
    }
}
