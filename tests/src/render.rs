//! Values as the text that SQL test files expect.
//!
//! The same text is made by `slt/oracle.py` from the reference engine's values; change both
//! together.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};

/// What a missing value is called.
const NULL: &str = "NULL";
/// What an empty text is called, since files separate values by spaces.
const EMPTY: &str = "(empty)";
/// Digits after the first of a floating point number that must agree. Sums depend on their order beyond this.
const FLOAT_DIGITS: usize = 9;

/// Every row as its values in text.
///
/// # Errors
/// When arrow cannot format a type.
pub fn rows(batches: &[RecordBatch]) -> Result<Vec<Vec<String>>, ArrowError> {
    let mut rows = Vec::new();
    for batch in batches {
        let columns = batch.columns().iter().map(column).collect::<Result<Vec<_>, _>>()?;
        for index in 0..batch.num_rows() {
            rows.push(columns.iter().map(|column| column[index].clone()).collect());
        }
    }
    Ok(rows)
}

/// The kind of a column as one letter: `B`oolean, `I`nteger, `R`eal or decimal, `T`ext, `D`ate or
/// time, time stam`P`, and `?` for all else.
pub fn kind(data_type: &DataType) -> char {
    match data_type {
        DataType::Boolean => 'B',
        data_type if data_type.is_integer() => 'I',
        data_type if data_type.is_floating() || is_decimal(data_type) => 'R',
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => 'T',
        DataType::Date32 | DataType::Date64 | DataType::Time32(_) | DataType::Time64(_) => 'D',
        DataType::Timestamp(..) => 'P',
        _ => '?',
    }
}

fn is_decimal(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Decimal32(..)
            | DataType::Decimal64(..)
            | DataType::Decimal128(..)
            | DataType::Decimal256(..)
    )
}

fn column(array: &ArrayRef) -> Result<Vec<String>, ArrowError> {
    let options = FormatOptions::new()
        .with_null(NULL)
        .with_display_error(false)
        .with_timestamp_format(Some("%Y-%m-%d %H:%M:%S%.f"))
        .with_timestamp_tz_format(Some("%Y-%m-%d %H:%M:%S%.f%:z"));
    let formatter = ArrayFormatter::try_new(array.as_ref(), &options)?;
    (0..array.len())
        .map(|index| match array.data_type() {
            _ if array.is_null(index) => Ok(NULL.to_owned()),
            DataType::Float64 => Ok(float(array.as_primitive::<Float64Type>().value(index))),
            DataType::Float32 => {
                let value = array.as_primitive::<Float32Type>().value(index);
                Ok(value.to_string())
            }
            _ => formatter
                .value(index)
                .try_to_string()
                .map(|text| if text.is_empty() { EMPTY.to_owned() } else { text }),
        })
        .collect()
}

/// A number without exponent, without a trailing `.0`, rounded to the digits that must agree.
fn float(value: f64) -> String {
    let rounded: f64 = format!("{value:.FLOAT_DIGITS$e}").parse().unwrap_or(value);
    if rounded == 0.0 { "0".to_owned() } else { rounded.to_string() }
}
