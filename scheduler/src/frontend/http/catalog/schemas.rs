//! `/api/v1/schemas`.

use std::collections::BTreeMap;

use lakegate_catalog::{Notes, Object, ObjectName, OnMissing, ProjectId, SchemaId};
use lakegate_common::ErrorCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::request::{Id, Json, Params, identifier};
use super::etag::{IfMatch, IfNoneMatch};
use super::paging::Page;
use super::patch::{Patch, given, nullable};
use super::projects::{Dropping, Project};
use super::resource::{Answer, Call, Resource, View, time};

/// The second level of a name.
#[derive(Serialize, ToSchema)]
pub(super) struct Schema {
    /// Stays the same through a renaming.
    #[schema(format = "uuid")]
    id: String,
    /// The project that it belongs to.
    #[schema(format = "uuid")]
    pub(super) project_id: String,
    /// The name of that project.
    pub(super) project: String,
    /// Unique in the project.
    pub(super) name: String,
    /// The owners, as far as the caller may know of them.
    owners: Vec<String>,
    /// What somebody wrote about it.
    comment: Option<String>,
    /// What somebody noted about it, by name.
    properties: BTreeMap<String, String>,
    /// When it was made.
    #[schema(format = "date-time")]
    created_at: String,
    /// The catalog's version at its last change.
    revision: u64,
}

impl Resource for Schema {
    type Id = SchemaId;
    const NOUN: &'static str = "schema";
    const ABSENT: ErrorCode = ErrorCode::SchemaNotFound;
    const PATH: &'static str = "/api/v1/schemas";

    fn of(view: &View, id: SchemaId) -> Option<Self> {
        let schema = view.seen.schema_by_id(id)?;
        let project = view.seen.project_by_id(schema.project)?;
        Some(Self {
            id: id.to_string(),
            project_id: project.id.to_string(),
            project: project.name.clone(),
            name: schema.name.clone(),
            owners: view.owners(Object::Schema(id)),
            comment: schema.comment.clone(),
            properties: schema.properties.clone(),
            created_at: time(schema.created_at),
            revision: schema.revision,
        })
    }

    fn name(&self) -> String {
        self.object_name().to_string()
    }
}

impl Schema {
    /// Its whole name.
    pub(super) fn object_name(&self) -> ObjectName {
        ObjectName::schema(&self.project, &self.name)
    }
}

/// Which schemas.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Those of this project.
    #[param(format = "uuid")]
    project_id: Option<String>,
    /// Those of this name.
    name: Option<String>,
    /// The objects of a page: 1 to 1000, 100 where nothing is said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// Where the page begins: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A schema to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSchema {
    /// The project to make it in.
    #[schema(format = "uuid")]
    project_id: String,
    /// Its name.
    name: String,
    /// What it is for.
    #[serde(default)]
    comment: Option<String>,
    /// What is noted about it.
    #[serde(default)]
    properties: BTreeMap<String, String>,
}

/// A change of a schema or dataset. What is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ObjectPatch {
    /// Its new name.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    name: Option<String>,
    /// Its new comment; `null` takes it away.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    comment: Option<Option<String>>,
    /// Properties to be set; `null` takes one away.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    properties: Option<BTreeMap<String, Option<String>>>,
    /// The user or role that owns it alone from now on.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    owner: Option<String>,
}

impl From<ObjectPatch> for Patch {
    fn from(patch: ObjectPatch) -> Self {
        let ObjectPatch { name, comment, properties, owner } = patch;
        Self { name, comment, properties, owner }
    }
}

/// The schemas that the caller may know of.
#[utoipa::path(get, path = "/api/v1/schemas", operation_id = "list_schemas", tag = "schemas",
    params(Filter), responses((status = 200, description = "A page", body = Page<Schema>)))]
pub(super) async fn list(call: Call, Params(filter): Params<Filter>) -> Answer {
    let project = filter.project_id.as_deref().map(identifier::<ProjectId>).transpose()?;
    call.list::<Schema>((filter.limit, filter.cursor.as_deref()), |view| {
        let projects = view.seen.projects().filter(|one| project.is_none_or(|id| id == one.id));
        let schemas = projects.flat_map(|project| view.seen.schemas(&project.name));
        let named = |name: &str| filter.name.as_deref().is_none_or(|wanted| wanted == name);
        schemas.filter(|schema| named(&schema.name)).map(|schema| schema.id).collect()
    })
    .await
}

/// Makes a schema.
#[utoipa::path(post, path = "/api/v1/schemas", operation_id = "create_schema", tag = "schemas",
    request_body = NewSchema,
    responses((status = 201, description = "Made", body = Schema,
        headers(("ETag" = String), ("Location" = String)))))]
pub(super) async fn create(call: Call, Json(new): Json<NewSchema>) -> Answer {
    let (catalog, project) = call.within::<Project>(identifier(&new.project_id)?).await?;
    let catalog = catalog.noting(Notes { comment: new.comment, properties: new.properties });
    let made = catalog.create_schema(&project.name, &new.name, false).await?;
    call.created::<Schema>(made).await
}

/// One schema.
#[utoipa::path(get, path = "/api/v1/schemas/{schema_id}", operation_id = "get_schema",
    tag = "schemas", params(("schema_id" = String, Path, format = "uuid"), IfNoneMatch),
    responses((status = 200, description = "The schema", body = Schema, headers(("ETag" = String))),
        (status = 304, description = "The caller has it already")))]
pub(super) async fn read(call: Call, Id(id): Id<SchemaId>) -> Answer {
    call.read::<Schema>(id).await
}

/// Changes a schema, all of it or nothing.
#[utoipa::path(patch, path = "/api/v1/schemas/{schema_id}", operation_id = "update_schema",
    tag = "schemas", params(("schema_id" = String, Path, format = "uuid"), IfMatch),
    request_body = ObjectPatch,
    responses((status = 200, description = "Changed", body = Schema, headers(("ETag" = String))),
        (status = 204, description = "Changed, and no longer the caller's to see")))]
pub(super) async fn update(
    call: Call,
    Id(id): Id<SchemaId>,
    Json(patch): Json<ObjectPatch>,
) -> Answer {
    let (catalog, schema) = call.held::<Schema>(id).await?;
    catalog.alter(&schema.object_name(), &Patch::from(patch).alteration()).await?;
    call.changed::<Schema>(id).await
}

/// Drops a schema.
#[utoipa::path(delete, path = "/api/v1/schemas/{schema_id}", operation_id = "delete_schema",
    tag = "schemas", params(("schema_id" = String, Path, format = "uuid"), Dropping, IfMatch),
    responses((status = 204, description = "Dropped")))]
pub(super) async fn delete(
    call: Call,
    Id(id): Id<SchemaId>,
    Params(dropping): Params<Dropping>,
) -> Answer {
    let (catalog, schema) = call.held::<Schema>(id).await?;
    let contents = dropping.contents();
    call.dropping(async move {
        catalog.drop_schema(&schema.project, &schema.name, OnMissing::Fail, contents).await
    })
    .await
}
