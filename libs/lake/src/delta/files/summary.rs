//! What is known of the rows of chosen files: how many, and between which values.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::buffer::BooleanBuffer;
use arrow::compute::filter;
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, Result, ScalarValue, Statistics};
use datafusion::functions_aggregate::min_max::{MaxAccumulator, MinAccumulator};
use datafusion::logical_expr::Accumulator;

use super::statistics::DIGITS_OF_DOUBLE;
use super::{FileList, Segment, Selection};
use crate::delta::schema::DeltaSchema;

/// A column of a scan: which column of the table it is, and its type in this plan.
#[derive(Debug, Clone)]
pub(in crate::delta) struct ScanColumn {
    pub(in crate::delta) column: usize,
    pub(in crate::delta) data_type: DataType,
}

impl FileList {
    /// Statistics of the rows of `selection`, deleted rows left out.
    ///
    /// # Errors
    /// A type that cannot be compared.
    pub(in crate::delta) fn statistics(
        &self,
        schema: &DeltaSchema,
        selection: &Selection,
        columns: &[ScanColumn],
    ) -> Result<Statistics> {
        let parts = self.segments().zip(&selection.masks).filter(|(_, mask)| mask.has_true());
        let parts: Vec<_> =
            parts.map(|((segment, _), mask)| Part { segment, mask: mask.clone() }).collect();
        of_parts(schema, &parts, columns)
    }
}

/// Statistics of the rows of one file.
///
/// # Errors
/// A type that cannot be compared.
pub(in crate::delta) fn file_statistics(
    schema: &DeltaSchema,
    segment: &Segment,
    row: usize,
    columns: &[ScanColumn],
) -> Result<Statistics> {
    let segment = &segment.row(row);
    of_parts(schema, &[Part { segment, mask: BooleanBuffer::new_set(1) }], columns)
}

struct Part<'a> {
    segment: &'a Segment,
    mask: BooleanBuffer,
}

impl Part<'_> {
    fn rows(&self) -> impl Iterator<Item = usize> + '_ {
        self.mask.set_indices()
    }

    fn chosen(&self, array: &ArrayRef) -> Result<ArrayRef> {
        Ok(filter(array, &BooleanArray::new(self.mask.clone(), None))?)
    }

    /// Whether every bound of these files is a value that is there.
    fn is_tight(&self) -> bool {
        self.rows().all(|row| self.segment.tight().value(row) && !self.segment.has_vector(row))
    }

    /// Rows that are left in a file.
    fn left(&self, row: usize) -> Option<i64> {
        let records = self.segment.records();
        records.is_valid(row).then(|| records.value(row) - self.segment.deleted(row))
    }
}

fn of_parts(
    schema: &DeltaSchema,
    parts: &[Part<'_>],
    columns: &[ScanColumn],
) -> Result<Statistics> {
    let rows = parts.iter().flat_map(|part| part.rows().map(|row| part.left(row)));
    let num_rows = match rows.sum::<Option<i64>>().and_then(|rows| usize::try_from(rows).ok()) {
        Some(rows) => Precision::Exact(rows),
        None => Precision::Absent,
    };
    let sizes =
        parts.iter().flat_map(|part| part.rows().map(|row| part.segment.sizes().value(row)));
    let bytes = usize::try_from(sizes.sum::<i64>()).unwrap_or(usize::MAX);
    let tight = parts.iter().all(Part::is_tight);
    let column_statistics = columns
        .iter()
        .map(|column| match schema.partitions().iter().position(|at| *at == column.column) {
            Some(place) => partition_column(parts, place, &column.data_type),
            None => file_column(parts, column, tight),
        })
        .collect::<Result<_>>()?;
    Ok(Statistics { num_rows, total_byte_size: Precision::Inexact(bytes), column_statistics })
}

fn partition_column(
    parts: &[Part<'_>],
    place: usize,
    data_type: &DataType,
) -> Result<ColumnStatistics> {
    let arrays = parts.iter().map(|part| part.chosen(part.segment.partition(place)));
    let arrays = arrays.collect::<Result<Vec<_>>>()?;
    let nulls = parts.iter().flat_map(|part| {
        let values = part.segment.partition(place);
        part.rows().filter(|row| values.is_null(*row)).map(|row| part.left(row))
    });
    let nulls = nulls.sum::<Option<i64>>().and_then(|nulls| usize::try_from(nulls).ok());
    Ok(ColumnStatistics {
        null_count: nulls.map_or(Precision::Absent, Precision::Exact),
        min_value: smallest(&arrays, data_type)?.map_or(Precision::Absent, Precision::Exact),
        max_value: largest(&arrays, data_type)?.map_or(Precision::Absent, Precision::Exact),
        ..ColumnStatistics::new_unknown()
    })
}

fn file_column(parts: &[Part<'_>], column: &ScanColumn, tight: bool) -> Result<ColumnStatistics> {
    let mut statistics = ColumnStatistics::new_unknown();
    let null_counts = parts.iter().flat_map(|part| {
        let nulls = part.segment.bounds(column.column).and_then(|bounds| bounds.nulls);
        part.rows().map(move |row| {
            let nulls = nulls?.as_primitive::<Int64Type>();
            nulls.is_valid(row).then(|| nulls.value(row))
        })
    });
    let nulls = null_counts.sum::<Option<i64>>().and_then(|nulls| usize::try_from(nulls).ok());
    let precise = |nulls| if tight { Precision::Exact(nulls) } else { Precision::Inexact(nulls) };
    statistics.null_count = nulls.map_or(Precision::Absent, precise);
    let exact = tight && has_exact_bounds(&column.data_type);
    let precise = |value| if exact { Precision::Exact(value) } else { Precision::Inexact(value) };
    for is_largest in [false, true] {
        let Some(arrays) = complete_bounds(parts, column.column, is_largest)? else { continue };
        let value = match is_largest {
            true => largest(&arrays, &column.data_type)?,
            false => smallest(&arrays, &column.data_type)?,
        };
        let value = value.map_or(Precision::Absent, precise);
        match is_largest {
            true => statistics.max_value = value,
            false => statistics.min_value = value,
        }
    }
    Ok(statistics)
}

/// The bounds of a column in each part; `None` where the log lacks one of a file with values.
fn complete_bounds(
    parts: &[Part<'_>],
    column: usize,
    is_largest: bool,
) -> Result<Option<Vec<ArrayRef>>> {
    let mut arrays = Vec::with_capacity(parts.len());
    for part in parts {
        let Some(bounds) = part.segment.bounds(column) else { return Ok(None) };
        let Some(array) = (if is_largest { bounds.max } else { bounds.min }) else {
            return Ok(None);
        };
        let nulls = bounds.nulls.map(|nulls| nulls.as_primitive::<Int64Type>());
        let records = part.segment.records();
        let has_no_value = |row: usize| {
            records.is_valid(row)
                && (records.value(row) == 0
                    || nulls.is_some_and(|nulls| {
                        nulls.is_valid(row) && nulls.value(row) == records.value(row)
                    }))
        };
        if part.rows().any(|row| array.is_null(row) && !has_no_value(row)) {
            return Ok(None);
        }
        arrays.push(part.chosen(array)?);
    }
    Ok(Some(arrays))
}

/// Types whose bounds the log has in full. Texts may be cut, times are cut to milliseconds, writers
/// disagree about NaN, and some write long decimals as doubles.
fn has_exact_bounds(data_type: &DataType) -> bool {
    match data_type {
        DataType::Decimal128(precision, _) => *precision <= DIGITS_OF_DOUBLE,
        DataType::Date32 | DataType::Boolean => true,
        other => other.is_integer(),
    }
}

fn smallest(arrays: &[ArrayRef], data_type: &DataType) -> Result<Option<ScalarValue>> {
    outermost(arrays, data_type, |of| Ok(Box::new(MinAccumulator::try_new(of)?)))
}

fn largest(arrays: &[ArrayRef], data_type: &DataType) -> Result<Option<ScalarValue>> {
    outermost(arrays, data_type, |of| Ok(Box::new(MaxAccumulator::try_new(of)?)))
}

fn outermost(
    arrays: &[ArrayRef],
    data_type: &DataType,
    accumulator: impl Fn(&DataType) -> Result<Box<dyn Accumulator>>,
) -> Result<Option<ScalarValue>> {
    let value = match arrays {
        [] => return Ok(None),
        // By far the most: one file.
        [only] if only.len() == 1 => ScalarValue::try_from_array(only, 0)?,
        [first, ..] => {
            let mut accumulator = accumulator(first.data_type())?;
            for array in arrays {
                accumulator.update_batch(std::slice::from_ref(array))?;
            }
            accumulator.evaluate()?
        }
    };
    if value.is_null() { Ok(None) } else { value.cast_to(data_type).map(Some) }
}
