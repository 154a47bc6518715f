//! `/api/v1/grants`. A grant is there or not, so it is made and deleted, and never changed.

use std::str::FromStr;

use lakegate_catalog::{Catalog, GrantId, Object, ObjectName, Privilege};
use lakegate_common::ErrorCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::problem::Problem;
use super::super::request::{Id, Json, Params, identifier};
use super::dataset::Dataset;
use super::etag::{IfMatch, IfNoneMatch};
use super::locations::Location;
use super::paging::Page;
use super::projects::Project;
use super::resource::{Answer, Call, Resource, View, gone, moved, time};
use super::schemas::Schema;

/// One privilege on one object for one user or role.
#[derive(Serialize, ToSchema)]
pub(super) struct Grant {
    /// Its identifier.
    #[schema(format = "uuid")]
    id: String,
    /// The name of the user or role that has it.
    grantee: String,
    /// What they may do.
    privilege: &'static str,
    /// With what.
    object: ObjectReference,
    /// When it was granted.
    #[schema(format = "date-time")]
    created_at: String,
    #[serde(skip)]
    #[schema(ignore)]
    on: ObjectName,
}

/// What a grant is on.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ObjectReference {
    /// What it is.
    r#type: GrantableType,
    /// Its identifier.
    #[schema(format = "uuid")]
    id: String,
}

/// What privileges are granted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum GrantableType {
    /// A project, and what is in it.
    Project,
    /// A schema, and what is in it.
    Schema,
    /// A table, view or volume.
    Dataset,
    /// A location.
    Location,
}

impl Resource for Grant {
    type Id = GrantId;
    const NOUN: &'static str = "grant";
    const ABSENT: ErrorCode = ErrorCode::ObjectNotFound;
    const PATH: &'static str = "/api/v1/grants";

    fn of(view: &View, id: GrantId) -> Option<Self> {
        let grant = view.grant(id)?;
        let (on, object) = reference(view, grant.object)?;
        Some(Self {
            id: id.to_string(),
            grantee: view.seen.grantee_name(grant)?.to_string(),
            privilege: grant.privilege.as_str(),
            object,
            created_at: time(grant.created_at),
            on,
        })
    }

    fn name(&self) -> String {
        format!("{} {}", self.grantee, self.on)
    }
}

/// The name of an object, and how the document refers to it.
fn reference(view: &View, object: Object) -> Option<(ObjectName, ObjectReference)> {
    let seen = &view.seen;
    let (name, r#type, id) = match object {
        Object::Project(id) => {
            let name = ObjectName::Project(seen.project_by_id(id)?.name.clone());
            (name, GrantableType::Project, id.to_string())
        }
        Object::Schema(id) => {
            let schema = seen.schema_by_id(id)?;
            let project = &seen.project_by_id(schema.project)?.name;
            (ObjectName::schema(project, &schema.name), GrantableType::Schema, id.to_string())
        }
        Object::Dataset(id) => {
            let dataset = seen.dataset_by_id(id)?;
            let schema = seen.schema_by_id(dataset.schema)?;
            let project = &seen.project_by_id(schema.project)?.name;
            let name = ObjectName::dataset(project, &schema.name, &dataset.name);
            (name, GrantableType::Dataset, id.to_string())
        }
        Object::Location(id) => {
            let name = ObjectName::Location(seen.location_by_id(id)?.name.clone());
            (name, GrantableType::Location, id.to_string())
        }
    };
    Some((name, ObjectReference { r#type, id }))
}

/// Which grants.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Those of the user or role of this name, not those of its roles.
    grantee: Option<String>,
    /// Those on this very object.
    #[param(format = "uuid")]
    object_id: Option<String>,
    /// Those of this privilege.
    privilege: Option<String>,
    /// The objects of a page: 1 to 1000, 100 where nothing is said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// Where the page begins: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A grant to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewGrant {
    /// The name of a user or role.
    grantee: String,
    /// `select`, `modify`, `create`, `manage`, `own`, `read` or `write`.
    #[schema(example = "select")]
    privilege: String,
    /// What they may do that with.
    object: ObjectReference,
}

fn privilege(word: &str) -> Result<Privilege, Problem> {
    Privilege::from_str(word).map_err(|error| Problem::invalid(error.to_string()))
}

/// The grants: for an admin all, for others those that they have and those on what they manage.
#[utoipa::path(get, path = "/api/v1/grants", operation_id = "list_grants", tag = "grants",
    params(Filter), responses((status = 200, description = "A page", body = Page<Grant>)))]
pub(super) async fn list(call: Call, Params(filter): Params<Filter>) -> Answer {
    let wanted = filter.privilege.as_deref().map(privilege).transpose()?;
    call.list::<Grant>((filter.limit, filter.cursor.as_deref()), |view| {
        let takes = |grant: &lakegate_catalog::Grant| {
            wanted.is_none_or(|wanted| wanted == grant.privilege)
                && filter.object_id.as_ref().is_none_or(|id| *id == id_of(grant.object))
                && filter
                    .grantee
                    .as_deref()
                    .is_none_or(|name| view.seen.grantee_name(grant) == Some(name))
        };
        view.seen.grants().filter(|grant| takes(grant)).map(|grant| grant.id).collect()
    })
    .await
}

fn id_of(object: Object) -> String {
    match object {
        Object::Project(id) => id.to_string(),
        Object::Schema(id) => id.to_string(),
        Object::Dataset(id) => id.to_string(),
        Object::Location(id) => id.to_string(),
    }
}

/// Grants a privilege. One that is there already stays as it is.
#[utoipa::path(post, path = "/api/v1/grants", operation_id = "create_grant", tag = "grants",
    request_body = NewGrant,
    responses((status = 200, description = "It was there", body = Grant,
            headers(("ETag" = String))),
        (status = 201, description = "Granted", body = Grant,
            headers(("ETag" = String), ("Location" = String)))))]
pub(super) async fn create(call: Call, Json(new): Json<NewGrant>) -> Answer {
    let wanted = privilege(&new.privilege)?;
    let (catalog, on) = on(&call, &new.object).await?;
    let granted = catalog.grant(&[wanted], &on, &new.grantee).await?;
    call.created::<Grant>(granted.first().copied().ok_or_else(moved::<Grant>)?).await
}

/// The object that a request refers to, and the catalog as the caller may change it while that
/// object keeps its name.
async fn on(call: &Call, object: &ObjectReference) -> Result<(Catalog, ObjectName), Problem> {
    Ok(match object.r#type {
        GrantableType::Project => {
            let id = identifier(&object.id)?;
            let (catalog, project) = call.within::<Project>(id).await?;
            (catalog, ObjectName::Project(project.name()))
        }
        GrantableType::Schema => {
            let id = identifier(&object.id)?;
            let (catalog, schema) = call.within::<Schema>(id).await?;
            (catalog, schema.object_name())
        }
        GrantableType::Dataset => {
            let id = identifier(&object.id)?;
            let (catalog, dataset) = call.within::<Dataset>(id).await?;
            (catalog, dataset.object_name())
        }
        GrantableType::Location => {
            let id = identifier(&object.id)?;
            let (catalog, location) = call.within::<Location>(id).await?;
            (catalog, ObjectName::Location(location.name()))
        }
    })
}

/// One grant.
#[utoipa::path(get, path = "/api/v1/grants/{grant_id}", operation_id = "get_grant", tag = "grants",
    params(("grant_id" = String, Path, format = "uuid"), IfNoneMatch),
    responses((status = 200, description = "The grant", body = Grant, headers(("ETag" = String))),
        (status = 304, description = "The caller has it already")))]
pub(super) async fn read(call: Call, Id(id): Id<GrantId>) -> Answer {
    call.read::<Grant>(id).await
}

/// Revokes a privilege.
#[utoipa::path(delete, path = "/api/v1/grants/{grant_id}", operation_id = "delete_grant",
    tag = "grants", params(("grant_id" = String, Path, format = "uuid"), IfMatch),
    responses((status = 204, description = "Revoked")))]
pub(super) async fn delete(call: Call, Id(id): Id<GrantId>) -> Answer {
    let (catalog, grant) = call.held::<Grant>(id).await?;
    catalog.revoke(&[privilege(grant.privilege)?], &grant.on, &grant.grantee).await?;
    gone()
}
