//! One open file: rows become bytes of its format and go to the store as they do.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::csv::WriterBuilder as CsvBuilder;
use arrow::datatypes::SchemaRef;
use arrow::json::writer::{LineDelimited, WriterBuilder as JsonBuilder};
use datafusion::common::Result;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::file::metadata::ParquetMetaData;
use datafusion::parquet::file::properties::WriterProperties;
use datafusion::parquet::schema::types::ColumnPath;
use object_store::ObjectStore;
use object_store::path::Path;

use super::FileFormat;
use super::upload::Upload;

/// Rows of a row group at most.
const ROW_GROUP_ROWS: usize = 1 << 20;

/// A file that has all its rows and is still on its way.
pub(super) struct Closed {
    /// What makes it be there.
    pub(super) upload: Upload,
    pub(super) bytes: u64,
    /// The footer, where the format has one.
    pub(super) footer: Option<ParquetMetaData>,
}

/// A file that rows are appended to. It is not there until it is closed and its upload finished.
pub(super) struct Encoder {
    rows: Rows,
    upload: Upload,
}

/// How rows become bytes.
enum Rows {
    /// What is in the writer's buffer goes to the upload at once.
    Parquet(Box<ArrowWriter<Vec<u8>>>),
    Text {
        lines: Lines,
        bytes: u64,
    },
}

/// How a row becomes a line.
#[derive(Debug, Clone, Copy)]
enum Lines {
    Csv { delimiter: u8, needs_header: bool },
    Json,
}

impl Encoder {
    /// A new file for rows of `schema`, without dictionaries for the columns `plain`.
    pub(super) fn open(
        format: FileFormat,
        store: &Arc<dyn ObjectStore>,
        path: Path,
        schema: &SchemaRef,
        plain: &[ColumnPath],
    ) -> Result<Self> {
        let rows = match format {
            FileFormat::Parquet { compression } => {
                let properties = WriterProperties::builder()
                    .set_compression(compression)
                    .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
                    .set_created_by(concat!("lakegate ", env!("CARGO_PKG_VERSION")).to_string());
                let properties = plain.iter().fold(properties, |properties, column| {
                    properties.set_column_dictionary_enabled(column.clone(), false)
                });
                let properties = properties.build();
                let writer =
                    ArrowWriter::try_new(Vec::new(), Arc::clone(schema), Some(properties))?;
                Rows::Parquet(Box::new(writer))
            }
            FileFormat::Csv { delimiter, has_header } => {
                Rows::Text { lines: Lines::Csv { delimiter, needs_header: has_header }, bytes: 0 }
            }
            FileFormat::Json => Rows::Text { lines: Lines::Json, bytes: 0 },
        };
        Ok(Self { rows, upload: Upload::new(Arc::clone(store), path) })
    }

    pub(super) async fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        let ready = match &mut self.rows {
            Rows::Parquet(writer) => {
                writer.write(rows)?;
                std::mem::take(writer.inner_mut())
            }
            Rows::Text { lines, bytes } => {
                let text = lines.text(rows)?;
                *bytes += text.len() as u64;
                text
            }
        };
        Ok(self.upload.write(ready).await?)
    }

    /// Makes memory free: waits for a part that is on its way, else ends the row group. Whether
    /// there was anything to free.
    pub(super) async fn free(&mut self) -> Result<bool> {
        if self.upload.free().await? {
            return Ok(true);
        }
        match &mut self.rows {
            Rows::Parquet(writer) if writer.in_progress_rows() > 0 => {
                writer.flush()?;
                let ready = std::mem::take(writer.inner_mut());
                self.upload.write(ready).await?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Bytes in memory.
    pub(super) fn memory(&self) -> usize {
        let rows = match &self.rows {
            Rows::Parquet(writer) => writer.memory_size(),
            Rows::Text { .. } => 0,
        };
        rows + self.upload.memory()
    }

    /// Bytes that the file will have, about.
    pub(super) fn bytes(&self) -> u64 {
        match &self.rows {
            Rows::Parquet(writer) => (writer.bytes_written() + writer.in_progress_size()) as u64,
            Rows::Text { bytes, .. } => *bytes,
        }
    }

    /// Takes no more rows.
    pub(super) async fn close(self) -> Result<Closed> {
        let Self { rows, mut upload } = self;
        match rows {
            Rows::Parquet(mut writer) => {
                let footer = writer.finish()?;
                let bytes = writer.bytes_written() as u64;
                let ready = std::mem::take(writer.inner_mut());
                upload.write(ready).await?;
                Ok(Closed { upload, bytes, footer: Some(footer) })
            }
            Rows::Text { bytes, .. } => Ok(Closed { upload, bytes, footer: None }),
        }
    }

    /// Gives the file up; parts that are at the store already are taken back.
    pub(super) async fn abort(self) {
        self.upload.abort().await;
    }
}

impl Lines {
    fn text(&mut self, rows: &RecordBatch) -> Result<Vec<u8>> {
        let mut text = Vec::new();
        match self {
            Self::Csv { delimiter, needs_header } => {
                let mut writer = CsvBuilder::new()
                    .with_delimiter(*delimiter)
                    .with_header(std::mem::take(needs_header))
                    .build(&mut text);
                writer.write(rows)?;
            }
            Self::Json => {
                // Null stays visible, so that every line has every column.
                let mut writer = JsonBuilder::new()
                    .with_explicit_nulls(true)
                    .build::<_, LineDelimited>(&mut text);
                writer.write(rows)?;
                writer.finish()?;
            }
        }
        Ok(text)
    }
}
