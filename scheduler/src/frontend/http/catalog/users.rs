//! `/api/v1/users`. Passwords come in and never go out.

use std::collections::BTreeMap;

use lakegate_catalog::{Alteration, Created, Notes, OnMissing, PrincipalId, PrincipalType};
use lakegate_common::ErrorCode;
use lakegate_common::secret::Secret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::request::{Id, Json, Params};
use super::etag::{IfMatch, IfNoneMatch};
use super::members::{self, role_names};
use super::paging::Page;
use super::patch::{Patch, given, nullable};
use super::resource::{Answer, Call, Resource, View, gone, time};
use crate::query::hashed;

/// Somebody who logs in.
#[derive(Serialize, ToSchema)]
pub(super) struct User {
    /// Stays the same through a renaming.
    #[schema(format = "uuid")]
    id: String,
    /// Unique among users and roles.
    name: String,
    /// Whether it may do everything.
    is_admin: bool,
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

impl Resource for User {
    type Id = PrincipalId;
    const NOUN: &'static str = "user";
    const ABSENT: ErrorCode = ErrorCode::ObjectNotFound;
    const PATH: &'static str = "/api/v1/users";

    fn of(view: &View, id: PrincipalId) -> Option<Self> {
        let found = view.seen.principal_by_id(id)?;
        (found.principal_type == PrincipalType::User).then(|| Self {
            id: id.to_string(),
            name: found.name.clone(),
            is_admin: found.is_admin,
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

/// A user to be made. It begins without any right.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewUser {
    /// The name to log in with.
    name: String,
    /// The password to log in with.
    #[schema(write_only)]
    password: String,
    /// Whether it may do everything.
    #[serde(default)]
    is_admin: bool,
    /// Who it is.
    #[serde(default)]
    comment: Option<String>,
    /// What is noted about it.
    #[serde(default)]
    properties: BTreeMap<String, String>,
}

/// A change of a user. What is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UserPatch {
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
    /// Whether it may do everything from now on.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    is_admin: Option<bool>,
    /// Its new password. Users may change their own, in a request that changes nothing else.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, write_only)]
    password: Option<String>,
}

/// The users: for an admin all, for others themselves.
#[utoipa::path(get, path = "/api/v1/users", operation_id = "list_users", tag = "users",
    params(members::Filter), responses((status = 200, description = "A page", body = Page<User>)))]
pub(super) async fn list(call: Call, Params(filter): Params<members::Filter>) -> Answer {
    let role = filter.role()?;
    call.list::<User>(filter.page(), |view| filter.ids(view, PrincipalType::User, role)).await
}

/// Makes a user. For admins.
#[utoipa::path(post, path = "/api/v1/users", operation_id = "create_user", tag = "users",
    request_body = NewUser,
    responses((status = 201, description = "Made", body = User,
        headers(("ETag" = String), ("Location" = String)))))]
pub(super) async fn create(call: Call, Json(new): Json<NewUser>) -> Answer {
    // Before a hash is worked out.
    call.view().await?.seen.check_admin("creating a user")?;
    let hash = hashed(new.password).await?;
    let catalog = call.catalog().noting(Notes { comment: new.comment, properties: new.properties });
    let made = catalog.create_principal(&new.name, &hash, new.is_admin).await?;
    call.created::<User>(Created::New(made.id)).await
}

/// One user.
#[utoipa::path(get, path = "/api/v1/users/{user_id}", operation_id = "get_user", tag = "users",
    params(("user_id" = String, Path, format = "uuid"), IfNoneMatch),
    responses((status = 200, description = "The user", body = User, headers(("ETag" = String))),
        (status = 304, description = "The caller has it already")))]
pub(super) async fn read(call: Call, Id(id): Id<PrincipalId>) -> Answer {
    call.read::<User>(id).await
}

/// Changes a user, all of it or nothing. For admins, but for one's own password.
#[utoipa::path(patch, path = "/api/v1/users/{user_id}", operation_id = "update_user", tag = "users",
    params(("user_id" = String, Path, format = "uuid"), IfMatch), request_body = UserPatch,
    responses((status = 200, description = "Changed", body = User, headers(("ETag" = String)))))]
pub(super) async fn update(
    call: Call,
    Id(id): Id<PrincipalId>,
    Json(patch): Json<UserPatch>,
) -> Answer {
    let UserPatch { name, comment, properties, is_admin, password } = patch;
    let (catalog, user) = call.held::<User>(id).await?;
    let alteration = Patch { name, comment, properties, owner: None }.alteration();
    let is_password_only = alteration == Alteration::default() && is_admin.is_none();
    let hash = match password {
        Some(password) => {
            if id != call.principal().id || !is_password_only {
                call.view().await?.seen.check_admin("changing a user")?;
            }
            Some(Secret::exactly(hashed(password).await?))
        }
        None => None,
    };
    match hash {
        Some(hash) if is_password_only => {
            catalog.set_password_hash(&user.name, hash.expose()).await?;
        }
        hash => catalog.amend_user(&user.name, &alteration, is_admin, hash.as_ref()).await?,
    }
    call.changed::<User>(id).await
}

/// Drops a user with its grants and memberships. For admins.
#[utoipa::path(delete, path = "/api/v1/users/{user_id}", operation_id = "delete_user",
    tag = "users", params(("user_id" = String, Path, format = "uuid"), IfMatch),
    responses((status = 204, description = "Dropped")))]
pub(super) async fn delete(call: Call, Id(id): Id<PrincipalId>) -> Answer {
    let (catalog, user) = call.held::<User>(id).await?;
    catalog.drop_principal(&user.name, PrincipalType::User, OnMissing::Fail).await?;
    gone()
}
