//! The field metadata by which drivers learn a column's SQL type: `ARROW:FLIGHT:SQL:…`.
//!
//! It is added to the schemas that GetTables carries, where drivers build their column listings from
//! it, and nowhere else: in a result set it would only get in the way of comparing schemas.

use std::collections::HashMap;

use datafusion::arrow::datatypes::{DataType, Field, Schema};

/// The same schema, each field with its SQL type name, precision and scale.
pub(super) fn describe(schema: &Schema, catalog: &str, db_schema: &str, table: &str) -> Schema {
    let fields = schema.fields().iter().map(|field| {
        let mut metadata = field.metadata().clone();
        let mut put = |key: &str, value: String| {
            metadata.insert(format!("ARROW:FLIGHT:SQL:{key}"), value);
        };
        put("CATALOG_NAME", catalog.to_string());
        put("SCHEMA_NAME", db_schema.to_string());
        put("TABLE_NAME", table.to_string());
        put("TYPE_NAME", type_name(field.data_type()).to_string());
        put("IS_AUTO_INCREMENT", "0".to_string());
        put("IS_CASE_SENSITIVE", if is_text(field.data_type()) { "1" } else { "0" }.to_string());
        put("IS_READ_ONLY", "0".to_string());
        put("IS_SEARCHABLE", "1".to_string());
        if let Some((precision, scale)) = precision_and_scale(field.data_type()) {
            put("PRECISION", precision.to_string());
            put("SCALE", scale.to_string());
        }
        Field::clone(field).with_metadata(metadata)
    });
    Schema::new_with_metadata(fields.collect::<Vec<_>>(), HashMap::new())
}

/// The SQL name of a type, one of those that GetXdbcTypeInfo lists where one fits.
fn type_name(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Null => "NULL",
        DataType::Boolean => "BOOLEAN",
        DataType::Int8 => "TINYINT",
        DataType::Int16 | DataType::UInt8 => "SMALLINT",
        DataType::Int32 | DataType::UInt16 => "INTEGER",
        DataType::Int64 | DataType::UInt32 => "BIGINT",
        DataType::UInt64
        | DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => "DECIMAL",
        DataType::Float16 | DataType::Float32 => "REAL",
        DataType::Float64 => "DOUBLE",
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "VARCHAR",
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => "VARBINARY",
        DataType::Date32 | DataType::Date64 => "DATE",
        DataType::Time32(_) | DataType::Time64(_) => "TIME",
        DataType::Timestamp(_, None) => "TIMESTAMP",
        DataType::Timestamp(_, Some(_)) => "TIMESTAMP WITH TIME ZONE",
        DataType::Duration(_) | DataType::Interval(_) => "INTERVAL",
        DataType::List(_)
        | DataType::LargeList(_)
        | DataType::FixedSizeList(..)
        | DataType::ListView(_)
        | DataType::LargeListView(_) => "ARRAY",
        DataType::Struct(_) => "STRUCT",
        DataType::Map(..) => "MAP",
        DataType::Union(..) => "UNION",
        DataType::Dictionary(_, values) => type_name(values),
        DataType::RunEndEncoded(_, values) => type_name(values.data_type()),
    }
}

fn is_text(data_type: &DataType) -> bool {
    type_name(data_type) == "VARCHAR"
}

fn precision_and_scale(data_type: &DataType) -> Option<(u8, i8)> {
    match data_type {
        DataType::Int8 => Some((3, 0)),
        DataType::Int16 | DataType::UInt8 => Some((5, 0)),
        DataType::Int32 | DataType::UInt16 => Some((10, 0)),
        DataType::Int64 | DataType::UInt32 => Some((19, 0)),
        DataType::UInt64 => Some((20, 0)),
        DataType::Float32 => Some((24, 0)),
        DataType::Float64 => Some((53, 0)),
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => Some((*precision, *scale)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_types_and_nullability_stay_as_they_are() {
        let schema = Schema::new(vec![
            Field::new("price", DataType::Decimal128(15, 2), false),
            Field::new("comment", DataType::Utf8, true),
        ]);
        let described = describe(&schema, "lakegate", "public", "items");
        for (before, after) in schema.fields().iter().zip(described.fields()) {
            assert_eq!(before.name(), after.name());
            assert_eq!(before.data_type(), after.data_type());
            assert_eq!(before.is_nullable(), after.is_nullable());
        }
        let metadata = described.field(0).metadata();
        assert_eq!(metadata["ARROW:FLIGHT:SQL:TYPE_NAME"], "DECIMAL");
        assert_eq!(metadata["ARROW:FLIGHT:SQL:PRECISION"], "15");
        assert_eq!(metadata["ARROW:FLIGHT:SQL:SCALE"], "2");
    }
}
