//! The files of one partition value, one after the other.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use object_store::ObjectStore;
use object_store::path::Path;

use super::encoder::Encoder;
use super::statistics::statistics_of;
use super::{FileFormat, WrittenFile};

/// How the files of one partition value are named and when they are full.
#[derive(Debug, Clone)]
pub(super) struct Naming {
    pub(super) folder: Path,
    /// All of the name but the number and the extension; the whole name where there is one file.
    pub(super) stem: String,
    pub(super) is_single: bool,
    pub(super) format: FileFormat,
    pub(super) file_bytes: u64,
}

impl Naming {
    fn file(&self, number: usize) -> Path {
        let name = match self.is_single {
            true => self.stem.clone(),
            false => format!("{}-{number}.{}", self.stem, self.format.extension()),
        };
        self.folder.clone().join(name.as_str())
    }
}

/// Writes rows to a file until it is full, then to the next.
pub(super) struct RollingFile {
    naming: Naming,
    store: Arc<dyn ObjectStore>,
    schema: SchemaRef,
    partition_values: Vec<Option<String>>,
    open: Option<(Encoder, Path, u64)>,
    written: Vec<WrittenFile>,
}

impl RollingFile {
    pub(super) fn new(
        naming: Naming,
        store: Arc<dyn ObjectStore>,
        schema: SchemaRef,
        partition_values: Vec<Option<String>>,
    ) -> Self {
        Self { naming, store, schema, partition_values, open: None, written: Vec::new() }
    }

    /// Opens the file also when no row follows.
    pub(super) fn begin(&mut self) -> Result<&mut (Encoder, Path, u64)> {
        let open = match self.open.take() {
            Some(open) => open,
            None => {
                let path = self.naming.file(self.written.len());
                let (format, store) = (self.naming.format, &self.store);
                (Encoder::open(format, store, path.clone(), &self.schema)?, path, 0)
            }
        };
        Ok(self.open.insert(open))
    }

    pub(super) async fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        let (encoder, _, count) = self.begin()?;
        encoder.write(rows).await?;
        *count += rows.num_rows() as u64;
        if encoder.bytes() >= self.naming.file_bytes && !self.naming.is_single {
            self.close_file().await?;
        }
        Ok(())
    }

    pub(super) async fn flush(&mut self) -> Result<()> {
        match &mut self.open {
            Some((encoder, ..)) => encoder.flush().await,
            None => Ok(()),
        }
    }

    /// Bytes in memory.
    pub(super) fn memory(&self) -> usize {
        self.open.as_ref().map_or(0, |(encoder, ..)| encoder.memory())
    }

    /// Closes what is open; all files of this partition value.
    pub(super) async fn finish(mut self) -> Result<Vec<WrittenFile>> {
        self.close_file().await?;
        Ok(self.written)
    }

    /// Gives up what is open. Files that are whole stay for whoever removes the statement's files.
    pub(super) async fn abort(self) {
        if let Some((encoder, ..)) = self.open {
            encoder.abort().await;
        }
    }

    async fn close_file(&mut self) -> Result<()> {
        let Some((encoder, path, rows)) = self.open.take() else { return Ok(()) };
        let closed = encoder.close().await?;
        let statistics =
            closed.footer.map(|footer| statistics_of(&footer, &self.schema)).transpose()?;
        self.written.push(WrittenFile {
            path: path.to_string(),
            bytes: closed.bytes,
            rows,
            partition_values: self.partition_values.clone(),
            statistics,
        });
        Ok(())
    }
}
