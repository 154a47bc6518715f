//! Answers from the catalog and the session: DESCRIBE and SHOW of settings.

use std::sync::{Arc, LazyLock};

use arrow::array::{RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use lakegate_engine::schema;

use super::settings::{Shown, full_key};
use super::{Error, Settings};

fn text_columns(names: &[&str]) -> SchemaRef {
    Arc::new(Schema::new(
        names.iter().map(|name| Field::new(*name, DataType::Utf8, true)).collect::<Vec<_>>(),
    ))
}

/// Columns of DESCRIBE.
pub(super) static DESCRIBE: LazyLock<SchemaRef> =
    LazyLock::new(|| text_columns(&["column_name", "data_type", "is_nullable"]));
/// Columns of SHOW for settings.
pub(super) static SHOW: LazyLock<SchemaRef> =
    LazyLock::new(|| text_columns(&["name", "value", "description"]));
/// Columns of SHOW TBLPROPERTIES.
pub(super) static PROPERTIES: LazyLock<SchemaRef> =
    LazyLock::new(|| text_columns(&["key", "value"]));
/// Columns of SHOW CREATE.
pub(super) static CREATION: LazyLock<SchemaRef> = LazyLock::new(|| text_columns(&["statement"]));
/// Columns of EXPLAIN.
pub(super) static EXPLAIN: LazyLock<SchemaRef> =
    LazyLock::new(|| text_columns(&["plan_type", "plan"]));

/// One row a column.
pub(super) fn describe(stored: &Schema) -> Result<RecordBatch, Error> {
    let shown = schema::canonical(stored);
    let rows = shown.fields().iter().zip(stored.fields()).map(|(field, stored)| {
        let nullable = if stored.is_nullable() { "YES" } else { "NO" };
        [field.name().clone(), field.data_type().to_string(), nullable.to_string()]
    });
    table(&DESCRIBE, rows)
}

/// One row a setting.
///
/// # Errors
/// [`Error::InvalidSetting`] for a key that does not exist.
pub(super) fn show(settings: &Settings, key: Option<&str>) -> Result<RecordBatch, Error> {
    let shown = settings.show();
    let chosen: Vec<Shown> = match key {
        None => shown,
        Some(key) => shown.into_iter().filter(|row| row.key == full_key(key)).collect(),
    };
    match key {
        Some(key) if chosen.is_empty() => Err(Error::InvalidSetting {
            key: key.to_string(),
            reason: "does not exist".to_string(),
        }),
        _ => table(
            &SHOW,
            chosen
                .into_iter()
                .map(|row| [row.key.to_string(), row.value, row.description.to_string()]),
        ),
    }
}

/// A batch of text rows.
pub(super) fn table<const N: usize>(
    schema: &SchemaRef,
    rows: impl Iterator<Item = [String; N]>,
) -> Result<RecordBatch, Error> {
    let mut columns: [Vec<String>; N] = std::array::from_fn(|_| Vec::new());
    for row in rows {
        for (column, text) in columns.iter_mut().zip(row) {
            column.push(text);
        }
    }
    let arrays =
        columns.into_iter().map(|column| Arc::new(StringArray::from(column)) as _).collect();
    RecordBatch::try_new(Arc::clone(schema), arrays).map_err(Error::Result)
}
