//! A dataset as it is shown.

use std::collections::BTreeMap;

use lakegate_catalog::{DatasetId, DatasetKind, DatasetType, Object, ObjectName};
use lakegate_common::ErrorCode;
use lakegate_engine::schema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::resource::{Resource, View, time};
use crate::query;

/// The third level of a name: something to select from, or files to read.
#[derive(Serialize, ToSchema)]
pub(super) struct Dataset {
    /// Stays the same through a renaming and a replacement.
    #[schema(format = "uuid")]
    id: String,
    /// The project.
    #[schema(format = "uuid")]
    project_id: String,
    /// The name of the project.
    pub(super) project: String,
    /// The schema that it belongs to.
    #[schema(format = "uuid")]
    schema_id: String,
    /// The name of the schema.
    pub(super) schema: String,
    /// Unique in the schema.
    pub(super) name: String,
    /// What it is.
    r#type: Type,
    /// The columns of a table or view; `null` where this server cannot read what the catalog holds
    /// of them. A volume has none.
    columns: Option<Vec<Column>>,
    /// What only a table has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    table: Option<Table>,
    /// What only a view has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    view: Option<ViewQuery>,
    /// What only a volume has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    volume: Option<Volume>,
    /// The owners, as far as the caller may know of them.
    owners: Vec<String>,
    /// What somebody wrote about it.
    comment: Option<String>,
    /// What somebody noted about it, by name.
    properties: BTreeMap<String, String>,
    /// When it was made or last replaced.
    #[schema(format = "date-time")]
    created_at: String,
    /// The catalog's version at its last change.
    revision: u64,
}

/// Whether a dataset is a table, a view or a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = DatasetType)]
pub(super) enum Type {
    /// Rows in files.
    Table,
    /// A query with a name.
    View,
    /// Files of any kind below one prefix.
    Volume,
}

impl From<DatasetType> for Type {
    fn from(dataset_type: DatasetType) -> Self {
        match dataset_type {
            DatasetType::Table => Self::Table,
            DatasetType::View => Self::View,
            DatasetType::Volume => Self::Volume,
        }
    }
}

impl From<Type> for DatasetType {
    fn from(shown: Type) -> Self {
        match shown {
            Type::Table => Self::Table,
            Type::View => Self::View,
            Type::Volume => Self::Volume,
        }
    }
}

/// A column.
#[derive(Serialize, ToSchema)]
pub(super) struct Column {
    /// Its name.
    name: String,
    /// Its Arrow type.
    #[schema(example = "Decimal128(12, 2)")]
    r#type: String,
    /// Whether a value may be missing.
    is_nullable: bool,
}

/// What only a table has.
#[derive(Serialize, ToSchema)]
pub(super) struct Table {
    /// The format of the files.
    #[schema(example = "parquet")]
    format: &'static str,
    /// Whether its files belong to Lakegate, which removes them with the table.
    is_managed: bool,
    /// A file, a folder or a glob. Left out where the caller may not manage the table.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    location: Option<String>,
    /// Columns whose values stand in the folders' names.
    partition_columns: Vec<String>,
    /// Options of the format.
    options: BTreeMap<String, String>,
}

/// What only a view has.
#[derive(Serialize, ToSchema)]
#[schema(as = View)]
pub(super) struct ViewQuery {
    /// The query. Left out where the caller may not read the view.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    query: Option<String>,
    /// The project of names in the query that do not say theirs.
    project: String,
    /// The schema of names in the query that do not say theirs.
    schema: String,
}

/// What only a volume has.
#[derive(Serialize, ToSchema)]
pub(super) struct Volume {
    /// Whether its files belong to Lakegate, which removes them with the volume.
    is_managed: bool,
    /// The prefix. Left out where the caller may not manage the volume.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    location: Option<String>,
}

impl Resource for Dataset {
    type Id = DatasetId;
    const NOUN: &'static str = "dataset";
    const ABSENT: ErrorCode = ErrorCode::TableNotFound;
    const PATH: &'static str = "/api/v1/datasets";

    fn of(view: &View, id: DatasetId) -> Option<Self> {
        let dataset = view.seen.dataset_by_id(id)?;
        let schema = view.seen.schema_by_id(dataset.schema)?;
        let project = view.seen.project_by_id(schema.project)?;
        let object = Object::Dataset(id);
        let may_know = view.manages(object);
        let may_see = query::may_see_definition(&view.seen, dataset);
        let mut shown = Self {
            id: id.to_string(),
            project_id: project.id.to_string(),
            project: project.name.clone(),
            schema_id: schema.id.to_string(),
            schema: schema.name.clone(),
            name: dataset.name.clone(),
            r#type: dataset.kind.dataset_type().into(),
            columns: columns(dataset),
            table: None,
            view: None,
            volume: None,
            owners: view.owners(object),
            comment: dataset.comment.clone(),
            properties: dataset.properties.clone(),
            created_at: time(dataset.created_at),
            revision: dataset.revision,
        };
        shown.describe(&dataset.kind, may_know, may_see);
        Some(shown)
    }

    fn name(&self) -> String {
        self.object_name().to_string()
    }
}

impl Dataset {
    /// Its whole name.
    pub(super) fn object_name(&self) -> ObjectName {
        ObjectName::dataset(&self.project, &self.schema, &self.name)
    }

    /// What it is.
    pub(super) fn dataset_type(&self) -> DatasetType {
        self.r#type.into()
    }

    fn describe(&mut self, kind: &DatasetKind, may_know_where: bool, may_see: bool) {
        let place = |location: &String| may_know_where.then(|| location.clone());
        match kind {
            DatasetKind::Table(table) => {
                let partitions = table.partition_columns.iter();
                self.table = Some(Table {
                    format: table.format.as_str(),
                    is_managed: table.is_managed,
                    location: place(&table.location),
                    partition_columns: partitions.map(|(name, _)| name.clone()).collect(),
                    options: table.options.clone(),
                });
            }
            DatasetKind::View(view) => {
                self.view = Some(ViewQuery {
                    query: may_see.then(|| view.sql.clone()),
                    project: view.project.clone(),
                    schema: view.schema.clone(),
                });
            }
            DatasetKind::Volume(volume) => {
                let (is_managed, location) = (volume.is_managed, place(&volume.location));
                self.volume = Some(Volume { is_managed, location });
            }
        }
    }
}

/// The columns, as clients of SQL are told of them.
fn columns(dataset: &lakegate_catalog::Dataset) -> Option<Vec<Column>> {
    if matches!(dataset.kind, DatasetKind::Volume(_)) {
        return Some(Vec::new());
    }
    let stored = query::columns(dataset).ok()?;
    let canonical = schema::canonical(&stored);
    let columns = canonical.fields().iter().zip(stored.fields()).map(|(field, stored)| Column {
        name: field.name().clone(),
        r#type: field.data_type().to_string(),
        is_nullable: stored.is_nullable(),
    });
    Some(columns.collect())
}
