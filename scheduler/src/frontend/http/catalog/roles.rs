//! `/api/v1/roles`.

use std::collections::BTreeMap;

use lakegate_catalog::{Created, Notes, ObjectName, OnMissing, PrincipalId, PrincipalType};
use lakegate_common::ErrorCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::request::{Id, Json, Params};
use super::etag::{IfMatch, IfNoneMatch};
use super::members::{self, role_names};
use super::paging::Page;
use super::patch::{Patch, given, nullable};
use super::resource::{Answer, Call, Resource, View, gone, time};

/// A name for rights that its members share. Nobody logs in as a role.
#[derive(Serialize, ToSchema)]
pub(super) struct Role {
    /// Stays the same through a renaming.
    #[schema(format = "uuid")]
    id: String,
    /// Unique among users and roles.
    pub(super) name: String,
    /// The roles that it is a member of, directly.
    roles: Vec<String>,
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

impl Resource for Role {
    type Id = PrincipalId;
    const NOUN: &'static str = "role";
    const ABSENT: ErrorCode = ErrorCode::ObjectNotFound;
    const PATH: &'static str = "/api/v1/roles";

    fn of(view: &View, id: PrincipalId) -> Option<Self> {
        let found = view.seen.principal_by_id(id)?;
        (found.principal_type == PrincipalType::Role).then(|| Self {
            id: id.to_string(),
            name: found.name.clone(),
            roles: role_names(view, found),
            comment: found.comment.clone(),
            properties: found.properties.clone(),
            created_at: time(found.created_at),
            revision: found.revision,
        })
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

/// A role to be made. It begins without any right.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewRole {
    /// Its name.
    name: String,
    /// What it is for.
    #[serde(default)]
    comment: Option<String>,
    /// What is noted about it.
    #[serde(default)]
    properties: BTreeMap<String, String>,
}

/// A change of a role. What is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RolePatch {
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
}

/// The roles: for an admin all, for others those that they are members of.
#[utoipa::path(get, path = "/api/v1/roles", operation_id = "list_roles", tag = "roles",
    params(members::Filter), responses((status = 200, description = "A page", body = Page<Role>)))]
pub(super) async fn list(call: Call, Params(filter): Params<members::Filter>) -> Answer {
    let role = filter.role()?;
    call.list::<Role>(filter.page(), |view| filter.ids(view, PrincipalType::Role, role)).await
}

/// Makes a role. For admins.
#[utoipa::path(post, path = "/api/v1/roles", operation_id = "create_role", tag = "roles",
    request_body = NewRole,
    responses((status = 201, description = "Made", body = Role,
        headers(("ETag" = String), ("Location" = String)))))]
pub(super) async fn create(call: Call, Json(new): Json<NewRole>) -> Answer {
    let catalog = call.catalog().noting(Notes { comment: new.comment, properties: new.properties });
    let made = catalog.create_role(&new.name).await?;
    call.created::<Role>(Created::New(made)).await
}

/// One role.
#[utoipa::path(get, path = "/api/v1/roles/{role_id}", operation_id = "get_role", tag = "roles",
    params(("role_id" = String, Path, format = "uuid"), IfNoneMatch),
    responses((status = 200, description = "The role", body = Role, headers(("ETag" = String))),
        (status = 304, description = "The caller has it already")))]
pub(super) async fn read(call: Call, Id(id): Id<PrincipalId>) -> Answer {
    call.read::<Role>(id).await
}

/// Changes a role, all of it or nothing. For admins.
#[utoipa::path(patch, path = "/api/v1/roles/{role_id}", operation_id = "update_role", tag = "roles",
    params(("role_id" = String, Path, format = "uuid"), IfMatch), request_body = RolePatch,
    responses((status = 200, description = "Changed", body = Role, headers(("ETag" = String)))))]
pub(super) async fn update(
    call: Call,
    Id(id): Id<PrincipalId>,
    Json(patch): Json<RolePatch>,
) -> Answer {
    let (catalog, role) = call.held::<Role>(id).await?;
    let RolePatch { name, comment, properties } = patch;
    let alteration = Patch { name, comment, properties, owner: None }.alteration();
    catalog.alter(&ObjectName::Principal(role.name), &alteration).await?;
    call.changed::<Role>(id).await
}

/// Drops a role with its grants and memberships. For admins.
#[utoipa::path(delete, path = "/api/v1/roles/{role_id}", operation_id = "delete_role",
    tag = "roles", params(("role_id" = String, Path, format = "uuid"), IfMatch),
    responses((status = 204, description = "Dropped")))]
pub(super) async fn delete(call: Call, Id(id): Id<PrincipalId>) -> Answer {
    let (catalog, role) = call.held::<Role>(id).await?;
    catalog.drop_principal(&role.name, PrincipalType::Role, OnMissing::Fail).await?;
    gone()
}
