//! The writer of one partition of a plan: rows in, files out.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::row::OwnedRow;
use datafusion::common::Result;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use futures::TryStreamExt;
use object_store::ObjectStore;
use object_store::path::Path;
use uuid::Uuid;

use super::outgoing::Outgoing;
use super::partitions::{Part, Parting, hive_folder};
use super::required::check_present;
use super::rolling::{Naming, RollingFile};
use super::{FileLayout, FileWrite, WrittenFile};

/// Memory that a writer takes before the first row, in bytes, as far as there is some: enough to go
/// on with when the sort below it takes all the rest.
const FIRST_MEMORY: usize = 16 << 20;

/// A folder below another; its name is encoded already.
fn below(folder: Path, name: &str) -> Path {
    Path::parse(format!("{folder}/{name}")).unwrap_or_else(|_| folder.join(name))
}

/// Writes the rows of one partition of a plan, one file after the other.
pub(super) struct Writer {
    write: Arc<FileWrite>,
    /// The columns as rows come, which do not say what parts of values must be there.
    columns: SchemaRef,
    /// Those of them that files hold.
    schema: SchemaRef,
    store: Arc<dyn ObjectStore>,
    memory: MemoryReservation,
    /// What is never given back of it.
    first_memory: usize,
    /// Tells this run from another of the same partition.
    stem: String,
    /// The partition value whose rows come, and its file.
    open: Option<(Option<OwnedRow>, RollingFile)>,
    /// Partition values that files were begun for.
    begun: usize,
    outgoing: Outgoing,
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
        let columns = write.taken_columns();
        let fields = write.file_columns().into_iter().map(|column| columns.field(column).clone());
        Ok(Self {
            schema: Arc::new(Schema::new(fields.collect::<Vec<_>>())),
            columns,
            store: context.runtime_env().object_store(&location)?,
            write: Arc::clone(write),
            outgoing: Outgoing::new(Arc::clone(write)),
            first_memory: first_memory(&memory),
            memory,
            stem,
            open: None,
            begun: 0,
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
            Ok(()) => self.outgoing.finish().await,
            Err(error) => {
                if let Some((_, file)) = self.open.take() {
                    file.abort().await;
                }
                self.outgoing.ended_all().await;
                Err(error)
            }
        }
    }

    async fn write_each(&mut self, mut rows: SendableRecordBatchStream) -> Result<()> {
        if self.write.layout == FileLayout::Single {
            self.file(None, &[]).begin()?;
        }
        let parting = match self.write.partitions.as_slice() {
            [] => None,
            _ => Some(Parting::new(&self.write)?),
        };
        while let Some(batch) = rows.try_next().await? {
            if batch.num_rows() == 0 {
                continue;
            }
            let batch = self.checked(&batch)?;
            let Some(parting) = &parting else {
                self.append(None, &[], &batch).await?;
                continue;
            };
            for Part { key, values, rows } in parting.part(&batch)? {
                let rows = RecordBatch::try_new(Arc::clone(&self.schema), rows.columns().to_vec())?;
                self.append(Some(key), &values, &rows).await?;
            }
        }
        self.close().await
    }

    /// The rows under the names that files have for their columns; in a table, none of their values
    /// missing where none may.
    fn checked(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        if self.write.layout == FileLayout::Own {
            for (field, column) in self.write.columns.fields().iter().zip(rows.columns()) {
                check_present(field, column)?;
            }
        }
        Ok(RecordBatch::try_new(Arc::clone(&self.columns), rows.columns().to_vec())?)
    }

    async fn append(
        &mut self,
        key: Option<OwnedRow>,
        values: &[Option<String>],
        rows: &RecordBatch,
    ) -> Result<()> {
        if self.open.as_ref().is_some_and(|(open, _)| *open != key) {
            self.close().await?;
            self.open = None;
        }
        let file = self.file(key, values);
        file.write(rows).await?;
        if file.is_full() {
            self.close().await?;
        }
        self.keep_within_memory().await
    }

    /// The file of a partition value, which is the open one if one is open.
    fn file(&mut self, key: Option<OwnedRow>, values: &[Option<String>]) -> &mut RollingFile {
        let Self { write, schema, store, stem, open, begun, .. } = self;
        let (_, file) = open.get_or_insert_with(|| {
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
                file_bytes: write.limits.file_bytes,
            };
            let (store, schema) = (Arc::clone(store), Arc::clone(schema));
            (key, RollingFile::new(naming, store, schema, values.to_vec()))
        });
        file
    }

    /// Ends the open file. It arrives while the next is written, within the bound of files.
    async fn close(&mut self) -> Result<()> {
        let Some((_, file)) = &mut self.open else { return Ok(()) };
        if let Some(full) = file.close().await? {
            self.outgoing.begin(full);
        }
        while self.outgoing.len() >= self.write.limits.open_files.get() {
            self.outgoing.free().await?;
        }
        Ok(())
    }

    /// Waits for files and parts to arrive, then ends row groups, until what is in memory fits.
    async fn keep_within_memory(&mut self) -> Result<()> {
        let limit = usize::try_from(self.write.limits.memory_bytes).unwrap_or(usize::MAX);
        loop {
            self.outgoing.note_ended()?;
            let open = self.open.as_ref().map_or(0, |(_, file)| file.memory());
            let memory = open + self.outgoing.memory();
            let reserved = memory.max(self.first_memory);
            if memory <= limit && self.memory.try_resize(reserved).is_ok() {
                return Ok(());
            }
            if self.outgoing.free().await? {
                continue;
            }
            let has_freed = match &mut self.open {
                Some((_, file)) => file.free().await?,
                None => false,
            };
            if !has_freed {
                // What a file cannot do without may be more than the bound.
                return self.memory.try_resize(reserved);
            }
        }
    }
}

/// Reserves what a writer begins with; less where there is not so much.
fn first_memory(memory: &MemoryReservation) -> usize {
    let mut first = FIRST_MEMORY;
    while first > 0 && memory.try_resize(first).is_err() {
        first /= 2;
    }
    first
}
