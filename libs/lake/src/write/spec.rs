//! What a statement writes.

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::parquet::basic::Compression;
use object_store::path::Path;

use crate::Error;
use crate::delta::{TableRoot, nullable_throughout};

/// Rows of one statement on their way into files.
#[derive(Debug, Clone, PartialEq)]
pub struct FileWrite {
    /// Below which folder the files lie.
    pub root: TableRoot,
    /// What the names of the statement's files begin with, and of no others.
    pub stem: String,
    /// How files lie below the folder.
    pub layout: FileLayout,
    /// The columns that rows come with, partition columns among them, NULL where the table takes it.
    pub columns: SchemaRef,
    /// Positions among the columns of those whose values part the files, outermost first. Files do
    /// not hold them.
    pub partitions: Vec<usize>,
    /// The format of the files.
    pub format: FileFormat,
    /// How much of anything there is at one time.
    pub limits: WriteLimits,
}

/// The bounds of the writer of one partition of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteLimits {
    /// Size at which a file is closed and the next one begun, in bytes.
    pub file_bytes: u64,
    /// Memory for rows that are not sent yet, in bytes; past it they are sent earlier.
    pub memory_bytes: u64,
    /// Files that are open or on their way to the store.
    pub open_files: NonZeroUsize,
}

impl Default for WriteLimits {
    fn default() -> Self {
        const OPEN_FILES: NonZeroUsize = NonZeroUsize::MIN.saturating_add(7);
        Self { file_bytes: 128 << 20, memory_bytes: 256 << 20, open_files: OPEN_FILES }
    }
}

/// Where the files of a statement lie below its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileLayout {
    /// In a folder of the statement's own, whatever their partition: a log tells the values.
    Own,
    /// In folders named after partition values, `column=value/`.
    Hive,
    /// One file, of which the folder is the name.
    Single,
}

impl FileWrite {
    /// The folder that holds nothing but what this statement writes, or what it shares with others
    /// in which its files are told by their names.
    pub(super) fn folder(&self) -> Path {
        match self.layout {
            FileLayout::Own => self.root.folder().clone().join(self.stem.as_str()),
            FileLayout::Hive => self.root.folder().clone(),
            FileLayout::Single => parent(self.root.folder()),
        }
    }

    /// The columns as rows must come: whatever the table takes, parts of a value may be NULL.
    pub fn taken_columns(&self) -> SchemaRef {
        let fields = self.columns.fields().iter();
        let fields = fields.map(|field| match field.data_type().is_nested() {
            true => {
                Arc::new(Field::clone(field).with_data_type(nullable_throughout(field.data_type())))
            }
            false => Arc::clone(field),
        });
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// The columns that files hold.
    pub(super) fn file_columns(&self) -> Vec<usize> {
        (0..self.columns.fields().len())
            .filter(|column| !self.partitions.contains(column))
            .collect()
    }
}

fn parent(path: &Path) -> Path {
    let mut parts: Vec<_> = path.parts().collect();
    parts.pop();
    Path::from_iter(parts)
}

/// The format of written files.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FileFormat {
    /// Apache Parquet.
    Parquet {
        /// How pages are compressed.
        compression: Compression,
    },
    /// Text, a line a row.
    Csv {
        /// Between two values.
        delimiter: u8,
        /// Whether the first line names the columns.
        has_header: bool,
    },
    /// One JSON object a line.
    Json,
}

impl FileFormat {
    /// Parquet as tables of Lakegate have it: compressed quickly.
    pub const PARQUET: Self = Self::Parquet { compression: Compression::SNAPPY };
    /// CSV as spreadsheets read it.
    pub const CSV: Self = Self::Csv { delimiter: b',', has_header: true };

    /// The format with one option changed, by its name and value as written.
    ///
    /// # Errors
    /// [`Error::InvalidWriteOption`] for an option that the format does not have or a value that
    /// the option does not take.
    pub fn with_option(self, name: &str, value: &str) -> Result<Self, Error> {
        let refused = |expected: &'static str| Error::InvalidWriteOption {
            name: name.to_string(),
            value: value.to_string(),
            expected,
        };
        let key = name.to_ascii_lowercase();
        match (self, key.strip_prefix("format.").unwrap_or(&key)) {
            (Self::Parquet { .. }, "compression") => {
                let compression = compression_of(value)
                    .ok_or_else(|| refused("uncompressed, snappy, zstd, lz4_raw or gzip"))?;
                Ok(Self::Parquet { compression })
            }
            (Self::Csv { has_header, .. }, "delimiter") => match value.as_bytes() {
                [delimiter] if delimiter.is_ascii() => {
                    Ok(Self::Csv { delimiter: *delimiter, has_header })
                }
                _ => Err(refused("one ASCII character")),
            },
            (Self::Csv { delimiter, .. }, "has_header" | "header") => {
                let has_header = value.parse().map_err(|_| refused("true or false"))?;
                Ok(Self::Csv { delimiter, has_header })
            }
            (Self::Parquet { .. }, _) => Err(refused("an option of Parquet: compression")),
            (Self::Csv { .. }, _) => Err(refused("an option of CSV: delimiter, header")),
            (Self::Json, _) => Err(refused("no option: JSON has none")),
        }
    }

    /// The format's options as [`FileFormat::with_option`] reads them.
    pub fn options(self) -> Vec<(&'static str, String)> {
        match self {
            Self::Parquet { compression } => vec![("compression", text_of(compression))],
            Self::Csv { delimiter, has_header } => vec![
                ("delimiter", char::from(delimiter).to_string()),
                ("header", has_header.to_string()),
            ],
            Self::Json => Vec::new(),
        }
    }

    /// How names of such files end.
    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::Parquet { .. } => "parquet",
            Self::Csv { .. } => "csv",
            Self::Json => "json",
        }
    }
}

/// A compression by its name, with a level in brackets where it has levels.
fn compression_of(text: &str) -> Option<Compression> {
    let text = text.to_ascii_lowercase();
    let leveled = match text.as_str() {
        "zstd" => "zstd(3)",
        "gzip" => "gzip(6)",
        other => other,
    };
    Compression::from_str(leveled).ok()
}

fn text_of(compression: Compression) -> String {
    match compression {
        Compression::ZSTD(level) => format!("zstd({})", level.compression_level()),
        Compression::GZIP(level) => format!("gzip({})", level.compression_level()),
        Compression::BROTLI(level) => format!("brotli({})", level.compression_level()),
        other => other.to_string().to_ascii_lowercase(),
    }
}

impl fmt::Display for FileFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.extension().to_uppercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_what_its_options_say() {
        for written in ["zstd(7)", "gzip", "lz4_raw", "uncompressed", "brotli(2)", "snappy"] {
            let format = FileFormat::PARQUET.with_option("compression", written).unwrap();
            let again = format.options().into_iter().fold(FileFormat::PARQUET, |format, option| {
                format.with_option(option.0, &option.1).unwrap()
            });
            assert_eq!(again, format, "{written}");
        }
    }

    #[test]
    fn options_are_those_of_the_format() {
        let zstd = FileFormat::PARQUET.with_option("compression", "ZSTD").unwrap();
        assert!(matches!(zstd, FileFormat::Parquet { compression: Compression::ZSTD(_) }));
        let csv = FileFormat::CSV.with_option("format.delimiter", ";").unwrap();
        let csv = csv.with_option("HEADER", "false").unwrap();
        assert_eq!(csv, FileFormat::Csv { delimiter: b';', has_header: false });
        for (format, name, value) in [
            (FileFormat::PARQUET, "compression", "middle-out"),
            (FileFormat::PARQUET, "delimiter", ";"),
            (FileFormat::CSV, "delimiter", ";;"),
            (FileFormat::CSV, "header", "perhaps"),
            (FileFormat::Json, "compression", "zstd"),
        ] {
            let refused = format.with_option(name, value);
            assert!(matches!(refused, Err(Error::InvalidWriteOption { .. })), "{name} = {value}");
        }
    }
}
