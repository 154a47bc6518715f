//! One open file: rows become bytes of its format and go to the store as they do.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::csv::WriterBuilder as CsvBuilder;
use arrow::datatypes::SchemaRef;
use arrow::json::writer::{LineDelimited, WriterBuilder as JsonBuilder};
use bytes::Bytes;
use datafusion::common::Result;
use datafusion::parquet::arrow::AsyncArrowWriter;
use datafusion::parquet::file::metadata::ParquetMetaData;
use datafusion::parquet::file::properties::WriterProperties;
use object_store::ObjectStore;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use tokio::io::AsyncWriteExt;

use super::FileFormat;

/// Rows of a row group at most.
const ROW_GROUP_ROWS: usize = 1 << 20;
/// Bytes of a file that are kept before they are sent as a part.
const PART_BYTES: usize = 10 << 20;
/// Parts of one file that are on their way at one time.
const PARTS_AT_ONCE: usize = 4;

/// What is known of a file when it is closed.
pub(super) struct Closed {
    pub(super) bytes: u64,
    /// The footer, where the format has one.
    pub(super) footer: Option<ParquetMetaData>,
}

/// A file that rows are appended to.
pub(super) enum Encoder {
    Parquet(Box<AsyncArrowWriter<BufWriter>>),
    Text { lines: Lines, file: Box<BufWriter>, bytes: u64 },
}

/// How a row becomes a line.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lines {
    Csv { delimiter: u8, needs_header: bool },
    Json,
}

impl Encoder {
    /// A new file for rows of `schema`. It is not there until it is closed.
    pub(super) fn open(
        format: FileFormat,
        store: &Arc<dyn ObjectStore>,
        path: Path,
        schema: &SchemaRef,
    ) -> Result<Self> {
        let file = BufWriter::with_capacity(Arc::clone(store), path, PART_BYTES)
            .with_max_concurrency(PARTS_AT_ONCE);
        Ok(match format {
            FileFormat::Parquet { compression } => {
                let properties = WriterProperties::builder()
                    .set_compression(compression)
                    .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
                    .set_created_by(concat!("lakegate ", env!("CARGO_PKG_VERSION")).to_string())
                    .build();
                let writer = AsyncArrowWriter::try_new(file, Arc::clone(schema), Some(properties))?;
                Self::Parquet(Box::new(writer))
            }
            FileFormat::Csv { delimiter, has_header } => {
                let lines = Lines::Csv { delimiter, needs_header: has_header };
                Self::Text { lines, file: Box::new(file), bytes: 0 }
            }
            FileFormat::Json => Self::Text { lines: Lines::Json, file: Box::new(file), bytes: 0 },
        })
    }

    pub(super) async fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        match self {
            Self::Parquet(writer) => Ok(writer.write(rows).await?),
            Self::Text { lines, file, bytes } => {
                let text = lines.text(rows)?;
                *bytes += text.len() as u64;
                Ok(file.put(Bytes::from(text)).await?)
            }
        }
    }

    /// Sends what is kept of a row group, so that it takes no more memory.
    pub(super) async fn flush(&mut self) -> Result<()> {
        if let Self::Parquet(writer) = self {
            writer.flush().await?;
        }
        Ok(())
    }

    /// Bytes in memory that closing the row group would free.
    pub(super) fn memory(&self) -> usize {
        match self {
            Self::Parquet(writer) => writer.memory_size(),
            Self::Text { .. } => 0,
        }
    }

    /// Bytes that the file will have, about.
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::Parquet(writer) => (writer.bytes_written() + writer.in_progress_size()) as u64,
            Self::Text { bytes, .. } => *bytes,
        }
    }

    /// Makes the file be there.
    pub(super) async fn close(self) -> Result<Closed> {
        match self {
            Self::Parquet(mut writer) => {
                let footer = writer.finish().await?;
                let bytes = writer.bytes_written() as u64;
                Ok(Closed { bytes, footer: Some(footer) })
            }
            Self::Text { mut file, bytes, .. } => {
                file.shutdown().await?;
                Ok(Closed { bytes, footer: None })
            }
        }
    }

    /// Gives the file up; parts that are at the store already are taken back.
    pub(super) async fn abort(self) {
        let mut file = match self {
            Self::Parquet(writer) => writer.into_inner(),
            Self::Text { file, .. } => *file,
        };
        if let Err(error) = file.abort().await {
            tracing::debug!(%error, "parts of an unfinished file are left at the store");
        }
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
