//! API keys: what programs log in with instead of a password.

use std::time::{Duration, SystemTime};

use crate::error::Error;
use crate::ids::{ApiKeyId, PrincipalId};
use crate::limit::{API_KEYS_MAX, check_name};
use crate::model::{ApiKey, Principal, PrincipalType};

use super::Catalog;
use super::change::Change;
use super::database::{Intent, Row, values};
use super::principals::check_type;
use super::read::parsed;
use super::time::{ms_of, now_ms, time_of};

const ACTION: &str = "looking up an API key";

/// How old the noted time of the last use must be to be noted anew: a key that is used a thousand
/// times a second does not write a thousand times.
const USE_NOTED_EVERY: Duration = Duration::from_secs(60);

impl Catalog {
    /// Makes an API key for a user. Only the hash of the key comes here; keys are random and long,
    /// so that a quick hash without salt is enough.
    ///
    /// # Errors
    /// There is no such user, the name is taken or cannot be one, the user has too many keys, or
    /// the principal that asks is neither the user nor an admin.
    pub async fn create_api_key(
        &self,
        user: &str,
        name: &str,
        hash: &str,
        expires_at: Option<SystemTime>,
    ) -> Result<ApiKey, Error> {
        check_name("API key", name)?;
        let mut change = self.change("creating an API key").await?;
        let principal = change.user_with_keys(user).await?;
        let same = "SELECT count(*) AS n FROM api_key WHERE principal_id = $1 AND name = $2";
        if change.count(same, values![principal, name]).await? > 0 {
            return Err(Error::AlreadyExists { noun: "API key", name: name.to_string() });
        }
        let count = "SELECT count(*) AS n FROM api_key WHERE principal_id = $1";
        change.check_limit(count, values![principal], API_KEYS_MAX, "API keys of a user").await?;
        let (id, now) = (ApiKeyId::generate(), now_ms());
        change
            .execute(
                "INSERT INTO api_key (id, principal_id, name, hash, created_at_ms, expires_at_ms)
                 VALUES ($1, $2, $3, $4, $5, $6)",
                values![id, principal, name, hash, now, expires_at.map(ms_of)],
            )
            .await?;
        change.commit().await?;
        let (name, created_at) = (name.to_string(), time_of(now));
        Ok(ApiKey { id, principal, name, created_at, expires_at, last_used_at: None })
    }

    /// The API keys of a user, the oldest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn api_keys(&self, principal: PrincipalId) -> Result<Vec<ApiKey>, Error> {
        let mut read = self.inner.database.begin(Intent::Read, ACTION).await?;
        let sql = "SELECT id, principal_id, name, created_at_ms, expires_at_ms, last_used_at_ms
             FROM api_key WHERE principal_id = $1 ORDER BY created_at_ms, id";
        let rows = read.fetch_all(sql, values![principal]).await?;
        rows.iter().map(api_key).collect()
    }

    /// The user whose API key has this hash; `None` where there is none or its time is over.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn principal_of_api_key(
        &self,
        hash: &str,
    ) -> Result<Option<(Principal, ApiKey)>, Error> {
        let mut read = self.inner.database.begin(Intent::Read, ACTION).await?;
        let sql = "SELECT api_key.id AS id, principal_id, api_key.name AS name,
                    api_key.created_at_ms AS created_at_ms, expires_at_ms, last_used_at_ms,
                    principal.name AS principal_name, password_hash, is_admin
             FROM api_key JOIN principal ON principal.id = principal_id
             WHERE hash = $1 AND (expires_at_ms IS NULL OR expires_at_ms > $2)";
        let Some(row) = read.fetch_optional(sql, values![hash, now_ms()]).await? else {
            return Ok(None);
        };
        let key = api_key(&row)?;
        let principal = Principal {
            id: key.principal,
            name: row.get("principal_name")?,
            password_hash: row.get("password_hash")?,
            is_admin: row.flag("is_admin")?,
        };
        Ok(Some((principal, key)))
    }

    /// Notes that an API key was used, to the minute.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn note_api_key_use(&self, key: &ApiKey) -> Result<(), Error> {
        let now = SystemTime::now();
        let is_fresh =
            |used: SystemTime| now.duration_since(used).unwrap_or_default() < USE_NOTED_EVERY;
        if key.last_used_at.is_some_and(is_fresh) {
            return Ok(());
        }
        let mut change = self.append("noting the use of an API key").await?;
        let update = "UPDATE api_key SET last_used_at_ms = $1 WHERE id = $2";
        change.execute(update, values![ms_of(now), key.id]).await?;
        change.commit().await
    }

    /// Drops an API key; `false` where the user has none of this name.
    ///
    /// # Errors
    /// There is no such user, or the principal that asks is neither the user nor an admin.
    pub async fn drop_api_key(&self, user: &str, name: &str) -> Result<bool, Error> {
        let mut change = self.change("dropping an API key").await?;
        let principal = change.user_with_keys(user).await?;
        let delete = "DELETE FROM api_key WHERE principal_id = $1 AND name = $2";
        let gone = change.execute(delete, values![principal, name]).await?;
        change.commit().await?;
        Ok(gone > 0)
    }
}

impl Change<'_> {
    /// The user whose keys are changed: the principal itself, or anyone for an admin.
    async fn user_with_keys(&mut self, user: &str) -> Result<PrincipalId, Error> {
        let own = self.view().and_then(|view| {
            view.principals().find(|found| Some(found.id) == self.actor()).map(|found| &found.name)
        });
        if own.is_none_or(|own| own != user) {
            self.check_admin("changing the API keys of somebody else")?;
        }
        let found = self.principal(user).await?;
        check_type(user, found, PrincipalType::User)?;
        Ok(found.id)
    }
}

fn api_key(row: &Row) -> Result<ApiKey, Error> {
    Ok(ApiKey {
        id: parsed(row, "id")?,
        principal: parsed(row, "principal_id")?,
        name: row.get("name")?,
        created_at: time_of(row.get("created_at_ms")?),
        expires_at: row.get::<Option<i64>>("expires_at_ms")?.map(time_of),
        last_used_at: row.get::<Option<i64>>("last_used_at_ms")?.map(time_of),
    })
}
