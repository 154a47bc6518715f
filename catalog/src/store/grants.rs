//! Granting and revoking.

use crate::error::Error;
use crate::ids::{GrantId, PrincipalId};
use crate::limit::GRANTS_MAX;
use crate::model::{Created, Object, ObjectName, Privilege};

use super::Catalog;
use super::change::Change;
use super::database::values;
use super::ownership::{column_of, id_of};
use super::read::parsed;
use super::time::now_ms;

impl Catalog {
    /// Grants privileges on an object to a user or role, all or none; those that they have already
    /// stay as they are. The grants in the order of the privileges.
    ///
    /// # Errors
    /// Nothing has the name, there is no such principal, a privilege is none for such objects,
    /// there are too many grants, or the principal that asks may not grant one of them.
    pub async fn grant(
        &self,
        privileges: &[Privilege],
        name: &ObjectName,
        grantee: &str,
    ) -> Result<Vec<Created<GrantId>>, Error> {
        let mut change = self.change("granting").await?;
        let object = change.check_granting(privileges, name).await?;
        let grantee = change.principal(grantee).await?.id;
        let mut grants = Vec::with_capacity(privileges.len());
        for privilege in privileges {
            grants.push(change.insert_grant(*privilege, object, grantee).await?);
        }
        if grants.iter().any(|grant| matches!(grant, Created::New(_))) {
            change.publish().await?;
        }
        Ok(grants)
    }

    /// Takes privileges on an object from a user or role, all or none; those that they do not have
    /// do not matter. Rights that come from a container or a role stay. The number of those that
    /// are gone.
    ///
    /// # Errors
    /// As [`Catalog::grant`].
    pub async fn revoke(
        &self,
        privileges: &[Privilege],
        name: &ObjectName,
        grantee: &str,
    ) -> Result<u64, Error> {
        let mut change = self.change("revoking").await?;
        let object = change.check_granting(privileges, name).await?;
        let grantee = change.principal(grantee).await?.id;
        let sql = format!(
            "DELETE FROM privilege_grant WHERE {} = $1 AND grantee_id = $2 AND privilege = $3",
            column_of(object)
        );
        let mut gone = 0;
        for privilege in privileges {
            let values = values![id_of(object), grantee, privilege.as_str()];
            gone += change.execute(&sql, values).await?;
        }
        if gone > 0 {
            change.publish().await?;
        }
        Ok(gone)
    }
}

impl Change<'_> {
    /// The object, if these privileges can be granted on it, and by the principal.
    async fn check_granting(
        &mut self,
        privileges: &[Privilege],
        name: &ObjectName,
    ) -> Result<Object, Error> {
        for privilege in privileges {
            if let Some(view) = self.view() {
                view.check_granting(*privilege, name)?;
            }
        }
        let object = self.grantable(name).await?;
        let object_type = object.object_type();
        match privileges.iter().find(|privilege| !privilege.applies_to(object_type)) {
            Some(privilege) => {
                Err(Error::PrivilegeNotApplicable { privilege: *privilege, object_type })
            }
            None => Ok(object),
        }
    }

    /// Grants a privilege; `false` where the principal has it already.
    pub(super) async fn insert_grant(
        &mut self,
        privilege: Privilege,
        object: Object,
        grantee: PrincipalId,
    ) -> Result<Created<GrantId>, Error> {
        let column = column_of(object);
        let same = format!(
            "SELECT id FROM privilege_grant
             WHERE {column} = $1 AND grantee_id = $2 AND privilege = $3"
        );
        let values = values![id_of(object), grantee, privilege.as_str()];
        if let Some(there) = self.fetch_optional(&same, values).await? {
            return Ok(Created::Kept(parsed(&there, "id")?));
        }
        let count = "SELECT count(*) AS n FROM privilege_grant";
        self.check_limit(count, values![], GRANTS_MAX, "grants").await?;
        let (grantor, revision) = (self.actor(), self.version());
        let insert = format!(
            "INSERT INTO privilege_grant (id, grantee_id, privilege, {column}, grantor_id,
                                          created_at_ms, revision)
             VALUES ($1, $2, $3, $4, $5, $6, $7)"
        );
        let (id, privilege) = (GrantId::generate(), privilege.as_str());
        let values = values![id, grantee, privilege, id_of(object), grantor, now_ms(), revision];
        self.execute(&insert, values).await?;
        Ok(Created::New(id))
    }
}
