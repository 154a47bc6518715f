//! A part of a file list: one array for each thing that the log says of files.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, NullArray, StringArray, StructArray,
    new_empty_array, new_null_array,
};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{concat, filter};
use arrow::datatypes::{DataType, Int32Type, Int64Type};
use delta_kernel::actions::deletion_vector::DeletionVectorDescriptor;
use delta_kernel::{KernelError, KernelResult};

use super::is_void;
use super::spelling::is_absolute;
use super::statistics::has_bounds;
use crate::delta::schema::DeltaSchema;

/// Position of each array that every table has.
pub(super) const PATH: usize = 0;
pub(super) const SIZE: usize = 1;
pub(super) const MODIFIED: usize = 2;
pub(super) const RECORDS: usize = 3;
pub(super) const TIGHT: usize = 4;
pub(super) const VECTOR: usize = 5;
/// How many of them there are; partition values and bounds follow.
pub(super) const FIXED: usize = 6;

/// Files in no order.
#[derive(Debug)]
pub(in crate::delta) struct Segment {
    arrays: Vec<ArrayRef>,
    partitions: usize,
    /// Columns of the table that have bounds here, in the order of their arrays.
    bounded: Vec<usize>,
    /// Whether a path is absolute.
    absolute: bool,
}

/// What the log says of one column's values in each file. Absent where it says nothing of any.
pub(in crate::delta) struct Bounds<'a> {
    pub(in crate::delta) min: Option<&'a ArrayRef>,
    pub(in crate::delta) max: Option<&'a ArrayRef>,
    pub(in crate::delta) nulls: Option<&'a ArrayRef>,
}

impl Segment {
    /// Puts chunks together that have an array for each position each.
    pub(super) fn of_chunks(schema: &DeltaSchema, chunks: &[Vec<ArrayRef>]) -> KernelResult<Self> {
        let bounded = bounded_columns(schema);
        let partitions = schema.partitions().len();
        let positions = FIXED + partitions + 3 * bounded.len();
        let arrays = (0..positions).map(|position| {
            let parts: Vec<&dyn Array> =
                chunks.iter().map(|chunk| chunk[position].as_ref()).collect();
            let whole = match parts.is_empty() {
                true => new_empty_array(&DataType::Null),
                false => concat(&parts)?,
            };
            // Many columns have no statistics in any file: they need not take memory.
            Ok(if position >= FIXED + partitions && is_void(&whole) {
                Arc::new(NullArray::new(whole.len())) as ArrayRef
            } else {
                whole
            })
        });
        let arrays = arrays.collect::<KernelResult<Vec<_>>>()?;
        let paths = arrays[PATH].as_string_opt::<i32>();
        let absolute = paths.is_some_and(|paths| paths.iter().flatten().any(is_absolute));
        Ok(Self { arrays, partitions, bounded, absolute })
    }

    /// The chosen rows of several parts of one table.
    pub(super) fn concatenated<'a>(
        schema: &DeltaSchema,
        parts: impl Iterator<Item = (&'a Segment, &'a BooleanBuffer)>,
    ) -> KernelResult<Self> {
        let types = bound_types(schema);
        let chunk = |(segment, alive): (&Segment, &BooleanBuffer)| {
            let alive = BooleanArray::new(alive.clone(), None);
            let rows = segment.arrays.iter().enumerate().map(|(position, array)| {
                let first_bound = FIXED + segment.partitions;
                let array = match position.checked_sub(first_bound).and_then(|at| types.get(at)) {
                    Some(data_type) if array.data_type().is_null() => {
                        new_null_array(data_type, array.len())
                    }
                    _ => Arc::clone(array),
                };
                Ok(filter(&array, &alive)?)
            });
            rows.collect::<KernelResult<Vec<_>>>()
        };
        let chunks = parts.map(chunk).collect::<KernelResult<Vec<_>>>()?;
        Self::of_chunks(schema, &chunks)
    }

    /// One row alone, its memory shared.
    pub(super) fn row(&self, row: usize) -> Self {
        Self {
            arrays: self.arrays.iter().map(|array| array.slice(row, 1)).collect(),
            partitions: self.partitions,
            bounded: self.bounded.clone(),
            absolute: self.absolute,
        }
    }

    /// Number of rows.
    pub(in crate::delta) fn len(&self) -> usize {
        self.arrays[PATH].len()
    }

    /// Bytes held, about.
    pub(super) fn memory(&self) -> usize {
        self.arrays.iter().map(|array| array.get_array_memory_size()).sum()
    }

    /// Paths as the log has them.
    pub(in crate::delta) fn paths(&self) -> &StringArray {
        self.arrays[PATH].as_string()
    }

    /// Whether a path, though perhaps of a row that is no file any more, is absolute.
    pub(super) fn has_absolute(&self) -> bool {
        self.absolute
    }

    /// Sizes in bytes.
    pub(in crate::delta) fn sizes(&self) -> &Int64Array {
        self.arrays[SIZE].as_primitive()
    }

    /// Modification times in milliseconds since 1970-01-01 UTC.
    pub(in crate::delta) fn modified(&self) -> &Int64Array {
        self.arrays[MODIFIED].as_primitive()
    }

    /// Rows in the files, deleted ones among them; null where the log does not say.
    pub(in crate::delta) fn records(&self) -> &Int64Array {
        self.arrays[RECORDS].as_primitive()
    }

    /// Whether the bounds are values that are there, and not only limits of them.
    pub(in crate::delta) fn tight(&self) -> &BooleanArray {
        self.arrays[TIGHT].as_boolean()
    }

    /// Values of a partition column, by its place in the partitioning.
    pub(in crate::delta) fn partition(&self, place: usize) -> &ArrayRef {
        &self.arrays[FIXED + place]
    }

    /// What the log says of a column of the table.
    pub(in crate::delta) fn bounds(&self, column: usize) -> Option<Bounds<'_>> {
        let at = self.bounded.iter().position(|bounded| *bounded == column)?;
        let array = |which: usize| {
            let array = &self.arrays[FIXED + self.partitions + 3 * at + which];
            (!array.data_type().is_null()).then_some(array)
        };
        Some(Bounds { min: array(0), max: array(1), nulls: array(2) })
    }

    /// Whether a file has a deletion vector.
    pub(in crate::delta) fn has_vector(&self, row: usize) -> bool {
        is_vector(self.arrays[VECTOR].as_struct(), row)
    }

    /// Rows that a file's deletion vector removes; zero where it has none.
    pub(in crate::delta) fn deleted(&self, row: usize) -> i64 {
        let vectors: &StructArray = self.arrays[VECTOR].as_struct();
        if self.has_vector(row) {
            vectors.column(4).as_primitive::<Int64Type>().value(row)
        } else {
            0
        }
    }

    /// Where a file's deletion vector is.
    pub(in crate::delta) fn vector(
        &self,
        row: usize,
    ) -> KernelResult<Option<DeletionVectorDescriptor>> {
        vector_at(self.arrays[VECTOR].as_struct(), row)
    }
}

/// What the log says of a deletion vector, if it names one.
pub(super) fn vector_at(
    vectors: &StructArray,
    row: usize,
) -> KernelResult<Option<DeletionVectorDescriptor>> {
    if !is_vector(vectors, row) {
        return Ok(None);
    }
    let offset = vectors.column(2).as_primitive::<Int32Type>();
    let descriptor = DeletionVectorDescriptor::try_new(
        vectors.column(0).as_string::<i32>().value(row).parse()?,
        vectors.column(1).as_string::<i32>().value(row),
        offset.is_valid(row).then(|| offset.value(row)),
        vectors.column(3).as_primitive::<Int32Type>().value(row),
        vectors.column(4).as_primitive::<Int64Type>().value(row),
    );
    descriptor.map(Some)
}

fn is_vector(vectors: &StructArray, row: usize) -> bool {
    vectors.is_valid(row) && vectors.column(0).is_valid(row)
}

/// The columns for which bounds are kept.
pub(super) fn bounded_columns(schema: &DeltaSchema) -> Vec<usize> {
    let columns = schema.columns();
    schema.in_files().filter(|column| has_bounds(columns.field(*column).data_type())).collect()
}

/// Types of the arrays of bounds: smallest, largest, number of nulls of each column.
fn bound_types(schema: &DeltaSchema) -> Vec<DataType> {
    let of_column = |column: usize| {
        let data_type = schema.columns().field(column).data_type();
        [data_type.clone(), data_type.clone(), DataType::Int64]
    };
    bounded_columns(schema).into_iter().flat_map(of_column).collect()
}

/// The error of a log entry without what every entry has.
pub(super) fn missing(what: &str) -> KernelError {
    KernelError::missing_data(what)
}
