//! Between the catalog's plain entries and the engine's tables.

use std::collections::BTreeMap;

use arrow::datatypes::SchemaRef;
use lakegate_catalog::{
    Dataset, DatasetKind, FileFormat, Object, Privilege, Table as Entry, VisibleSnapshot,
};
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

/// What a dataset is, as the engine takes it.
pub(in crate::query) enum Declared {
    /// Files that are scanned.
    Table(ExternalTable),
    /// A query that is planned in its place.
    View(ViewEntry),
}

/// The dataset's columns as clients see them.
///
/// # Errors
/// The entry does not decode.
pub(crate) fn columns(dataset: &Dataset) -> Result<SchemaRef, Error> {
    schema::decode(dataset.kind.columns_ipc())
        .map_err(|source| Error::CatalogEntry { name: dataset.name.clone(), source })
}

/// Whether the query of a view is for the eyes of `seen`. It names what lies below the view, which
/// those who may only read the view need not know of.
pub(crate) fn may_see_definition(seen: &VisibleSnapshot, view: &Dataset) -> bool {
    seen.may(Privilege::Manage, Object::Dataset(view.id))
        || view.definer.is_some_and(|definer| seen.acts_as(definer))
}

/// The table or view that the catalog's entry describes.
///
/// # Errors
/// The entry does not decode.
pub(in crate::query) fn declared(dataset: &Dataset) -> Result<Declared, Error> {
    Ok(match &dataset.kind {
        DatasetKind::Table(entry) => Declared::Table(ExternalTable {
            format: format_of(entry),
            location: Location::stored(&entry.location),
            schema: columns(dataset)?,
            partition_columns: entry.partition_columns.len(),
            options: BTreeMap::clone(&entry.options),
        }),
        DatasetKind::View(view) => Declared::View(ViewEntry {
            sql: view.sql.clone(),
            project: view.project.clone(),
            schema: view.schema.clone(),
        }),
        DatasetKind::Volume(_) => {
            return Err(Error::NoRows { name: dataset.name.clone() });
        }
    })
}

fn format_of(entry: &Entry) -> Format {
    match entry.format {
        FileFormat::Parquet => Format::Parquet,
        FileFormat::Csv => Format::Csv,
        FileFormat::Json => Format::Json,
        FileFormat::Delta => Format::Delta,
        FileFormat::Arrow => Format::Arrow,
    }
}
