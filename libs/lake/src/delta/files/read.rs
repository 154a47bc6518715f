//! From what the log reader gives to a file list.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, MapArray, RecordBatch, StructArray};
use delta_kernel::cancellation::CancellationTokenRef;
use delta_kernel::engine::arrow_data::EngineDataArrowExt;
use delta_kernel::engine_data::FilteredEngineData;
use delta_kernel::scan::StatsOptions;
use delta_kernel::{KernelResult, SnapshotRef};

use super::FileList;
use super::partition::partition_arrays;
use super::segment::{Segment, missing};
use super::statistics::statistics_arrays;
use crate::delta::log::{LogEngine, TableState};
use crate::delta::schema::DeltaSchema;

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
    let mut chunks = Vec::new();
    for found in scan.scan_metadata(engine)? {
        let rows = batch(found?.scan_files)?;
        if rows.num_rows() > 0 {
            let constants = column(&rows, "fileConstantValues")?.as_struct();
            let values = child(constants, "partitionValues")?;
            chunks.push(chunk(schema, |name| column(&rows, name), values.as_map())?);
        }
    }
    Ok(FileList::of(Segment::of_chunks(schema, &chunks)?))
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
    let mut chunks = Vec::new();
    for added in changes.by_ref() {
        let rows = batch(added?)?;
        if rows.num_rows() > 0 {
            let add = column(&rows, "add")?.as_struct();
            let values = child(add, "partitionValues")?;
            chunks.push(chunk(&known.schema, |name| child(add, name), values.as_map())?);
        }
    }
    let changes = changes.into_summary()?;
    let gone = changes.removes.iter().chain(&changes.live_adds);
    let added = Segment::of_chunks(&known.schema, &chunks)?;
    known.files.without(newest, gone)?.with(added).compacted(&known.schema).map(Some)
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

fn column<'a>(rows: &'a RecordBatch, name: &str) -> KernelResult<&'a ArrayRef> {
    rows.column_by_name(name).ok_or_else(|| missing(name))
}

fn child<'a>(rows: &'a StructArray, name: &str) -> KernelResult<&'a ArrayRef> {
    rows.column_by_name(name).ok_or_else(|| missing(name))
}
