//! The files of one partition value, one after the other.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::parquet::schema::types::ColumnPath;
use object_store::ObjectStore;
use object_store::path::Path;

use super::dictionaries::given_up;
use super::encoder::Encoder;
use super::statistics::statistics_of;
use super::upload::Upload;
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

/// A file that has all its rows and is still on its way.
pub(super) struct Full {
    upload: Upload,
    file: WrittenFile,
}

impl Full {
    /// Bytes in memory.
    pub(super) fn memory(&self) -> usize {
        self.upload.memory()
    }

    /// Where it is to be.
    pub(super) fn place(&self) -> (Arc<dyn ObjectStore>, Path) {
        self.upload.place()
    }

    /// Makes the file be there.
    pub(super) async fn finish(self) -> Result<WrittenFile> {
        self.upload.finish().await?;
        Ok(self.file)
    }
}

/// Writes rows to a file until it is full, then to the next.
pub(super) struct RollingFile {
    naming: Naming,
    store: Arc<dyn ObjectStore>,
    schema: SchemaRef,
    partition_values: Vec<Option<String>>,
    open: Option<(Encoder, Path, u64)>,
    /// Files that were full.
    full: usize,
    /// Columns that the files to come have no dictionary for.
    plain: Vec<ColumnPath>,
}

impl RollingFile {
    pub(super) fn new(
        naming: Naming,
        store: Arc<dyn ObjectStore>,
        schema: SchemaRef,
        partition_values: Vec<Option<String>>,
    ) -> Self {
        Self { naming, store, schema, partition_values, open: None, full: 0, plain: Vec::new() }
    }

    /// Opens the file also when no row follows.
    pub(super) fn begin(&mut self) -> Result<&mut (Encoder, Path, u64)> {
        let open = match self.open.take() {
            Some(open) => open,
            None => {
                let path = self.naming.file(self.full);
                let (format, store) = (self.naming.format, &self.store);
                let encoder =
                    Encoder::open(format, store, path.clone(), &self.schema, &self.plain)?;
                (encoder, path, 0)
            }
        };
        Ok(self.open.insert(open))
    }

    pub(super) async fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        let (encoder, _, count) = self.begin()?;
        encoder.write(rows).await?;
        *count += rows.num_rows() as u64;
        Ok(())
    }

    /// Whether the next rows belong into another file.
    pub(super) fn is_full(&self) -> bool {
        let bytes = self.open.as_ref().map_or(0, |(encoder, ..)| encoder.bytes());
        bytes >= self.naming.file_bytes && !self.naming.is_single
    }

    /// Makes memory free; whether there was any to free.
    pub(super) async fn free(&mut self) -> Result<bool> {
        match &mut self.open {
            Some((encoder, ..)) => encoder.free().await,
            None => Ok(false),
        }
    }

    /// Bytes in memory.
    pub(super) fn memory(&self) -> usize {
        self.open.as_ref().map_or(0, |(encoder, ..)| encoder.memory())
    }

    /// Ends the file that is open, if one is.
    pub(super) async fn close(&mut self) -> Result<Option<Full>> {
        let Some((encoder, path, rows)) = self.open.take() else { return Ok(None) };
        self.full += 1;
        let closed = encoder.close().await?;
        self.plain.extend(closed.footer.as_ref().map(given_up).unwrap_or_default());
        let statistics =
            closed.footer.map(|footer| statistics_of(&footer, &self.schema)).transpose()?;
        let file = WrittenFile {
            path: path.to_string(),
            bytes: closed.bytes,
            rows,
            partition_values: self.partition_values.clone(),
            statistics,
        };
        Ok(Some(Full { upload: closed.upload, file }))
    }

    /// Gives up what is open. Files that are whole stay for whoever removes the statement's files.
    pub(super) async fn abort(self) {
        if let Some((encoder, ..)) = self.open {
            encoder.abort().await;
        }
    }
}
