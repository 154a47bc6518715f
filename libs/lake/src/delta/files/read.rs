//! From what the log reader gives to a file list.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, MapArray, RecordBatch, StructArray};
use arrow::compute::concat_batches;
use delta_kernel::cancellation::CancellationTokenRef;
use delta_kernel::engine::arrow_data::EngineDataArrowExt;
use delta_kernel::engine_data::FilteredEngineData;
use delta_kernel::scan::StatsOptions;
use delta_kernel::{KernelResult, SnapshotRef};

use super::FileList;
use super::partition::partition_arrays;
use super::segment::{Segment, missing};
use super::spelling::{is_absolute, without_respelled};
use super::statistics::statistics_arrays;
use crate::delta::guarded::LogEngine;
use crate::delta::log::TableState;
use crate::delta::schema::DeltaSchema;

/// Files that are taken apart together.
const CHUNK_ROWS: usize = 4_096;
/// Batches that wait for that at most.
const CHUNK_BATCHES: usize = 512;

/// Reads all files of a version.
///
/// # Errors
/// The log reader's own.
pub(in crate::delta) fn all_files(
    engine: &LogEngine,
    snapshot: &SnapshotRef,
    schema: &DeltaSchema,
    token: CancellationTokenRef,
) -> KernelResult<FileList> {
    let scan = Arc::clone(snapshot)
        .scan_builder()
        .with_stats(StatsOptions::json_only())
        .without_row_transforms()
        .with_cancellation_token(token)
        .build()?;
    let mut found = Found::new(schema, |rows| {
        let constants = column(rows, "fileConstantValues")?.as_struct();
        let values = child(constants, "partitionValues")?;
        chunk(schema, |name| column(rows, name), values.as_map())
    });
    for rows in scan.scan_metadata(engine)? {
        found.add(batch(rows?.scan_files)?)?;
    }
    without_respelled(engine, snapshot, FileList::of(found.finish()?))
}

/// The files of `newest`, going on from those of `known`; `None` where the log between them is
/// not at hand.
///
/// # Errors
/// The log reader's own.
pub(in crate::delta) fn added_files(
    engine: &LogEngine,
    known: &TableState,
    newest: &SnapshotRef,
) -> KernelResult<Option<FileList>> {
    let builder = Arc::clone(newest).incremental_scan_builder(known.version());
    let Some(mut changes) = builder.build(engine)? else { return Ok(None) };
    let schema = &known.schema;
    let mut found = Found::new(schema, |rows| {
        let add = column(rows, "add")?.as_struct();
        let values = child(add, "partitionValues")?;
        chunk(schema, |name| child(add, name), values.as_map())
    });
    for rows in changes.by_ref() {
        found.add(batch(rows?)?)?;
    }
    let changes = changes.into_summary()?;
    let mut changed = changes.removes.iter().chain(&changes.live_adds);
    if changed.any(|file| is_absolute(file.path())) {
        return Ok(None);
    }
    let gone = changes.removes.iter().chain(&changes.live_adds);
    let added = found.finish()?;
    known.files.without(newest, gone)?.with(added).compacted(schema).map(Some)
}

/// Gathers what the log reader gives. It gives a batch for each commit, often of a few rows: taken
/// apart one by one, ten thousand of them would take seconds.
struct Found<'a, C> {
    schema: &'a DeltaSchema,
    arrays_of: C,
    waiting: Vec<RecordBatch>,
    chunks: Vec<Vec<ArrayRef>>,
}

impl<'a, C: Fn(&RecordBatch) -> KernelResult<Vec<ArrayRef>>> Found<'a, C> {
    fn new(schema: &'a DeltaSchema, arrays_of: C) -> Self {
        Self { schema, arrays_of, waiting: Vec::new(), chunks: Vec::new() }
    }

    fn add(&mut self, rows: RecordBatch) -> KernelResult<()> {
        if rows.num_rows() > 0 {
            self.waiting.push(rows);
        }
        let rows: usize = self.waiting.iter().map(RecordBatch::num_rows).sum();
        if rows < CHUNK_ROWS && self.waiting.len() < CHUNK_BATCHES { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> KernelResult<()> {
        let waiting = std::mem::take(&mut self.waiting);
        let Some(first) = waiting.first() else { return Ok(()) };
        match concat_batches(first.schema_ref(), &waiting) {
            Ok(rows) => self.chunks.push((self.arrays_of)(&rows)?),
            // Batches from commits and from checkpoints may differ in what is nullable.
            Err(_) => {
                for rows in &waiting {
                    self.chunks.push((self.arrays_of)(rows)?);
                }
            }
        }
        Ok(())
    }

    fn finish(mut self) -> KernelResult<Segment> {
        self.flush()?;
        Segment::of_chunks(self.schema, &self.chunks)
    }
}

/// The arrays of some files.
fn chunk<'a>(
    schema: &DeltaSchema,
    array: impl Fn(&str) -> KernelResult<&'a ArrayRef>,
    values: &MapArray,
) -> KernelResult<Vec<ArrayRef>> {
    let [path, size] = [array("path")?, array("size")?];
    for (what, required) in [("path", path), ("size", size)] {
        if required.null_count() > 0 {
            return Err(missing(what));
        }
    }
    let statistics = statistics_arrays(schema, array("stats")?.as_string())?;
    let fixed = [
        Arc::clone(path),
        Arc::clone(size),
        Arc::clone(array("modificationTime")?),
        statistics.records,
        statistics.tight,
        Arc::clone(array("deletionVector")?),
    ];
    let partitions = partition_arrays(schema, values)?;
    Ok(fixed.into_iter().chain(partitions).chain(statistics.bounds).collect())
}

fn batch(rows: FilteredEngineData) -> KernelResult<RecordBatch> {
    rows.apply_selection_vector()?.try_into_record_batch()
}

pub(super) fn column<'a>(rows: &'a RecordBatch, name: &str) -> KernelResult<&'a ArrayRef> {
    rows.column_by_name(name).ok_or_else(|| missing(name))
}

pub(super) fn child<'a>(rows: &'a StructArray, name: &str) -> KernelResult<&'a ArrayRef> {
    rows.column_by_name(name).ok_or_else(|| missing(name))
}
