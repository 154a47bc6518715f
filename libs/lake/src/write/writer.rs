//! The writer of one partition of a plan: rows in, files out.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::row::OwnedRow;
use datafusion::common::{Result, exec_err};
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use futures::TryStreamExt;
use object_store::ObjectStore;
use object_store::path::Path;
use uuid::Uuid;

use super::partitions::{Part, Parting, hive_folder};
use super::rolling::{Naming, RollingFile};
use super::{FileLayout, FileWrite, WrittenFile};

/// Files that one partition of a plan has open at one time.
const FILES_OPEN_MAX: usize = 64;
/// Memory that the open files of one partition of a plan take, in bytes, before the largest row
/// group is sent.
const MEMORY_MAX: usize = 256 << 20;

/// A folder below another; its name is encoded already.
fn below(folder: Path, name: &str) -> Path {
    Path::parse(format!("{folder}/{name}")).unwrap_or_else(|_| folder.join(name))
}

/// Writes the rows of one partition of a plan.
pub(super) struct Writer {
    write: Arc<FileWrite>,
    schema: SchemaRef,
    store: Arc<dyn ObjectStore>,
    memory: MemoryReservation,
    /// Tells this run from another of the same partition.
    stem: String,
    open: HashMap<Option<OwnedRow>, RollingFile>,
    /// Partition values that files were begun for; one may come again when its file is closed.
    begun: usize,
    written: Vec<WrittenFile>,
}

impl Writer {
    pub(super) fn new(
        write: &Arc<FileWrite>,
        partition: usize,
        context: &TaskContext,
        memory: MemoryReservation,
    ) -> Result<Self> {
        let location = write.root.object_store_url();
        let location = location
            .map_err(|error| datafusion::error::DataFusionError::External(Box::new(error)))?;
        let run = Uuid::new_v4().simple().to_string();
        let stem = match write.layout {
            FileLayout::Single => write.root.folder().filename().unwrap_or_default().to_string(),
            FileLayout::Own => format!("part-{partition:05}-{}", &run[..8]),
            FileLayout::Hive => format!("{}-{partition:05}-{}", write.stem, &run[..8]),
        };
        let fields =
            write.file_columns().into_iter().map(|column| write.columns.field(column).clone());
        Ok(Self {
            schema: Arc::new(Schema::new(fields.collect::<Vec<_>>())),
            store: context.runtime_env().object_store(&location)?,
            write: Arc::clone(write),
            memory,
            stem,
            open: HashMap::new(),
            begun: 0,
            written: Vec::new(),
        })
    }

    /// Writes all rows; the files, all of them whole.
    ///
    /// # Errors
    /// The rows end with an error, a value is missing where none may, or the store fails. What was
    /// written then lies there until the statement's files are removed.
    pub(super) async fn write_all(
        mut self,
        rows: SendableRecordBatchStream,
    ) -> Result<Vec<WrittenFile>> {
        match self.write_each(rows).await {
            Ok(()) => self.finish().await,
            Err(error) => {
                for (_, file) in self.open.drain() {
                    file.abort().await;
                }
                Err(error)
            }
        }
    }

    async fn write_each(&mut self, mut rows: SendableRecordBatchStream) -> Result<()> {
        if self.write.layout == FileLayout::Single {
            self.file(None, &[]).begin()?;
        }
        let mut parting = Parting::new(&self.write)?;
        while let Some(batch) = rows.try_next().await? {
            if batch.num_rows() == 0 {
                continue;
            }
            let batch = self.checked(&batch)?;
            if self.write.partitions.is_empty() {
                self.append(None, &[], &batch).await?;
                continue;
            }
            for Part { key, values, rows } in parting.part(&batch)? {
                let rows = RecordBatch::try_new(Arc::clone(&self.schema), rows.columns().to_vec())?;
                self.append(Some(key), &values, &rows).await?;
            }
        }
        Ok(())
    }

    /// The rows under the names that files have for their columns, none missing where none may.
    fn checked(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        for (field, column) in self.write.columns.fields().iter().zip(rows.columns()) {
            if !field.is_nullable() && column.null_count() > 0 {
                return exec_err!(
                    "column {:?} takes no NULL, and {} of the rows to write have none",
                    field.name(),
                    column.null_count()
                );
            }
        }
        Ok(RecordBatch::try_new(Arc::clone(&self.write.columns), rows.columns().to_vec())?)
    }

    async fn append(
        &mut self,
        key: Option<OwnedRow>,
        values: &[Option<String>],
        rows: &RecordBatch,
    ) -> Result<()> {
        if self.open.len() >= FILES_OPEN_MAX && !self.open.contains_key(&key) {
            self.close_largest().await?;
        }
        self.file(key, values).write(rows).await?;
        self.keep_within_memory().await
    }

    fn file(&mut self, key: Option<OwnedRow>, values: &[Option<String>]) -> &mut RollingFile {
        let Self { write, schema, store, stem, open, begun, .. } = self;
        open.entry(key).or_insert_with(|| {
            let mut folder = write.folder();
            if write.layout == FileLayout::Hive {
                for (column, value) in write.partitions.iter().zip(values) {
                    let column = write.columns.field(*column).name();
                    folder = below(folder, &hive_folder(column, value.as_deref()));
                }
            }
            let is_single = write.layout == FileLayout::Single;
            let stem = match is_single {
                true => stem.clone(),
                false => format!("{stem}-{begun}"),
            };
            *begun += 1;
            let naming = Naming {
                folder,
                stem,
                is_single,
                format: write.format,
                file_bytes: write.file_bytes,
            };
            RollingFile::new(naming, Arc::clone(store), Arc::clone(schema), values.to_vec())
        })
    }

    /// Sends row groups until what is open fits.
    async fn keep_within_memory(&mut self) -> Result<()> {
        loop {
            let memory: usize = self.open.values().map(RollingFile::memory).sum();
            if memory <= MEMORY_MAX && self.memory.try_resize(memory).is_ok() {
                return Ok(());
            }
            let largest = self.open.values_mut().max_by_key(|file| file.memory());
            match largest {
                Some(file) if file.memory() > 0 => {
                    file.flush().await?;
                    let after: usize = self.open.values().map(RollingFile::memory).sum();
                    if after >= memory {
                        return self.memory.try_resize(after);
                    }
                }
                _ => return self.memory.try_resize(memory),
            }
        }
    }

    async fn close_largest(&mut self) -> Result<()> {
        let largest = self.open.iter().max_by_key(|(_, file)| file.memory());
        let Some(key) = largest.map(|(key, _)| key.clone()) else { return Ok(()) };
        if let Some(file) = self.open.remove(&key) {
            self.written.extend(file.finish().await?);
        }
        Ok(())
    }

    async fn finish(mut self) -> Result<Vec<WrittenFile>> {
        for (_, file) in std::mem::take(&mut self.open) {
            self.written.extend(file.finish().await?);
        }
        Ok(self.written)
    }
}
