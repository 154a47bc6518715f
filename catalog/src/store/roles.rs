//! Memberships of roles.

use std::collections::{HashMap, HashSet};

use crate::error::Error;
use crate::ids::PrincipalId;
use crate::limit::MEMBERSHIPS_MAX;
use crate::model::PrincipalType;

use super::Catalog;
use super::change::Change;
use super::database::values;
use super::principals::check_type;
use super::read::parsed;
use super::time::now_ms;

impl Catalog {
    /// Makes a user or role a member of a role; `false` where it is one already.
    ///
    /// # Errors
    /// There is no such role or principal, the role would be a member of itself, there are too
    /// many memberships, or the principal that asks is no admin.
    pub async fn grant_role(&self, role: &str, member: &str) -> Result<bool, Error> {
        let mut change = self.change("granting a role").await?;
        change.check_admin("granting a role")?;
        let (role_id, member_id) = change.role_and_member(role, member).await?;
        let same = "SELECT count(*) AS n FROM role_member WHERE role_id = $1 AND member_id = $2";
        if change.count(same, values![role_id, member_id]).await? > 0 {
            return Ok(false);
        }
        if change.is_member(role_id, member_id).await? {
            let (role, member) = (role.to_string(), member.to_string());
            return Err(Error::RoleCycle { role, member });
        }
        let count = "SELECT count(*) AS n FROM role_member";
        change.check_limit(count, values![], MEMBERSHIPS_MAX, "memberships of roles").await?;
        let insert =
            "INSERT INTO role_member (role_id, member_id, created_at_ms) VALUES ($1, $2, $3)";
        change.execute(insert, values![role_id, member_id, now_ms()]).await?;
        change.publish().await?;
        Ok(true)
    }

    /// Ends a membership; `false` where there is none.
    ///
    /// # Errors
    /// There is no such role or principal, or the principal that asks is no admin.
    pub async fn revoke_role(&self, role: &str, member: &str) -> Result<bool, Error> {
        let mut change = self.change("revoking a role").await?;
        change.check_admin("revoking a role")?;
        let (role_id, member_id) = change.role_and_member(role, member).await?;
        let delete = "DELETE FROM role_member WHERE role_id = $1 AND member_id = $2";
        if change.execute(delete, values![role_id, member_id]).await? == 0 {
            return Ok(false);
        }
        change.publish().await?;
        Ok(true)
    }
}

impl Change<'_> {
    async fn role_and_member(
        &mut self,
        role: &str,
        member: &str,
    ) -> Result<(PrincipalId, PrincipalId), Error> {
        let found = self.principal(role).await?;
        check_type(role, found, PrincipalType::Role)?;
        Ok((found.id, self.principal(member).await?.id))
    }

    /// Whether a principal is a role, or a member of it, directly or through others.
    async fn is_member(
        &mut self,
        principal: PrincipalId,
        role: PrincipalId,
    ) -> Result<bool, Error> {
        let rows = self.fetch_all("SELECT role_id, member_id FROM role_member", values![]).await?;
        let mut roles_of: HashMap<PrincipalId, Vec<PrincipalId>> = HashMap::new();
        for row in &rows {
            roles_of.entry(parsed(row, "member_id")?).or_default().push(parsed(row, "role_id")?);
        }
        Ok(reaches(&roles_of, principal, role))
    }
}

/// Whether a way of memberships leads from a principal to a role.
fn reaches(
    roles_of: &HashMap<PrincipalId, Vec<PrincipalId>>,
    principal: PrincipalId,
    role: PrincipalId,
) -> bool {
    let mut seen = HashSet::new();
    let mut waiting = vec![principal];
    while let Some(next) = waiting.pop() {
        if next == role {
            return true;
        }
        if seen.insert(next) {
            waiting.extend(roles_of.get(&next).into_iter().flatten());
        }
    }
    false
}
