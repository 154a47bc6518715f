//! Principals: who may come in.

use crate::error::Error;
use crate::ids::PrincipalId;
use crate::limit::{PRINCIPALS_MAX, check_name};
use crate::model::{OnMissing, Principal, PrincipalType};

use super::Catalog;
use super::change::Change;
use super::database::{Intent, values};
use super::find::{FoundPrincipal, found};
use super::read::parsed;
use super::time::now_ms;

const ACTION: &str = "looking up a principal";

impl Catalog {
    /// The number of users; zero in a new catalog.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn principal_count(&self) -> Result<u64, Error> {
        let mut read = self.inner.database.begin(Intent::Read, ACTION).await?;
        let users = "SELECT count(*) AS n FROM principal WHERE kind = 'user'";
        let count = read.count(users, values![]).await?;
        Ok(count.unsigned_abs())
    }

    /// The user of this name, with what they log in with. Nobody logs in as a role.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn principal(&self, name: &str) -> Result<Option<Principal>, Error> {
        // A name that cannot be one is none; the database would fail on some.
        if check_name("user", name).is_err() {
            return Ok(None);
        }
        let mut read = self.inner.database.begin(Intent::Read, ACTION).await?;
        let user = "SELECT id, name, password_hash, is_admin FROM principal
             WHERE name = $1 AND kind = 'user'";
        let Some(row) = read.fetch_optional(user, values![name]).await? else { return Ok(None) };
        Ok(Some(Principal {
            id: parsed(&row, "id")?,
            name: row.get("name")?,
            password_hash: row.get("password_hash")?,
            is_admin: row.flag("is_admin")?,
        }))
    }

    /// Makes a user with the hash of its password. Whoever is no admin starts with no rights.
    ///
    /// # Errors
    /// The name is taken or cannot be one, there are too many principals, or the principal that
    /// asks is no admin.
    pub async fn create_principal(
        &self,
        name: &str,
        password_hash: &str,
        is_admin: bool,
    ) -> Result<Principal, Error> {
        let mut change = self.change("creating a user").await?;
        change.check_admin("creating a user")?;
        let user = PrincipalType::User;
        let id = change.insert_principal(name, user, password_hash, is_admin).await?;
        change.publish().await?;
        let (name, password_hash) = (name.to_string(), password_hash.to_string());
        Ok(Principal { id, name, password_hash, is_admin })
    }

    /// Makes a role.
    ///
    /// # Errors
    /// As [`Catalog::create_principal`].
    pub async fn create_role(&self, name: &str) -> Result<PrincipalId, Error> {
        let mut change = self.change("creating a role").await?;
        change.check_admin("creating a role")?;
        let id = change.insert_principal(name, PrincipalType::Role, "", false).await?;
        change.publish().await?;
        Ok(id)
    }

    /// Drops a user or role, with its grants, memberships and API keys; `false` where there is
    /// none. The history keeps its queries.
    ///
    /// # Errors
    /// There is no such principal, it is not what was said, it still owns something, it is the
    /// last admin, or the principal that asks is no admin.
    pub async fn drop_principal(
        &self,
        name: &str,
        expected: PrincipalType,
        on_missing: OnMissing,
    ) -> Result<bool, Error> {
        let mut change = self.change("dropping a principal").await?;
        change.check_admin("dropping a principal")?;
        let Some(principal) = found(change.principal(name).await, on_missing)? else {
            return Ok(false);
        };
        check_type(name, principal, expected)?;
        let owned = match change.owned_count(principal.id).await? {
            0 => None,
            1 => Some("1 object".to_string()),
            many => Some(format!("{many} objects")),
        };
        if let Some(owned) = owned {
            let principal = principal.principal_type.as_str();
            return Err(Error::StillOwns { principal, name: name.to_string(), owned });
        }
        change.check_not_last_admin(name, principal).await?;
        // The database would forget the grantor by itself, but readers would not notice.
        let revision = change.version();
        let forget = "UPDATE privilege_grant SET grantor_id = NULL, revision = $1
             WHERE grantor_id = $2";
        change.execute(forget, values![revision, principal.id]).await?;
        change.execute("DELETE FROM principal WHERE id = $1", values![principal.id]).await?;
        change.publish().await?;
        Ok(true)
    }

    /// Makes a user an admin, or takes that away.
    ///
    /// # Errors
    /// There is no such user, it is the last admin, or the principal that asks is no admin.
    pub async fn set_admin(&self, name: &str, is_admin: bool) -> Result<(), Error> {
        let mut change = self.change("changing a user").await?;
        change.set_admin(name, is_admin).await?;
        change.publish().await
    }

    /// Gives a user another password; `false` where there is no such user. Users may change their
    /// own, admins everyone's.
    ///
    /// # Errors
    /// The database cannot be written, or the principal that asks may not.
    pub async fn set_password_hash(&self, name: &str, password_hash: &str) -> Result<bool, Error> {
        let mut change = self.change("changing a password").await?;
        let is_changed = change.set_password_hash(name, password_hash).await?;
        if is_changed {
            change.publish().await?;
        }
        Ok(is_changed)
    }
}

impl Change<'_> {
    /// Makes a user an admin, or takes that away.
    pub(super) async fn set_admin(&mut self, name: &str, is_admin: bool) -> Result<(), Error> {
        self.check_admin("making somebody an admin")?;
        let principal = self.principal(name).await?;
        check_type(name, principal, PrincipalType::User)?;
        if !is_admin {
            self.check_not_last_admin(name, principal).await?;
        }
        let revision = self.version();
        let update = "UPDATE principal SET is_admin = $1, revision = $2 WHERE id = $3";
        self.execute(update, values![is_admin, revision, principal.id]).await.map(drop)
    }

    /// Gives a user another password; `false` where there is no such user.
    pub(super) async fn set_password_hash(
        &mut self,
        name: &str,
        password_hash: &str,
    ) -> Result<bool, Error> {
        let own = self.view().is_some_and(|view| {
            view.principals().any(|found| Some(found.id) == self.actor() && found.name == name)
        });
        if !own {
            self.check_admin("changing the password of somebody else")?;
        }
        let revision = self.version();
        let update = "UPDATE principal SET password_hash = $1, revision = $2
             WHERE name = $3 AND kind = 'user'";
        Ok(self.execute(update, values![password_hash, revision, name]).await? > 0)
    }

    async fn insert_principal(
        &mut self,
        name: &str,
        principal_type: PrincipalType,
        password_hash: &str,
        is_admin: bool,
    ) -> Result<PrincipalId, Error> {
        let noun = principal_type.as_str();
        check_name(noun, name)?;
        if self.find_named::<PrincipalId>("principal", name).await?.is_some() {
            return Err(Error::AlreadyExists { noun: "principal", name: name.to_string() });
        }
        let count = "SELECT count(*) AS n FROM principal";
        self.check_limit(count, values![], PRINCIPALS_MAX, "principals").await?;
        let (id, revision) = (PrincipalId::generate(), self.version());
        self.execute(
            "INSERT INTO principal (id, name, kind, password_hash, is_admin, created_at_ms, revision)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            values![id, name, noun, password_hash, is_admin, now_ms(), revision],
        )
        .await?;
        self.note("principal", id).await?;
        Ok(id)
    }

    async fn check_not_last_admin(
        &mut self,
        name: &str,
        principal: FoundPrincipal,
    ) -> Result<(), Error> {
        let others = "SELECT count(*) AS n FROM principal WHERE is_admin = 1 AND id <> $1";
        if principal.is_admin && self.count(others, values![principal.id]).await? == 0 {
            return Err(Error::LastAdmin { name: name.to_string() });
        }
        Ok(())
    }
}

/// Refuses a role where a user is meant, and the reverse.
pub(super) fn check_type(
    name: &str,
    principal: FoundPrincipal,
    expected: PrincipalType,
) -> Result<(), Error> {
    if principal.principal_type == expected {
        return Ok(());
    }
    Err(Error::WrongPrincipal { name: name.to_string(), expected: expected.as_str() })
}
