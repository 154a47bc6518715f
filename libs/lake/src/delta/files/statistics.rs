//! Statistics of files: JSON in the log, typed arrays here.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, RecordBatch, StringArray, StructArray,
    TimestampMicrosecondArray, new_null_array,
};
use arrow::compute::{binary, cast, concat_batches};
use arrow::datatypes::{
    DataType, Decimal128Type, Field, Float32Type, Float64Type, Int64Type, Schema, SchemaRef,
    TimeUnit, TimestampMicrosecondType,
};
use arrow::error::ArrowError;
use arrow::json::ReaderBuilder;
use delta_kernel::KernelResult;

use super::segment::bounded_columns;
use crate::delta::schema::DeltaSchema;

/// Times are cut to milliseconds in the log: what a largest one may have lost, in microseconds.
const CUT_OFF_MICROS: i64 = 999;

/// Digits of a decimal that a double holds. Some writers make doubles of the bounds of decimals.
pub(super) const DIGITS_OF_DOUBLE: u8 = 15;
/// A double is wrong by less than this share of itself, as a number of bits.
const BITS_OF_DOUBLE: u32 = 50;

/// Statistics of some files, one array for each.
pub(super) struct StatisticsArrays {
    pub(super) records: ArrayRef,
    pub(super) tight: ArrayRef,
    /// Smallest, largest, number of nulls of each column with bounds.
    pub(super) bounds: Vec<ArrayRef>,
}

/// Whether the log has values of such a column that can be compared.
pub(super) fn has_bounds(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Boolean
            | DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::Float32
            | DataType::Float64
            | DataType::Utf8
            | DataType::Date32
            | DataType::Timestamp(TimeUnit::Microsecond, _)
            | DataType::Decimal128(_, _)
    )
}

/// Reads the statistics of some files. Where a file's cannot be read, nothing is known of it.
///
/// # Errors
/// Arrow's own, for a schema that it does not take.
pub(super) fn statistics_arrays(
    schema: &DeltaSchema,
    texts: &StringArray,
) -> KernelResult<StatisticsArrays> {
    let columns = bounded_columns(schema);
    let expected = json_schema(schema, &columns);
    let rows = match parse(&expected, texts.iter()) {
        Ok(rows) => rows,
        Err(_) => parse_each(&expected, texts)?,
    };
    let parent = |position: usize| -> &StructArray { rows.column(position).as_struct() };
    let [smallest, largest, nulls] = [parent(2), parent(3), parent(4)];
    let mut bounds = Vec::with_capacity(3 * columns.len());
    for (position, column) in columns.iter().enumerate() {
        let mut smallest = widened(&inherited_nulls(smallest, position)?, -1);
        let mut largest = rounded_up(&widened(&inherited_nulls(largest, position)?, 1));
        if schema.was_single_precision(*column) {
            smallest = beyond_single_precision(&smallest, f32::next_down, f64::min)?;
            largest = beyond_single_precision(&largest, f32::next_up, f64::max)?;
        }
        bounds.extend([smallest, largest]);
        bounds.push(inherited_nulls(nulls, position)?);
    }
    let tight = rows.column(1).as_boolean();
    let tight: BooleanArray = tight.iter().map(|tight| Some(tight != Some(false))).collect();
    let records = rows.column(0).as_primitive::<Int64Type>();
    let records = records.unary_opt::<_, Int64Type>(|records| (records >= 0).then_some(records));
    Ok(StatisticsArrays { records: Arc::new(records), tight: Arc::new(tight), bounds })
}

fn json_schema(schema: &DeltaSchema, columns: &[usize]) -> SchemaRef {
    let group = |name: &str, type_of: &dyn Fn(usize) -> DataType| {
        let fields = columns
            .iter()
            .map(|column| Field::new(schema.logged_name(*column), type_of(*column), true));
        Field::new(name, DataType::Struct(fields.collect()), true)
    };
    let own = |column: usize| schema.columns().field(column).data_type().clone();
    Arc::new(Schema::new(vec![
        Field::new("numRecords", DataType::Int64, true),
        Field::new("tightBounds", DataType::Boolean, true),
        group("minValues", &own),
        group("maxValues", &own),
        group("nullCount", &|_| DataType::Int64),
    ]))
}

fn parse<'a>(
    schema: &SchemaRef,
    texts: impl ExactSizeIterator<Item = Option<&'a str>>,
) -> Result<RecordBatch, ArrowError> {
    let rows = texts.len();
    let mut decoder =
        ReaderBuilder::new(Arc::clone(schema)).with_batch_size(rows.max(1)).build_decoder()?;
    for text in texts {
        let text = text.filter(|text| !text.trim().is_empty()).unwrap_or("{}");
        decoder.decode(text.as_bytes())?;
        decoder.decode(b"\n")?;
    }
    match decoder.flush()? {
        Some(batch) if batch.num_rows() == rows => Ok(batch),
        None if rows == 0 => Ok(RecordBatch::new_empty(Arc::clone(schema))),
        _ => Err(ArrowError::JsonError("statistics of a file are not one object".to_string())),
    }
}

fn parse_each(schema: &SchemaRef, texts: &StringArray) -> Result<RecordBatch, ArrowError> {
    let one = |text: Option<&str>| {
        parse(schema, std::iter::once(text)).or_else(|error| {
            tracing::debug!(error = %error, "statistics of a file are not readable");
            parse(schema, std::iter::once(None))
        })
    };
    let rows = texts.iter().map(one).collect::<Result<Vec<_>, _>>()?;
    concat_batches(schema, &rows)
}

/// A child of a struct, null where the struct is.
fn inherited_nulls(parent: &StructArray, position: usize) -> Result<ArrayRef, ArrowError> {
    let child = parent.column(position);
    match parent.nulls() {
        None => Ok(Arc::clone(child)),
        Some(nulls) if nulls.null_count() == parent.len() => {
            Ok(new_null_array(child.data_type(), child.len()))
        }
        Some(nulls) => {
            let valid = BooleanArray::new(nulls.inner().clone(), None);
            arrow::compute::nullif(child, &arrow::compute::not(&valid)?)
        }
    }
}

/// A bound of long decimals that no value in the file passes, whichever double the writer made of
/// it; `outwards` is 1 for the largest and -1 for the smallest. Nothing is known where the number
/// is as large as a writer's integers.
fn widened(bound: &ArrayRef, outwards: i128) -> ArrayRef {
    let DataType::Decimal128(precision, scale) = *bound.data_type() else {
        return Arc::clone(bound);
    };
    if precision <= DIGITS_OF_DOUBLE {
        return Arc::clone(bound);
    }
    let unit = u32::try_from(scale).ok().and_then(|scale| 10_i128.checked_pow(scale));
    let end = unit.and_then(|unit| unit.checked_mul(i128::from(i64::MAX))).unwrap_or(i128::MAX);
    let numbers = bound.as_primitive::<Decimal128Type>();
    let wide: Decimal128Array = numbers.unary_opt(|number| {
        let error = (number.abs() >> BITS_OF_DOUBLE) + 1;
        (number.abs() < end).then(|| number + outwards * error)
    });
    Arc::new(wide.with_data_type(bound.data_type().clone()))
}

/// A bound of doubles that no value in the file passes, whether the file has doubles or the single
/// precision that the column had before. Of such a value the log has the shortest text that tells
/// it from its neighbours, which as a double is another number.
fn beyond_single_precision(
    bound: &ArrayRef,
    next: fn(f32) -> f32,
    outer: fn(f64, f64) -> f64,
) -> Result<ArrayRef, ArrowError> {
    let Some(numbers) = bound.as_primitive_opt::<Float64Type>() else {
        return Ok(Arc::clone(bound));
    };
    let single = cast(bound, &DataType::Float32)?;
    let single = single.as_primitive::<Float32Type>();
    let beyond = |number, single| outer(number, f64::from(next(single)));
    Ok(Arc::new(binary::<_, _, _, Float64Type>(numbers, single, beyond)?))
}

/// A largest time that no value in the file passes.
fn rounded_up(largest: &ArrayRef) -> ArrayRef {
    let DataType::Timestamp(TimeUnit::Microsecond, zone) = largest.data_type() else {
        return Arc::clone(largest);
    };
    let times = largest.as_primitive::<TimestampMicrosecondType>();
    let times: TimestampMicrosecondArray = times.unary(|time| time.saturating_add(CUT_OFF_MICROS));
    Arc::new(times.with_timezone_opt(zone.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(number: i128, precision: u8, scale: i8) -> ArrayRef {
        let number = Decimal128Array::from(vec![number]);
        Arc::new(number.with_precision_and_scale(precision, scale).unwrap())
    }

    fn value(array: &ArrayRef) -> Option<i128> {
        let array = array.as_primitive::<Decimal128Type>();
        array.is_valid(0).then(|| array.value(0))
    }

    #[test]
    fn bounds_of_long_decimals_reach_past_what_a_double_may_have_lost() {
        // As a double, 123456789012345.67 is written as 123456789012345.69 or so.
        let written = bound(12_345_678_901_234_569, 18, 2);
        let largest = value(&widened(&written, 1)).unwrap();
        let smallest = value(&widened(&written, -1)).unwrap();
        assert!(smallest <= 12_345_678_901_234_567 && largest >= 12_345_678_901_234_571);
        assert!(largest - smallest < 100);
        let short = bound(1234, 15, 2);
        assert_eq!(value(&widened(&short, 1)), Some(1234));
    }

    #[test]
    fn bounds_at_the_end_of_a_writers_integers_say_nothing() {
        assert_eq!(value(&widened(&bound(i128::from(i64::MAX), 38, 0), 1)), None);
        assert_eq!(value(&widened(&bound(i128::from(i64::MAX) * 100, 38, 2), 1)), None);
        assert!(value(&widened(&bound(i128::from(i64::MAX), 38, 2), 1)).is_some());
    }
}
