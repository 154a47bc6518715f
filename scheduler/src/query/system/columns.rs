//! Columns of rows that were collected.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arrow::array::{
    ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{Field, Schema};

use crate::query::Error;

/// The rows whose columns these are, by name.
pub(in crate::query) fn batch<const N: usize>(
    columns: [(&str, ArrayRef); N],
) -> Result<RecordBatch, Error> {
    let fields =
        columns.iter().map(|(name, column)| Field::new(*name, column.data_type().clone(), true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let columns = columns.into_iter().map(|(_, column)| column).collect();
    RecordBatch::try_new(schema, columns).map_err(Error::Result)
}

/// A column of text.
pub(in crate::query) fn text<'a, R, T: AsRef<str>>(
    rows: &'a [R],
    of: impl Fn(&'a R) -> Option<T>,
) -> ArrayRef {
    Arc::new(rows.iter().map(of).collect::<StringArray>())
}

/// A column of whole numbers. A number that no column holds becomes the largest that it does.
pub(in crate::query) fn number<R>(rows: &[R], of: impl Fn(&R) -> Option<u64>) -> ArrayRef {
    let clamped = |row| of(row).map(|number| i64::try_from(number).unwrap_or(i64::MAX));
    Arc::new(rows.iter().map(clamped).collect::<Int64Array>())
}

/// A column of truth values.
pub(in crate::query) fn flag<R>(rows: &[R], of: impl Fn(&R) -> bool) -> ArrayRef {
    Arc::new(rows.iter().map(|row| Some(of(row))).collect::<BooleanArray>())
}

/// A column of times.
pub(in crate::query) fn time<R>(rows: &[R], of: impl Fn(&R) -> Option<SystemTime>) -> ArrayRef {
    let times = rows.iter().map(|row| of(row).map(microseconds));
    Arc::new(times.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
}

fn microseconds(time: SystemTime) -> i64 {
    let of = |duration: Duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => of(since),
        Err(before) => -of(before.duration()),
    }
}

/// Names and values as a JSON object.
pub(in crate::query) fn object(values: &std::collections::BTreeMap<String, String>) -> String {
    serde_json::json!(values).to_string()
}
