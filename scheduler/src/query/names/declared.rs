//! Between the catalog's plain entries and the engine's tables.

use std::collections::BTreeMap;

use arrow::datatypes::SchemaRef;
use lakegate_catalog::{Dataset, DatasetKind, ExternalTable as Entry, FileFormat};
use lakegate_engine::schema;
use lakegate_lake::{ExternalTable, Format, Location};

use crate::query::Error;

/// A view as the catalog keeps it.
pub(in crate::query) struct ViewEntry {
    /// The text of its query.
    pub(in crate::query) sql: String,
    /// Project under which its names are resolved.
    pub(in crate::query) project: String,
    /// Schema under which its names are resolved.
    pub(in crate::query) schema: String,
}

/// The dataset's columns as clients see them.
///
/// # Errors
/// The entry does not decode.
pub(in crate::query) fn columns(dataset: &Dataset) -> Result<SchemaRef, Error> {
    let bytes = match &dataset.kind {
        DatasetKind::Table(table) => &table.columns_ipc,
        DatasetKind::View(view) => &view.columns_ipc,
    };
    schema::decode(bytes)
        .map_err(|source| Error::CatalogEntry { name: dataset.name.clone(), source })
}

/// The table that the catalog's entry describes; `None` for a view.
pub(in crate::query) fn external_table(dataset: &Dataset) -> Result<Option<ExternalTable>, Error> {
    let DatasetKind::Table(entry) = &dataset.kind else { return Ok(None) };
    Ok(Some(ExternalTable {
        format: format_of(entry),
        location: Location::stored(&entry.location),
        schema: columns(dataset)?,
        partition_columns: entry.partition_columns.len(),
        options: BTreeMap::clone(&entry.options),
    }))
}

/// The view that the catalog's entry describes; `None` for a table.
pub(in crate::query) fn view_entry(dataset: &Dataset) -> Option<ViewEntry> {
    match &dataset.kind {
        DatasetKind::View(view) => Some(ViewEntry {
            sql: view.sql.clone(),
            project: view.project.clone(),
            schema: view.schema.clone(),
        }),
        DatasetKind::Table(_) => None,
    }
}

fn format_of(entry: &Entry) -> Format {
    match entry.format {
        FileFormat::Parquet => Format::Parquet,
        FileFormat::Csv => Format::Csv,
        FileFormat::Json => Format::Json,
    }
}
