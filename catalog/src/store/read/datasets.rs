//! Reads datasets.

use crate::error::Error;
use crate::model::{Dataset, DatasetKind, DatasetType, Table, View, Volume};

use super::{Row, from_json, parsed, parsed_optional, texts, time_of};

/// Each dataset that has changed since a version, with what its kind adds to it.
pub(super) const CHANGED: &str =
    "SELECT id, schema_id, name, kind, columns_ipc, definer_id, comment, properties_json,
            created_at_ms, revision,
            format, table_files.is_managed AS table_is_managed,
            table_files.location AS table_location,
            partition_columns_json, options_json, definition,
            query, default_project, default_schema,
            volume_files.is_managed AS volume_is_managed,
            volume_files.location AS volume_location
     FROM dataset
     LEFT JOIN table_files ON table_files.dataset_id = dataset.id
     LEFT JOIN view_text ON view_text.dataset_id = dataset.id
     LEFT JOIN volume_files ON volume_files.dataset_id = dataset.id
     WHERE revision > $1";

pub(super) fn dataset(row: &Row) -> Result<Dataset, Error> {
    let kind = match parsed(row, "kind")? {
        DatasetType::Table => DatasetKind::Table(table(row)?),
        DatasetType::View => DatasetKind::View(view(row)?),
        DatasetType::Volume => DatasetKind::Volume(volume(row)?),
    };
    Ok(Dataset {
        id: parsed(row, "id")?,
        schema: parsed(row, "schema_id")?,
        name: row.get("name")?,
        kind,
        definer: parsed_optional(row, "definer_id")?,
        comment: row.get("comment")?,
        properties: texts(row, "properties_json")?,
        created_at: time_of(row.get("created_at_ms")?),
        revision: row.count("revision")?,
    })
}

fn table(row: &Row) -> Result<Table, Error> {
    let partition_columns: String = row.get("partition_columns_json")?;
    Ok(Table {
        format: parsed(row, "format")?,
        is_managed: row.flag("table_is_managed")?,
        location: row.get("table_location")?,
        partition_columns: from_json("partition_columns_json", &partition_columns)?,
        options: texts(row, "options_json")?,
        columns_ipc: row.get("columns_ipc")?,
        definition: row.get("definition")?,
    })
}

fn view(row: &Row) -> Result<View, Error> {
    Ok(View {
        sql: row.get("query")?,
        columns_ipc: row.get("columns_ipc")?,
        project: row.get("default_project")?,
        schema: row.get("default_schema")?,
    })
}

fn volume(row: &Row) -> Result<Volume, Error> {
    Ok(Volume { is_managed: row.flag("volume_is_managed")?, location: row.get("volume_location")? })
}
