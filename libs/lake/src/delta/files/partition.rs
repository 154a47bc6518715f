//! Partition values: texts in the log, typed here.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, MapArray, StringArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::DataType;
use delta_kernel::{KernelError, KernelResult};

use crate::delta::schema::DeltaSchema;

/// One array for each partition column from the texts of each file.
///
/// # Errors
/// A text that is no value of its column's type.
pub(super) fn partition_arrays(
    schema: &DeltaSchema,
    values: &MapArray,
) -> KernelResult<Vec<ArrayRef>> {
    let typed = |column: &usize| {
        let field = schema.columns().field(*column);
        let texts = texts_of(values, schema.logged_name(*column));
        typed(&texts, field.data_type()).map_err(|error| {
            KernelError::generic(format!("partition column {:?}: {error}", field.name()))
        })
    };
    schema.partitions().iter().map(typed).collect()
}

/// The texts of one column. An empty text stands for null, whatever the type: the protocol says so.
fn texts_of(values: &MapArray, name: &str) -> StringArray {
    let keys = values.keys().as_string::<i32>();
    let texts = values.values().as_string::<i32>();
    let of_file = |file: usize| {
        let [start, end] = [values.value_offsets()[file], values.value_offsets()[file + 1]];
        let mut entries = (start..end).filter_map(|entry| usize::try_from(entry).ok());
        let entry = entries.find(|entry| keys.value(*entry) == name)?;
        (texts.is_valid(entry) && !texts.value(entry).is_empty()).then(|| texts.value(entry))
    };
    (0..values.len()).map(|file| values.is_valid(file).then(|| of_file(file)).flatten()).collect()
}

fn typed(texts: &StringArray, data_type: &DataType) -> KernelResult<ArrayRef> {
    if *data_type == DataType::Binary {
        let bytes: BinaryArray = texts.iter().map(|text| text.map(str::as_bytes)).collect();
        return Ok(Arc::new(bytes));
    }
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    Ok(cast_with_options(texts, data_type, &strict)?)
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, Decimal128Array, TimestampMicrosecondArray};
    use arrow::datatypes::TimeUnit;

    use super::*;

    #[test]
    fn every_primitive_type_is_read_from_text() {
        let zone = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        for (data_type, text) in [
            (DataType::Int8, "-7"),
            (DataType::Int64, "9007199254740993"),
            (DataType::Float32, "1.5"),
            (DataType::Float64, "NaN"),
            (DataType::Float64, "-Infinity"),
            (DataType::Boolean, "true"),
            (DataType::Date32, "2024-02-29"),
            (DataType::Utf8, "a=b/c"),
            (DataType::Binary, "\u{1}\u{2}"),
            (DataType::Decimal128(10, 2), "-12.30"),
            (DataType::Timestamp(TimeUnit::Microsecond, None), "2024-02-29 12:00:00.123456"),
            (zone.clone(), "2024-02-29 12:00:00"),
            (zone, "2024-02-29T12:00:00.123456Z"),
        ] {
            let array = typed(&StringArray::from(vec![Some(text), None]), &data_type).unwrap();
            assert_eq!(array.data_type(), &data_type, "{text}");
            assert!(array.is_valid(0) && array.is_null(1), "{text}");
        }
    }

    #[test]
    fn texts_are_read_exactly() {
        let decimal = typed(&StringArray::from(vec!["-12.3"]), &DataType::Decimal128(10, 2));
        let decimal = decimal.unwrap();
        assert_eq!(decimal.as_any().downcast_ref::<Decimal128Array>().unwrap().value(0), -1230);
        let zone = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let times = typed(&StringArray::from(vec!["1970-01-01 00:00:01"]), &zone).unwrap();
        let times = times.as_any().downcast_ref::<TimestampMicrosecondArray>().unwrap();
        assert_eq!(times.value(0), 1_000_000);
    }

    #[test]
    fn a_text_that_is_no_value_is_refused() {
        assert!(typed(&StringArray::from(vec!["x"]), &DataType::Int32).is_err());
        assert!(typed(&StringArray::from(vec!["300"]), &DataType::Int8).is_err());
    }
}
