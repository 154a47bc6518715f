//! `/api/v1/datasets`.

use std::collections::BTreeMap;

use lakegate_catalog::{Created, DatasetId, Notes, OnMissing, SchemaId};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::super::problem::Problem;
use super::super::request::{Id, Json, Params, identifier};
use super::dataset::{Dataset, Type};
use super::etag::{IfMatch, IfNoneMatch};
use super::paging::Page;
use super::patch::{Patch, given};
use super::resource::{Answer, Call};
use super::schemas::{ObjectPatch, Schema};
use crate::query::NewTable;

/// Which datasets.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Those of this schema.
    #[param(format = "uuid")]
    schema_id: Option<String>,
    /// Those of this name.
    name: Option<String>,
    /// Those of this type.
    #[param(inline)]
    r#type: Option<Type>,
    /// The objects of a page: 1 to 1000, 100 where nothing is said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// Where the page begins: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A dataset to be made: exactly one of `table`, `view` and `volume` says what.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewDataset {
    /// The schema to make it in.
    #[schema(format = "uuid")]
    schema_id: String,
    /// Its name.
    name: String,
    /// A table.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    table: Option<NewTableFiles>,
    /// A view.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    view: Option<NewView>,
    /// A volume.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    volume: Option<NewVolume>,
    /// What it is for.
    #[serde(default)]
    comment: Option<String>,
    /// What is noted about it.
    #[serde(default)]
    properties: BTreeMap<String, String>,
}

/// A table over files, as `CREATE EXTERNAL TABLE` makes it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTableFiles {
    /// `DELTA`, `PARQUET`, `CSV`, `JSON` or `ARROW`, in any case.
    #[schema(example = "parquet")]
    format: String,
    /// A file, a folder or a glob; a path on the server's machine or a URL.
    location: String,
    /// The columns; where left out, the files say them.
    #[serde(default)]
    columns: Vec<NewColumn>,
    /// Columns whose values stand in the folders' names; where left out, those say them.
    #[serde(default)]
    partition_columns: Vec<String>,
    /// Options of the format, such as `format.delimiter`.
    #[serde(default)]
    options: BTreeMap<String, String>,
}

/// A column to be declared.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewColumn {
    /// Its name.
    name: String,
    /// Its SQL type.
    #[schema(example = "DECIMAL(12, 2)")]
    r#type: String,
}

/// A query with a name.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewView {
    /// The query. Names in it that do not say their schema mean that of the view.
    query: String,
}

/// Files that are there already.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewVolume {
    /// The prefix: a path on the server's machine or a URL.
    location: String,
}

/// The datasets that the caller may know of.
#[utoipa::path(get, path = "/api/v1/datasets", operation_id = "list_datasets", tag = "datasets",
    params(Filter), responses((status = 200, description = "A page", body = Page<Dataset>)))]
pub(super) async fn list(call: Call, Params(filter): Params<Filter>) -> Answer {
    let wanted = filter.schema_id.as_deref().map(identifier::<SchemaId>).transpose()?;
    call.list::<Dataset>((filter.limit, filter.cursor.as_deref()), |view| {
        let mut ids = Vec::new();
        for project in view.seen.projects() {
            for schema in view.seen.schemas(&project.name) {
                if wanted.is_none_or(|id| id == schema.id) {
                    let datasets = view.seen.datasets(&project.name, &schema.name);
                    ids.extend(datasets.filter(|one| filter.takes(one)).map(|one| one.id));
                }
            }
        }
        ids
    })
    .await
}

impl Filter {
    fn takes(&self, dataset: &lakegate_catalog::Dataset) -> bool {
        let is_of_type =
            self.r#type.is_none_or(|wanted| wanted == dataset.kind.dataset_type().into());
        is_of_type && self.name.as_deref().is_none_or(|wanted| wanted == dataset.name)
    }
}

/// Makes a table over files, a view or a volume.
#[utoipa::path(post, path = "/api/v1/datasets", operation_id = "create_dataset", tag = "datasets",
    request_body = NewDataset,
    responses((status = 201, description = "Made", body = Dataset,
        headers(("ETag" = String), ("Location" = String)))))]
pub(super) async fn create(call: Call, Json(new): Json<NewDataset>) -> Answer {
    let (catalog, schema) = call.within::<Schema>(identifier(&new.schema_id)?).await?;
    let catalog = catalog.noting(Notes { comment: new.comment, properties: new.properties });
    let (query, principal) = (&call.services.query, call.principal().id);
    let place = (schema.project.as_str(), schema.name.as_str());
    let made = match (new.table, new.view, new.volume) {
        (Some(table), None, None) => {
            query.declare_table(principal, &catalog, place, &table.named(&new.name)).await?
        }
        (None, Some(view), None) => {
            query.declare_view(principal, &catalog, place, &new.name, view.query).await?
        }
        (None, None, Some(volume)) => {
            query.declare_volume(&catalog, place, &new.name, &volume.location).await?
        }
        _ => {
            return Err(Problem::invalid("exactly one of table, view and volume must be said"));
        }
    };
    call.created::<Dataset>(Created::New(made)).await
}

impl NewTableFiles {
    fn named(self, name: &str) -> NewTable {
        NewTable {
            name: name.to_string(),
            format: self.format,
            location: self.location,
            columns: self.columns.into_iter().map(|column| (column.name, column.r#type)).collect(),
            partition_columns: self.partition_columns,
            options: self.options,
        }
    }
}

/// One dataset.
#[utoipa::path(get, path = "/api/v1/datasets/{dataset_id}", operation_id = "get_dataset",
    tag = "datasets", params(("dataset_id" = String, Path, format = "uuid"), IfNoneMatch),
    responses((status = 200, description = "The dataset", body = Dataset, headers(("ETag" = String))),
        (status = 304, description = "The caller has it already")))]
pub(super) async fn read(call: Call, Id(id): Id<DatasetId>) -> Answer {
    call.read::<Dataset>(id).await
}

/// Changes a dataset, all of it or nothing.
#[utoipa::path(patch, path = "/api/v1/datasets/{dataset_id}", operation_id = "update_dataset",
    tag = "datasets", params(("dataset_id" = String, Path, format = "uuid"), IfMatch),
    request_body = ObjectPatch,
    responses((status = 200, description = "Changed", body = Dataset, headers(("ETag" = String))),
        (status = 204, description = "Changed, and no longer the caller's to see")))]
pub(super) async fn update(
    call: Call,
    Id(id): Id<DatasetId>,
    Json(patch): Json<ObjectPatch>,
) -> Answer {
    let (catalog, dataset) = call.held::<Dataset>(id).await?;
    catalog.alter(&dataset.object_name(), &Patch::from(patch).alteration()).await?;
    call.changed::<Dataset>(id).await
}

/// Drops a dataset. Files that do not belong to Lakegate stay.
#[utoipa::path(delete, path = "/api/v1/datasets/{dataset_id}", operation_id = "delete_dataset",
    tag = "datasets", params(("dataset_id" = String, Path, format = "uuid"), IfMatch),
    responses((status = 204, description = "Dropped")))]
pub(super) async fn delete(call: Call, Id(id): Id<DatasetId>) -> Answer {
    let (catalog, dataset) = call.held::<Dataset>(id).await?;
    let expected = dataset.dataset_type();
    call.dropping(async move {
        let Dataset { project, schema, name, .. } = &dataset;
        catalog.drop_dataset(project, schema, name, expected, OnMissing::Fail).await
    })
    .await
}
