//! The arguments of one call of a function, row by row. Constants are not made arrays of.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::ColumnarValue;

/// One call of a function.
pub(super) struct Call<'a> {
    pub(super) arguments: &'a [ColumnarValue],
    /// Rows of the batch.
    pub(super) rows: usize,
    /// What the call may make, in bytes.
    pub(super) limit: u64,
}

impl Call<'_> {
    /// The sum over all rows.
    pub(super) fn sum(&self, of_row: impl Fn(usize) -> u64) -> u64 {
        if self.arguments.iter().all(is_constant) {
            return of_row(0).saturating_mul(bytes(self.rows));
        }
        (0..self.rows).fold(0, |sum, row| sum.saturating_add(of_row(row)))
    }

    /// What constants take that are made as long as the batch, because another argument is a
    /// column.
    pub(super) fn spread(&self) -> u64 {
        if self.arguments.iter().all(is_constant) {
            return 0;
        }
        let constants = self.arguments.iter().filter_map(|argument| match argument {
            ColumnarValue::Scalar(value) => Some(bytes_of(value)),
            ColumnarValue::Array(_) => None,
        });
        constants.fold(0, u64::saturating_add).saturating_mul(bytes(self.rows))
    }

    /// Whether all arguments from this one on are constants.
    pub(super) fn are_constants_from(&self, first: usize) -> bool {
        self.arguments.iter().skip(first).all(is_constant)
    }

    /// A text; `None` for NULL and for what is no text.
    pub(super) fn text(&self, argument: usize, row: usize) -> Option<&str> {
        match self.arguments.get(argument)? {
            ColumnarValue::Scalar(value) => value.try_as_str().flatten(),
            ColumnarValue::Array(array) if array.is_null(row) => None,
            ColumnarValue::Array(array) => match array.data_type() {
                DataType::Utf8 => Some(array.as_string::<i32>().value(row)),
                DataType::LargeUtf8 => Some(array.as_string::<i64>().value(row)),
                DataType::Utf8View => Some(array.as_string_view().value(row)),
                _ => None,
            },
        }
    }

    /// A whole number; `None` for NULL.
    pub(super) fn integer(&self, argument: usize, row: usize) -> Option<i64> {
        match self.arguments.get(argument)? {
            ColumnarValue::Scalar(ScalarValue::Int64(value)) => *value,
            ColumnarValue::Scalar(_) => None,
            ColumnarValue::Array(array) => {
                let numbers = array.as_primitive_opt::<Int64Type>()?;
                numbers.is_valid(row).then(|| numbers.value(row))
            }
        }
    }

    /// A number of things; 0 for NULL and for negative numbers.
    pub(super) fn count(&self, argument: usize, row: usize) -> u64 {
        self.integer(argument, row).map_or(0, natural)
    }

    /// An argument as an array, which is of one row where it is a constant; `None` where there are
    /// fewer.
    pub(super) fn values(&self, argument: usize) -> Result<Option<Values>> {
        Ok(match self.arguments.get(argument) {
            Some(ColumnarValue::Scalar(value)) => {
                Some(Values { array: value.to_array()?, is_constant: true })
            }
            Some(ColumnarValue::Array(array)) => {
                Some(Values { array: Arc::clone(array), is_constant: false })
            }
            None => None,
        })
    }
}

/// An argument as an array.
pub(super) struct Values {
    pub(super) array: ArrayRef,
    is_constant: bool,
}

impl Values {
    /// Where the value of `row` stands in the array.
    pub(super) fn at(&self, row: usize) -> usize {
        if self.is_constant { 0 } else { row }
    }

    /// The same in another type; NULL where a value has no place in it.
    pub(super) fn cast_to(self, data_type: &DataType) -> Result<Self> {
        Ok(Self { array: cast(&self.array, data_type)?, is_constant: self.is_constant })
    }
}

fn is_constant(argument: &ColumnarValue) -> bool {
    matches!(argument, ColumnarValue::Scalar(_))
}

/// What a constant has outside of itself, in bytes.
fn bytes_of(value: &ScalarValue) -> u64 {
    match value.try_as_str() {
        Some(text) => text.map_or(0, |text| bytes(text.len())),
        None => bytes(value.size().saturating_sub(size_of::<ScalarValue>())),
    }
}

/// A length in memory as an amount of bytes.
pub(super) fn bytes(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// A number of things; 0 for negative numbers.
fn natural(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
