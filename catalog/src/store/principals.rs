//! Principals: who may come in.

use crate::error::Error;
use crate::ids::PrincipalId;
use crate::limit::{PRINCIPALS_MAX, check_name};
use crate::model::Principal;

use super::Catalog;
use super::change::now_ms;
use super::read::parse;

const ACTION: &str = "looking up a principal";

impl Catalog {
    /// The number of principals; zero in a new catalog.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn principal_count(&self) -> Result<u64, Error> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM principal")
            .fetch_one(&self.inner.pool)
            .await
            .map_err(Error::database(ACTION))?;
        Ok(count.unsigned_abs())
    }

    /// The principal of this name.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn principal(&self, name: &str) -> Result<Option<Principal>, Error> {
        let row: Option<(String, String, String, bool)> = sqlx::query_as(
            "SELECT id, name, password_hash, is_admin FROM principal WHERE name = ?",
        )
        .bind(name)
        .fetch_optional(&self.inner.pool)
        .await
        .map_err(Error::database(ACTION))?;
        let Some((id, name, password_hash, is_admin)) = row else { return Ok(None) };
        Ok(Some(Principal { id: parse("principal", &id)?, name, password_hash, is_admin }))
    }

    /// Makes a principal with the hash of its password.
    ///
    /// # Errors
    /// The name is taken or cannot be one, or there are too many principals.
    pub async fn create_principal(
        &self,
        name: &str,
        password_hash: &str,
        is_admin: bool,
    ) -> Result<Principal, Error> {
        check_name("principal", name)?;
        let mut change = self.change("creating a principal").await?;
        let failed = change.failed();
        let taken: bool =
            sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM principal WHERE name = ?)")
                .bind(name)
                .fetch_one(change.connection())
                .await
                .map_err(&failed)?;
        if taken {
            return Err(Error::AlreadyExists { noun: "principal", name: name.to_string() });
        }
        change.check_limit("SELECT count(*) FROM principal", PRINCIPALS_MAX, "principals").await?;
        let principal = Principal {
            id: PrincipalId::generate(),
            name: name.to_string(),
            password_hash: password_hash.to_string(),
            is_admin,
        };
        sqlx::query(
            "INSERT INTO principal (id, name, password_hash, is_admin, created_at_ms)
             VALUES (?, ?, ?, ?, ?)",
        )
        .bind(principal.id.to_string())
        .bind(&principal.name)
        .bind(&principal.password_hash)
        .bind(principal.is_admin)
        .bind(now_ms())
        .execute(change.connection())
        .await
        .map_err(failed)?;
        change.commit().await?;
        Ok(principal)
    }

    /// Gives a principal another password; `false` where there is no such principal.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn set_password_hash(&self, name: &str, password_hash: &str) -> Result<bool, Error> {
        let mut change = self.change("changing a password").await?;
        let failed = change.failed();
        let outcome = sqlx::query("UPDATE principal SET password_hash = ? WHERE name = ?")
            .bind(password_hash)
            .bind(name)
            .execute(change.connection())
            .await
            .map_err(failed)?;
        change.commit().await?;
        Ok(outcome.rows_affected() > 0)
    }
}
