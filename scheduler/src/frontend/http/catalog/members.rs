//! Who is a member of which role.

use lakegate_catalog::{Catalog, PrincipalId, PrincipalProfile, PrincipalType};
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::problem::Problem;
use super::super::request::{Ids, identifier};
use super::resource::{Answer, Call, View, absent, gone, moved};
use super::roles::Role;
use super::users::User;

/// Which users or roles.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// The one of this name.
    name: Option<String>,
    /// The members of this role, those that are so by another role left out.
    #[param(format = "uuid")]
    role_id: Option<String>,
    /// The objects of a page: 1 to 1000, 100 where nothing is said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// Where the page begins: `next_cursor` of the page before.
    cursor: Option<String>,
}

impl Filter {
    pub(super) fn role(&self) -> Result<Option<PrincipalId>, Problem> {
        self.role_id.as_deref().map(identifier).transpose()
    }

    pub(super) fn page(&self) -> (Option<u32>, Option<&str>) {
        (self.limit, self.cursor.as_deref())
    }

    /// Those of a type that it takes.
    pub(super) fn ids(
        &self,
        view: &View,
        principal_type: PrincipalType,
        role: Option<PrincipalId>,
    ) -> Vec<PrincipalId> {
        let takes = |one: &PrincipalProfile| {
            one.principal_type == principal_type
                && self.name.as_deref().is_none_or(|wanted| wanted == one.name)
                && role.is_none_or(|role| one.roles.contains(&role))
        };
        view.seen.principals().filter(|one| takes(one)).map(|one| one.id).collect()
    }
}

/// The names of the roles that a principal is a member of, directly.
pub(super) fn role_names(view: &View, principal: &PrincipalProfile) -> Vec<String> {
    let roles = principal.roles.iter().filter_map(|id| view.seen.principal_by_id(*id));
    roles.map(|role| role.name.clone()).collect()
}

/// Makes a user or role a member of a role; nothing happens where it is one. For admins.
#[utoipa::path(put, path = "/api/v1/roles/{role_id}/members/{member_id}",
    operation_id = "add_member", tag = "roles",
    params(("role_id" = String, Path, format = "uuid"), ("member_id" = String, Path, format = "uuid")),
    responses((status = 204, description = "It is a member")))]
pub(super) async fn add(call: Call, Ids(role, member): Ids<PrincipalId, PrincipalId>) -> Answer {
    let (catalog, role) = call.within::<Role>(role).await?;
    let (catalog, member) = holding(&call, &catalog, member).await?;
    catalog.grant_role(&role.name, &member).await?;
    gone()
}

/// Ends a membership; nothing happens where there is none. For admins.
#[utoipa::path(delete, path = "/api/v1/roles/{role_id}/members/{member_id}",
    operation_id = "remove_member", tag = "roles",
    params(("role_id" = String, Path, format = "uuid"), ("member_id" = String, Path, format = "uuid")),
    responses((status = 204, description = "It is no member")))]
pub(super) async fn remove(call: Call, Ids(role, member): Ids<PrincipalId, PrincipalId>) -> Answer {
    let (catalog, role) = call.within::<Role>(role).await?;
    let (catalog, member) = holding(&call, &catalog, member).await?;
    catalog.revoke_role(&role.name, &member).await?;
    gone()
}

/// The name of a user or role, and the catalog as it may be changed while that is its name.
async fn holding(
    call: &Call,
    catalog: &Catalog,
    member: PrincipalId,
) -> Result<(Catalog, String), Problem> {
    let view = call.view().await?;
    let found = view.seen.principal_by_id(member).ok_or_else(absent::<User>)?;
    let name = found.name.clone();
    let held = catalog.provided(move |seen| match seen.principal_by_id(member) {
        Some(now) if now.name == name => Ok(()),
        _ => Err(moved::<User>()),
    });
    Ok((held, found.name.clone()))
}
