//! The data files of one version, column by column as arrays, so that 100,000 of them are tens of
//! megabytes and statistics are compared without taking them apart.

mod partition;
mod prune;
mod read;
mod segment;
mod spelling;
mod statistics;
mod summary;

use std::sync::Arc;

use arrow::array::{Array, BooleanBufferBuilder};
use arrow::buffer::BooleanBuffer;
// Of the two, the one that hashes a hundred thousand paths in a few milliseconds.
use datafusion::common::HashMap;
use delta_kernel::log_replay::FileActionKey;
use delta_kernel::{KernelResult, Snapshot};

use super::TableRoot;
use super::schema::DeltaSchema;
use crate::Error;
pub(super) use prune::{Selection, partition_schema};
pub(super) use read::{added_files, all_files};
pub(super) use segment::Segment;
use spelling::is_absolute;
pub(super) use summary::{ScanColumn, file_statistics};

/// Parts of a list before they are put together into one.
const SEGMENTS_MAX: usize = 64;

/// The files of one version. Versions share the parts that they have in common.
#[derive(Debug, Clone, Default)]
pub(super) struct FileList {
    segments: Vec<Arc<Segment>>,
    alive: Vec<BooleanBuffer>,
    count: usize,
}

impl FileList {
    /// A list whose files are all in the table.
    fn of(segment: Segment) -> Self {
        Self::default().with(segment)
    }

    /// Number of files.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// The parts, and which of their rows are files of this version.
    pub(super) fn segments(&self) -> impl Iterator<Item = (&Arc<Segment>, &BooleanBuffer)> {
        self.segments.iter().zip(&self.alive)
    }

    /// Refuses a list with a file outside the table's folder. Relative paths, which nearly all
    /// are, need no look, nor do the parts of `known`.
    ///
    /// # Errors
    /// [`Error::UnsupportedFeature`].
    pub(super) fn check_places(&self, root: &TableRoot, known: &Self) -> Result<(), Error> {
        let is_known = |part: &Arc<Segment>| known.segments.iter().any(|at| Arc::ptr_eq(at, part));
        for (segment, alive) in self.segments().filter(|(segment, _)| !is_known(segment)) {
            let paths = segment.paths();
            for path in alive.set_indices().map(|row| paths.value(row)) {
                if is_absolute(path) || path.contains("..") {
                    root.file(path)?;
                }
            }
        }
        Ok(())
    }

    /// Bytes held, about.
    pub(super) fn memory(&self) -> usize {
        self.segments.iter().map(|segment| segment.memory() + segment.len() / 8).sum()
    }

    /// This list and further files.
    fn with(mut self, segment: Segment) -> Self {
        if segment.len() > 0 {
            self.count += segment.len();
            self.alive.push(BooleanBuffer::new_set(segment.len()));
            self.segments.push(Arc::new(segment));
        }
        self
    }

    /// This list without files of the log's `keys`.
    fn without<'a>(
        &self,
        snapshot: &Snapshot,
        keys: impl Iterator<Item = &'a FileActionKey>,
    ) -> KernelResult<Self> {
        let mut gone: HashMap<&str, Vec<Option<&str>>> = HashMap::new();
        for key in keys {
            gone.entry(key.path()).or_default().push(key.dv_unique_id());
        }
        let mut list = Self { segments: self.segments.clone(), ..Self::default() };
        for (segment, alive) in self.segments() {
            let alive = without(segment, alive, &gone, snapshot)?;
            list.count += alive.count_set_bits();
            list.alive.push(alive);
        }
        Ok(list)
    }

    /// The same files in one part, once there are many parts or most of their rows are dead.
    fn compacted(self, schema: &DeltaSchema) -> KernelResult<Self> {
        let rows: usize = self.segments.iter().map(|segment| segment.len()).sum();
        if self.segments.len() <= SEGMENTS_MAX && rows <= 2 * self.count.max(SEGMENTS_MAX) {
            return Ok(self);
        }
        let parts = self.segments().map(|(segment, alive)| (segment.as_ref(), alive));
        Ok(Self::of(Segment::concatenated(schema, parts)?))
    }
}

/// The rows of `alive` that `gone` does not name.
fn without(
    segment: &Segment,
    alive: &BooleanBuffer,
    gone: &HashMap<&str, Vec<Option<&str>>>,
    snapshot: &Snapshot,
) -> KernelResult<BooleanBuffer> {
    let paths = segment.paths();
    let mut kept = BooleanBufferBuilder::new(alive.len());
    kept.append_buffer(alive);
    for row in alive.set_indices() {
        let Some(vectors) = gone.get(paths.value(row)) else { continue };
        let vector =
            segment.vector(row)?.map(|vector| vector.unique_id_for(snapshot)).transpose()?;
        if vectors.contains(&vector.as_deref()) {
            kept.set_bit(row, false);
        }
    }
    Ok(kept.finish())
}

/// Whether an array tells nothing.
fn is_void(array: &dyn Array) -> bool {
    array.null_count() == array.len() || array.data_type().is_null()
}
