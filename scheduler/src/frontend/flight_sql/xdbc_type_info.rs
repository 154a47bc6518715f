//! The SQL types, as ODBC and JDBC tools ask for them.

use std::sync::LazyLock;

use arrow_flight::error::FlightError;
use arrow_flight::sql::metadata::{XdbcTypeInfo, XdbcTypeInfoData, XdbcTypeInfoDataBuilder};
use arrow_flight::sql::{
    CommandGetXdbcTypeInfo, Nullable, Searchable, XdbcDataType, XdbcDatetimeSubcode,
};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;

/// The types; `None` only if the fixed rows below did not fit their schema, which a test excludes.
static TYPES: LazyLock<Option<XdbcTypeInfoData>> = LazyLock::new(|| {
    let mut builder = XdbcTypeInfoDataBuilder::new();
    for info in rows() {
        builder.append(info);
    }
    builder.build().ok()
});

/// The schema of the answer.
pub(super) fn schema() -> SchemaRef {
    XdbcTypeInfoDataBuilder::new().schema()
}

/// The types that `command` asks for, by data type.
///
/// # Errors
/// Only when the rows cannot be filtered.
pub(super) fn batch(command: &CommandGetXdbcTypeInfo) -> Result<RecordBatch, FlightError> {
    match TYPES.as_ref() {
        Some(types) => types.record_batch(command.data_type),
        None => Ok(RecordBatch::new_empty(schema())),
    }
}

fn rows() -> Vec<XdbcTypeInfo> {
    use XdbcDataType as Type;
    vec![
        whole("TINYINT", Type::XdbcTinyint, 3),
        whole("BIGINT", Type::XdbcBigint, 19),
        whole("INTEGER", Type::XdbcInteger, 10),
        whole("SMALLINT", Type::XdbcSmallint, 5),
        XdbcTypeInfo { column_size: Some(1), ..plain("BOOLEAN", Type::XdbcBit) },
        XdbcTypeInfo {
            column_size: Some(24),
            num_prec_radix: Some(2),
            ..number("REAL", Type::XdbcReal)
        },
        XdbcTypeInfo {
            column_size: Some(53),
            num_prec_radix: Some(2),
            ..number("DOUBLE", Type::XdbcDouble)
        },
        XdbcTypeInfo {
            column_size: Some(38),
            create_params: Some(vec!["precision".into(), "scale".into()]),
            minimum_scale: Some(0),
            maximum_scale: Some(38),
            num_prec_radix: Some(10),
            ..number("DECIMAL", Type::XdbcDecimal)
        },
        XdbcTypeInfo {
            create_params: Some(vec!["length".into()]),
            case_sensitive: true,
            searchable: Searchable::Full,
            ..quoted("VARCHAR", Type::XdbcVarchar, i32::MAX, "'")
        },
        quoted("VARBINARY", Type::XdbcVarbinary, i32::MAX, "X'"),
        quoted("INTERVAL", Type::XdbcInterval, 64, "INTERVAL '"),
        moment("DATE", Type::XdbcDate, 10, "DATE '", XdbcDatetimeSubcode::XdbcSubcodeYear, None),
        moment("TIME", Type::XdbcTime, 18, "TIME '", XdbcDatetimeSubcode::XdbcSubcodeTime, Some(9)),
        moment(
            "TIMESTAMP",
            Type::XdbcTimestamp,
            29,
            "TIMESTAMP '",
            XdbcDatetimeSubcode::XdbcSubcodeTimestamp,
            Some(9),
        ),
    ]
}

fn plain(name: &str, data_type: XdbcDataType) -> XdbcTypeInfo {
    XdbcTypeInfo {
        type_name: name.to_string(),
        local_type_name: Some(name.to_string()),
        data_type,
        sql_data_type: data_type,
        nullable: Nullable::NullabilityNullable,
        searchable: Searchable::Basic,
        ..XdbcTypeInfo::default()
    }
}

fn number(name: &str, data_type: XdbcDataType) -> XdbcTypeInfo {
    XdbcTypeInfo {
        unsigned_attribute: Some(false),
        auto_increment: Some(false),
        ..plain(name, data_type)
    }
}

fn whole(name: &str, data_type: XdbcDataType, digits: i32) -> XdbcTypeInfo {
    XdbcTypeInfo {
        column_size: Some(digits),
        fixed_prec_scale: true,
        minimum_scale: Some(0),
        maximum_scale: Some(0),
        num_prec_radix: Some(10),
        ..number(name, data_type)
    }
}

fn quoted(name: &str, data_type: XdbcDataType, size: i32, prefix: &str) -> XdbcTypeInfo {
    XdbcTypeInfo {
        column_size: Some(size),
        literal_prefix: Some(prefix.to_string()),
        literal_suffix: Some("'".to_string()),
        ..plain(name, data_type)
    }
}

/// Dates and times: `sql_data_type` names the family, the subcode the member. The subcode 1 means
/// a date; its other name in the protocol is "year".
fn moment(
    name: &str,
    data_type: XdbcDataType,
    size: i32,
    prefix: &str,
    subcode: XdbcDatetimeSubcode,
    fraction_digits: Option<i32>,
) -> XdbcTypeInfo {
    XdbcTypeInfo {
        sql_data_type: XdbcDataType::XdbcDatetime,
        datetime_subcode: Some(subcode),
        minimum_scale: fraction_digits.map(|_| 0),
        maximum_scale: fraction_digits,
        ..quoted(name, data_type, size, prefix)
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::AsArray;
    use datafusion::arrow::datatypes::Int32Type;

    use super::*;

    #[test]
    fn types_are_listed_by_data_type() {
        let all = batch(&CommandGetXdbcTypeInfo { data_type: None }).unwrap();
        assert_eq!(all.num_rows(), rows().len());
        assert_eq!(all.schema(), schema());
        assert!(all.column(1).as_primitive::<Int32Type>().values().is_sorted());
    }

    #[test]
    fn one_type_can_be_asked_for() {
        let command = CommandGetXdbcTypeInfo { data_type: Some(XdbcDataType::XdbcVarchar as i32) };
        assert_eq!(batch(&command).unwrap().num_rows(), 1);
        assert_eq!(batch(&CommandGetXdbcTypeInfo { data_type: Some(4711) }).unwrap().num_rows(), 0);
    }
}
