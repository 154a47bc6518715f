//! What a Parquet footer tells of a file's columns, as a Delta log has it.
//!
//! Source: the Delta protocol, "Per-file statistics".

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::{max_string, min_string, sum};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, Schema, TimeUnit, TimestampMicrosecondType, UInt64Type,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::Result;
use datafusion::parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use datafusion::parquet::file::metadata::ParquetMetaData;
use serde_json::{Map, Number, Value, json};

/// Columns whose bounds are told, from the first on: the protocol's own default.
const COLUMNS_TOLD: usize = 32;
/// Decimal digits that a JSON number keeps.
const EXACT_DIGITS: usize = 15;
/// How a time stands in a log.
const TIMESTAMP: &str = "%Y-%m-%dT%H:%M:%S%.6f";
const TIMESTAMP_UTC: &str = "%Y-%m-%dT%H:%M:%S%.6fZ";

/// The statistics of a file with these columns.
///
/// # Errors
/// The footer does not fit the columns.
pub(super) fn statistics_of(footer: &ParquetMetaData, schema: &Schema) -> Result<String> {
    let mut told = Told::default();
    for field in schema.fields().iter().take(COLUMNS_TOLD) {
        if field.data_type().is_nested() {
            continue;
        }
        let parquet = footer.file_metadata().schema_descr();
        let converter = StatisticsConverter::try_new(field.name(), schema, parquet)?;
        let groups = footer.row_groups();
        let nulls = converter.row_group_null_counts(groups)?;
        if nulls.null_count() == 0 {
            let count = sum::<UInt64Type>(&nulls).unwrap_or(0);
            told.nulls.insert(field.name().clone(), json!(count));
        }
        let smallest = converter.row_group_mins(groups)?;
        let largest = converter.row_group_maxes(groups)?;
        if !only_nulls_lack(&smallest, &nulls, footer) {
            continue;
        }
        if let Some(value) = bound(&smallest, Side::Smallest) {
            told.smallest.insert(field.name().clone(), value);
        }
        if let Some(value) = bound(&largest, Side::Largest) {
            told.largest.insert(field.name().clone(), value);
        }
    }
    let records = footer.file_metadata().num_rows();
    Ok(json!({
        "numRecords": records,
        "minValues": told.smallest,
        "maxValues": told.largest,
        "nullCount": told.nulls,
    })
    .to_string())
}

#[derive(Default)]
struct Told {
    smallest: Map<String, Value>,
    largest: Map<String, Value>,
    nulls: Map<String, Value>,
}

/// Whether every row group without a bound holds nothing but nulls: of others nothing is known.
fn only_nulls_lack(
    bounds: &ArrayRef,
    nulls: &arrow::array::UInt64Array,
    footer: &ParquetMetaData,
) -> bool {
    footer.row_groups().iter().enumerate().all(|(group, metadata)| {
        !bounds.is_null(group)
            || (nulls.is_valid(group)
                && i64::try_from(nulls.value(group)).ok() == Some(metadata.num_rows()))
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Smallest,
    Largest,
}

/// The smallest or largest of the row groups' bounds; `None` for a type whose bounds no log has.
fn bound(groups: &ArrayRef, side: Side) -> Option<Value> {
    match groups.data_type() {
        DataType::Int8 => number::<Int8Type>(groups, side),
        DataType::Int16 => number::<Int16Type>(groups, side),
        DataType::Int32 => number::<Int32Type>(groups, side),
        DataType::Int64 => number::<Int64Type>(groups, side),
        // A footer leaves out what is no number, which is larger than any number.
        DataType::Float32 | DataType::Float64 if side == Side::Largest => None,
        DataType::Float32 => real(f64::from(extreme::<Float32Type>(groups, side)?)),
        DataType::Float64 => real(extreme::<Float64Type>(groups, side)?),
        DataType::Utf8 => {
            let texts = groups.as_string::<i32>();
            let text = match side {
                Side::Smallest => min_string(texts),
                Side::Largest => max_string(texts),
            };
            text.map(|text| json!(text))
        }
        DataType::Date32 => shown::<Date32Type>(groups, side, &FormatOptions::new()),
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let format = if zone.is_some() { TIMESTAMP_UTC } else { TIMESTAMP };
            let options = FormatOptions::new()
                .with_timestamp_format(Some(format))
                .with_timestamp_tz_format(Some(format));
            shown::<TimestampMicrosecondType>(groups, side, &options)
        }
        DataType::Decimal128(..) => {
            let text = shown::<Decimal128Type>(groups, side, &FormatOptions::new())?;
            exact(text.as_str()?)
        }
        _ => None,
    }
}

fn extreme<T: ArrowPrimitiveType>(groups: &ArrayRef, side: Side) -> Option<T::Native>
where
    T::Native: PartialOrd,
{
    let values = groups.as_primitive::<T>();
    let mut values = values.iter().flatten();
    let first = values.next()?;
    Some(values.fold(first, |best, value| {
        let is_better = match side {
            Side::Smallest => value < best,
            Side::Largest => value > best,
        };
        if is_better { value } else { best }
    }))
}

fn number<T: ArrowPrimitiveType>(groups: &ArrayRef, side: Side) -> Option<Value>
where
    T::Native: PartialOrd + Into<i64>,
{
    extreme::<T>(groups, side).map(|value| json!(value.into()))
}

/// A decimal as a JSON number, where that has all its digits.
fn exact(text: &str) -> Option<Value> {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    if digits > EXACT_DIGITS { None } else { text.parse().ok().map(Value::Number) }
}

/// Infinity and what is no number have no JSON.
fn real(value: f64) -> Option<Value> {
    Number::from_f64(value).map(Value::Number)
}

/// The bound as text.
fn shown<T: ArrowPrimitiveType>(
    groups: &ArrayRef,
    side: Side,
    options: &FormatOptions<'_>,
) -> Option<Value>
where
    T::Native: PartialOrd,
{
    let best = extreme::<T>(groups, side)?;
    let values = groups.as_primitive::<T>();
    let row = values.iter().position(|value| value == Some(best))?;
    let formatter = ArrayFormatter::try_new(groups.as_ref(), options).ok()?;
    Some(json!(formatter.value(row).to_string()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array, RecordBatch,
        StringArray, TimestampMicrosecondArray,
    };
    use datafusion::parquet::arrow::ArrowWriter;
    use datafusion::parquet::file::properties::WriterProperties;

    use super::*;

    fn told(columns: Vec<(&str, ArrayRef)>) -> Value {
        let rows = RecordBatch::try_from_iter(columns).unwrap();
        // Several row groups.
        let properties = WriterProperties::builder().set_max_row_group_row_count(Some(2)).build();
        let mut writer = ArrowWriter::try_new(Vec::new(), rows.schema(), Some(properties)).unwrap();
        writer.write(&rows).unwrap();
        let footer = writer.finish().unwrap();
        let text = statistics_of(&footer, &rows.schema()).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn bounds_and_nulls_are_those_of_all_row_groups() {
        let told = told(vec![
            ("n", Arc::new(Int64Array::from(vec![Some(3), None, Some(-7), Some(9)]))),
            ("s", Arc::new(StringArray::from(vec!["b", "ä", "a", "c"]))),
            ("d", Arc::new(Date32Array::from(vec![0, 1, 2, 19_000]))),
            (
                "t",
                Arc::new(TimestampMicrosecondArray::from(vec![1, 2, 3, -1]).with_timezone("UTC")),
            ),
            ("empty", Arc::new(Int32Array::from(vec![None, None, None, None]))),
        ]);
        assert_eq!(told["numRecords"], 4);
        assert_eq!(told["nullCount"], json!({"n": 1, "s": 0, "d": 0, "t": 0, "empty": 4}));
        assert_eq!(
            told["minValues"],
            json!({"n": -7, "s": "a", "d": "1970-01-01", "t": "1969-12-31T23:59:59.999999Z"})
        );
        assert_eq!(
            told["maxValues"],
            json!({"n": 9, "s": "ä", "d": "2022-01-08", "t": "1970-01-01T00:00:00.000003Z"})
        );
    }

    #[test]
    fn a_bound_that_could_lie_is_not_told() {
        let decimal = |value, precision| {
            let array = Decimal128Array::from(vec![value; 2]);
            Arc::new(array.with_precision_and_scale(precision, 2).unwrap()) as ArrayRef
        };
        let told = told(vec![
            ("f", Arc::new(Float64Array::from(vec![1.5, f64::NAN]))),
            ("short", decimal(12_345, 15)),
            ("long", decimal(12_345_678_901_234_567_890, 38)),
        ]);
        assert_eq!(told["minValues"], json!({"f": 1.5, "short": 123.45}));
        assert_eq!(told["maxValues"], json!({"short": 123.45}));
    }
}
