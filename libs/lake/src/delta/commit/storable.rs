//! Columns of a query as a Delta table can have them.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, TimeUnit};

use crate::Error;

/// Where a log has what somebody wrote about a column.
pub const COLUMN_COMMENT: &str = "comment";

/// Digits of the largest decimal that a table has.
const DECIMAL_DIGITS_MAX: u8 = 38;

/// The columns with types that a Delta table has, each wide enough for what the query gives:
/// unsigned numbers become the next larger signed ones, times have microseconds. What is written
/// about columns stays ([`COLUMN_COMMENT`]).
///
/// # Errors
/// [`Error::UnstorableColumn`] for a type that has no such counterpart.
pub fn storable(schema: &Schema) -> Result<Schema, Error> {
    let fields = schema.fields().iter().map(stored).collect::<Result<Vec<_>, _>>()?;
    Ok(Schema::new(fields))
}

fn stored(field: &FieldRef) -> Result<FieldRef, Error> {
    let data_type = stored_type(field.name(), field.data_type())?;
    let comment = field.metadata().get_key_value(COLUMN_COMMENT);
    let comment = comment.map(|(key, text)| (key.clone(), text.clone()));
    let stored = Field::new(field.name(), data_type, field.is_nullable());
    Ok(Arc::new(stored.with_metadata(comment.into_iter().collect())))
}

fn stored_type(column: &str, data_type: &DataType) -> Result<DataType, Error> {
    let list = |item: &FieldRef| -> Result<DataType, Error> {
        let data_type = stored_type(column, item.data_type())?;
        Ok(DataType::List(Arc::new(Field::new("element", data_type, item.is_nullable()))))
    };
    Ok(match data_type {
        DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Utf8
        | DataType::Binary
        | DataType::Date32 => data_type.clone(),
        DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 => DataType::Int64,
        DataType::UInt64 => DataType::Decimal128(20, 0),
        DataType::Float16 => DataType::Float32,
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            DataType::Binary
        }
        DataType::Date64 => DataType::Date32,
        DataType::Timestamp(_, zone) => {
            let zone = zone.as_ref().map(|_| "UTC".into());
            DataType::Timestamp(TimeUnit::Microsecond, zone)
        }
        DataType::Decimal32(digits, scale)
        | DataType::Decimal64(digits, scale)
        | DataType::Decimal128(digits, scale)
        | DataType::Decimal256(digits, scale)
            if *digits <= DECIMAL_DIGITS_MAX && *scale >= 0 =>
        {
            DataType::Decimal128(*digits, *scale)
        }
        DataType::Dictionary(_, values) => stored_type(column, values)?,
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _) => list(item)?,
        DataType::Struct(fields) => {
            DataType::Struct(fields.iter().map(stored).collect::<Result<_, _>>()?)
        }
        DataType::Map(entries, sorted) => match entries.data_type() {
            DataType::Struct(pair) if pair.len() == 2 => {
                let of = |position: usize, name: &str, is_nullable: bool| {
                    stored_type(column, pair[position].data_type())
                        .map(|data_type| Arc::new(Field::new(name, data_type, is_nullable)))
                };
                let pair = [of(0, "key", false)?, of(1, "value", pair[1].is_nullable())?];
                let entries =
                    Field::new("key_value", DataType::Struct(pair.into_iter().collect()), false);
                DataType::Map(Arc::new(entries), *sorted)
            }
            _ => return Err(unstorable(column, data_type)),
        },
        other => return Err(unstorable(column, other)),
    })
}

fn unstorable(column: &str, data_type: &DataType) -> Error {
    Error::UnstorableColumn { column: column.to_string(), data_type: data_type.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(data_type: DataType) -> Result<DataType, Error> {
        let schema = Schema::new(vec![Field::new("c", data_type, true)]);
        storable(&schema).map(|schema| schema.field(0).data_type().clone())
    }

    #[test]
    fn every_type_becomes_one_that_holds_its_values() {
        for (given, stored) in [
            (DataType::UInt8, DataType::Int16),
            (DataType::UInt64, DataType::Decimal128(20, 0)),
            (DataType::Utf8View, DataType::Utf8),
            (DataType::Date64, DataType::Date32),
            (
                DataType::Timestamp(TimeUnit::Nanosecond, Some("+01:00".into())),
                DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            ),
            (
                DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::LargeUtf8)),
                DataType::Utf8,
            ),
        ] {
            assert_eq!(of(given).unwrap(), stored);
        }
    }

    #[test]
    fn a_type_that_no_table_has_is_refused_by_name() {
        for data_type in [
            DataType::Null,
            DataType::Duration(TimeUnit::Second),
            DataType::Decimal256(76, 2),
            DataType::Time64(TimeUnit::Microsecond),
        ] {
            let text = of(data_type).unwrap_err().to_string();
            assert!(text.contains("column \"c\""), "{text}");
        }
    }
}
