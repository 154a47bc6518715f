//! The file formats of external tables and their options.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use datafusion::datasource::file_format::FileFormat;
use datafusion::execution::session_state::SessionState;

use crate::Error;
use crate::named_files::NamedFiles;

/// The format of a table's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Apache Parquet.
    Parquet,
    /// Delimited text.
    Csv,
    /// One JSON object a line.
    Json,
    /// Arrow IPC files.
    Arrow,
    /// A Delta table: Parquet files under a log.
    Delta,
}

impl Format {
    /// File name extensions that a folder of this format is searched for, most usual first.
    pub(crate) fn extensions(self) -> &'static [&'static str] {
        match self {
            Format::Parquet => &["parquet", "parq"],
            Format::Csv => &["csv", "tsv", "csv.gz", "csv.zst", "csv.bz2", "csv.xz"],
            Format::Json => {
                &["json", "ndjson", "jsonl", "json.gz", "ndjson.gz", "jsonl.gz", "json.zst"]
            }
            Format::Arrow => &["arrow", "feather", "ipc"],
            // Its log says which files are its.
            Format::Delta => &[],
        }
    }

    /// The reader of this format under `options`, whose keys may lack the prefix `format.`.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] for an option that the format does not have or a value it refuses.
    pub fn reader(
        self,
        state: &SessionState,
        options: &BTreeMap<String, String>,
    ) -> Result<Arc<dyn FileFormat>, Error> {
        let options: HashMap<String, String> =
            options.iter().map(|(key, value)| (qualified(key), value.clone())).collect();
        let refused = |source| Error::InvalidOption { format: self, source };
        let name = self.to_string().to_lowercase();
        let factory = state
            .get_file_format_factory(&name)
            .ok_or_else(|| Error::UnknownFormat { format: name.clone() })?;
        let reader = factory.create(state, &options).map_err(refused)?;
        Ok(match self {
            Format::Parquet => Arc::new(NamedFiles::new(self, reader)),
            _ => reader,
        })
    }
}

/// The option key as DataFusion names it: `delimiter` and `format.delimiter` are the same.
fn qualified(key: &str) -> String {
    let key = key.to_lowercase();
    if key.contains('.') { key } else { format!("format.{key}") }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Parquet => "PARQUET",
            Format::Csv => "CSV",
            Format::Json => "JSON",
            Format::Arrow => "ARROW",
            Format::Delta => "DELTA",
        })
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_uppercase().as_str() {
            "PARQUET" => Ok(Format::Parquet),
            "CSV" => Ok(Format::Csv),
            "JSON" | "NDJSON" => Ok(Format::Json),
            "ARROW" => Ok(Format::Arrow),
            "DELTA" | "DELTATABLE" => Ok(Format::Delta),
            _ => Err(Error::UnknownFormat { format: text.to_string() }),
        }
    }
}
