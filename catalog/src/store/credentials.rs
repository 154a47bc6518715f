//! Changes of credentials, and their secrets.

use std::collections::BTreeMap;

use lakegate_common::secret::Secret;

use crate::error::Error;
use crate::ids::CredentialId;
use crate::limit::{CREDENTIALS_MAX, PROPERTIES_BYTES_MAX, PROPERTIES_MAX, at_most, check_name};
use crate::model::{Created, CredentialSource, NewCredential, OnMissing};
use crate::vault::{KeyRing, Owner, Sealed};

use super::Catalog;
use super::change::Change;
use super::containers::kept_or_taken;
use super::database::{Intent, Row, values};
use super::find::{found, id_in};
use super::locations::check_options;
use super::read::{parse, to_json};
use super::time::now_ms;

const SEALED: &str = "SELECT id, name, key_id, nonce, ciphertext FROM credential";

impl Catalog {
    /// Makes a credential. Its secrets are encrypted before they reach the database.
    ///
    /// # Errors
    /// The name is taken or cannot be one, an option that everyone may see holds a secret, there
    /// are secrets and no master key, there are too many credentials, or the principal is no
    /// admin.
    pub async fn create_credential(
        &self,
        new: &NewCredential,
        if_not_exists: bool,
    ) -> Result<Created<CredentialId>, Error> {
        check_name("credential", &new.name)?;
        check_options(&new.options, "a credential's description")?;
        let mut change = self.change("creating a credential").await?;
        change.check_admin("creating a credential")?;
        if let Some(there) = change.find_named("credential", &new.name).await? {
            return kept_or_taken(if_not_exists.then_some(there), "credential", new.name.clone());
        }
        let count = "SELECT count(*) AS n FROM credential";
        change.check_limit(count, values![], CREDENTIALS_MAX, "credentials").await?;
        let (id, revision) = (CredentialId::generate(), change.version());
        change
            .execute(
                "INSERT INTO credential (id, name, store_type, options_json, secret_names_json,
                                         created_at_ms, revision)
                 VALUES ($1, $2, $3, $4, '[]', $5, $6)",
                values![
                    id,
                    &new.name,
                    new.store_type.as_str(),
                    to_json(&new.options),
                    now_ms(),
                    revision,
                ],
            )
            .await?;
        change.note("credential", id).await?;
        self.put_secrets(&mut change, Owner { id, name: &new.name }, &new.source).await?;
        change.publish().await?;
        Ok(Created::New(id))
    }

    /// Gives a credential other secrets.
    ///
    /// # Errors
    /// There is no such credential, there are secrets and no master key, or the principal is no
    /// admin.
    pub async fn set_credential_source(
        &self,
        name: &str,
        source: &CredentialSource,
    ) -> Result<(), Error> {
        let mut change = self.change("changing a credential").await?;
        self.replace_secrets(&mut change, name, source).await?;
        change.publish().await
    }

    /// Drops a credential; `false` where there is none.
    ///
    /// # Errors
    /// There is no such credential, a location needs it, or the principal is no admin.
    pub async fn drop_credential(&self, name: &str, on_missing: OnMissing) -> Result<bool, Error> {
        let mut change = self.change("dropping a credential").await?;
        change.check_admin("dropping a credential")?;
        let Some(id) = found(change.credential(name).await, on_missing)? else {
            return Ok(false);
        };
        let using = "SELECT name FROM location WHERE credential_id = $1 LIMIT 1";
        if let Some(row) = change.fetch_optional(using, values![id]).await? {
            let (name, location) = (name.to_string(), row.get("name")?);
            return Err(Error::CredentialInUse { name, location });
        }
        change.execute("DELETE FROM credential WHERE id = $1", values![id]).await?;
        change.publish().await?;
        Ok(true)
    }

    /// The secrets of a credential, to open a store with; none for one that the machine has the
    /// secrets of. For the service alone: no principal ever sees them.
    ///
    /// # Errors
    /// There is no such credential, none of the master keys opens it, or a principal asks.
    pub async fn secrets(&self, id: CredentialId) -> Result<BTreeMap<String, Secret>, Error> {
        if self.actor.is_some() {
            return Err(Error::AdminOnly { action: "reading secrets" });
        }
        let mut read = self.inner.database.begin(Intent::Read, "opening a credential").await?;
        let sql = format!("{SEALED} WHERE id = $1");
        let Some(row) = read.fetch_optional(&sql, values![id]).await? else {
            return Err(super::find::not_found(crate::ObjectType::Credential, &id.to_string()));
        };
        match sealed(&row)? {
            Some(sealed) => {
                let name: String = row.get("name")?;
                self.keys()?.open(Owner { id, name: &name }, &sealed)
            }
            None => Ok(BTreeMap::new()),
        }
    }

    /// Encrypts all secrets anew with the current master key, in one change; the number of
    /// credentials that were encrypted with another one. Until then older keys of the ring open
    /// them, so all servers get the new key first, then one rotates, then the old key goes.
    ///
    /// # Errors
    /// A credential is encrypted with a key that the ring does not have: then nothing changes; or
    /// the principal is no admin.
    pub async fn rotate_secrets(&self) -> Result<u64, Error> {
        let keys = self.keys()?;
        let mut change = self.change("encrypting secrets anew").await?;
        change.check_admin("encrypting secrets anew")?;
        let mut changed = 0;
        for row in change.fetch_all(SEALED, values![]).await? {
            let Some(old) = sealed(&row)? else { continue };
            if old.key_id == keys.current_id() {
                continue;
            }
            let name: String = row.get("name")?;
            let owner = Owner { id: id_in(&row, "credential")?, name: &name };
            let secrets = keys.open(owner, &old)?;
            change.put_sealed(owner.id, Some(keys.seal(owner, &secrets)?)).await?;
            changed += 1;
        }
        change.commit().await?;
        Ok(changed)
    }

    /// Gives a credential other secrets.
    pub(super) async fn replace_secrets(
        &self,
        change: &mut Change<'_>,
        name: &str,
        source: &CredentialSource,
    ) -> Result<(), Error> {
        change.check_admin("changing a credential")?;
        let id = change.credential(name).await?;
        self.put_secrets(change, Owner { id, name }, source).await
    }

    async fn put_secrets(
        &self,
        change: &mut Change<'_>,
        owner: Owner<'_>,
        source: &CredentialSource,
    ) -> Result<(), Error> {
        let secrets = match source {
            CredentialSource::Ambient => &BTreeMap::new(),
            CredentialSource::Secrets(secrets) if secrets.is_empty() => {
                return Err(Error::NoSecrets { name: owner.name.to_string() });
            }
            CredentialSource::Secrets(secrets) => secrets,
        };
        at_most(secrets.len(), PROPERTIES_MAX, "secrets of a credential")?;
        let bytes = secrets.iter().map(|(name, secret)| name.len() + secret.as_bytes().len());
        at_most(bytes.sum(), PROPERTIES_BYTES_MAX, "bytes in the secrets of a credential")?;
        let sealed = match secrets.is_empty() {
            true => None,
            false => Some(self.keys()?.seal(owner, secrets)?),
        };
        let names: Vec<&String> = secrets.keys().collect();
        let revision = change.version();
        let update = "UPDATE credential SET secret_names_json = $1, revision = $2 WHERE id = $3";
        change.execute(update, values![to_json(&names), revision, owner.id]).await?;
        change.put_sealed(owner.id, sealed).await
    }
}

impl Change<'_> {
    /// Encrypts the secrets of a credential for its new name.
    pub(super) async fn rename_credential(
        &mut self,
        keys: Option<&KeyRing>,
        id: &str,
        old_name: &str,
        new_name: &str,
    ) -> Result<(), Error> {
        let sql = format!("{SEALED} WHERE id = $1");
        let Some(row) = self.fetch_optional(&sql, values![id]).await? else { return Ok(()) };
        let Some(old) = sealed(&row)? else { return Ok(()) };
        let keys = keys.ok_or(Error::NoMasterKey)?;
        let id = parse("credential", id)?;
        let secrets = keys.open(Owner { id, name: old_name }, &old)?;
        self.put_sealed(id, Some(keys.seal(Owner { id, name: new_name }, &secrets)?)).await
    }

    async fn put_sealed(&mut self, id: CredentialId, sealed: Option<Sealed>) -> Result<(), Error> {
        let (key_id, nonce, ciphertext) = match sealed {
            Some(sealed) => (Some(sealed.key_id), Some(sealed.nonce), Some(sealed.ciphertext)),
            None => (None, None, None),
        };
        let update = "UPDATE credential SET key_id = $1, nonce = $2, ciphertext = $3 WHERE id = $4";
        self.execute(update, values![key_id, nonce, ciphertext, id]).await.map(drop)
    }
}

/// The encrypted secrets in a row; `None` where it has none.
fn sealed(row: &Row) -> Result<Option<Sealed>, Error> {
    let (key_id, nonce, ciphertext): (Option<String>, Option<Vec<u8>>, Option<Vec<u8>>) =
        (row.get("key_id")?, row.get("nonce")?, row.get("ciphertext")?);
    Ok(match (key_id, nonce, ciphertext) {
        (Some(key_id), Some(nonce), Some(ciphertext)) => Some(Sealed { key_id, nonce, ciphertext }),
        _ => None,
    })
}
