//! Changes of locations.

use std::collections::BTreeMap;

use crate::access::VisibleSnapshot;
use crate::error::Error;
use crate::ids::{CredentialId, LocationId};
use crate::limit::{LOCATIONS_MAX, check_name, check_properties};
use crate::model::{Created, NewLocation, Object, ObjectName, OnMissing, holds_a_secret};
use crate::snapshot::Snapshot;

use super::Catalog;
use super::change::Change;
use super::containers::{kept_or_taken, normal_url};
use super::database::values;
use super::find::found;
use super::read::to_json;
use super::time::now_ms;

/// Objects that an error names at most.
const USERS_NAMED_MAX: usize = 5;

impl Catalog {
    /// Makes a location.
    ///
    /// # Errors
    /// The name or the prefix is taken or cannot be one, an option holds a secret, there is no
    /// such credential, there are too many locations, or the principal is no admin.
    pub async fn create_location(
        &self,
        new: &NewLocation,
        if_not_exists: bool,
    ) -> Result<Created<LocationId>, Error> {
        check_name("location", &new.name)?;
        check_options(&new.options, "a location")?;
        let url = normal_url(&new.url)?;
        let mut change = self.change("creating a location").await?;
        change.check_admin("creating a location")?;
        if let Some(there) = change.find_named("location", &new.name).await? {
            return kept_or_taken(if_not_exists.then_some(there), "location", new.name.clone());
        }
        change.check_free(&url).await?;
        let count = "SELECT count(*) AS n FROM location";
        change.check_limit(count, values![], LOCATIONS_MAX, "locations").await?;
        let credential = change.optional_credential(new.credential.as_deref()).await?;
        let (id, revision) = (LocationId::generate(), change.version());
        change
            .execute(
                "INSERT INTO location (id, name, url, credential_id, options_json, created_at_ms,
                                       revision)
                 VALUES ($1, $2, $3, $4, $5, $6, $7)",
                values![id, &new.name, url, credential, to_json(&new.options), now_ms(), revision],
            )
            .await?;
        change.note("location", id).await?;
        change.grant_ownership(Object::Location(id)).await?;
        change.publish().await?;
        Ok(Created::New(id))
    }

    /// Gives a location another credential and other options. Its prefix stays: another prefix is
    /// another location, which nobody has been granted anything on.
    ///
    /// # Errors
    /// There is no such location or credential, an option holds a secret, or the principal is no
    /// admin.
    pub async fn alter_location(
        &self,
        name: &str,
        credential: Option<&str>,
        options: &BTreeMap<String, String>,
    ) -> Result<(), Error> {
        let mut change = self.change("altering a location").await?;
        change.set_credential(name, credential).await?;
        change.set_options(name, options).await?;
        change.publish().await
    }

    /// Drops a location; `false` where there is none. What lies there stays.
    ///
    /// # Errors
    /// There is no such location, projects, tables or volumes lie below it that no other location
    /// covers, or the principal may not manage it.
    pub async fn drop_location(&self, name: &str, on_missing: OnMissing) -> Result<bool, Error> {
        let mut change = self.change("dropping a location").await?;
        let full = ObjectName::Location(name.to_string());
        if found(change.check_managing(&full), on_missing)?.is_none() {
            return Ok(false);
        }
        let Some(id) = found(change.location(name).await, on_missing)? else {
            return Ok(false);
        };
        // Nothing is made below it meanwhile: the catalog is locked for the time of the change.
        let snapshot = self.snapshot().await?;
        check_unused(&snapshot, change.view(), id)?;
        change.execute("DELETE FROM location WHERE id = $1", values![id]).await?;
        change.publish().await?;
        Ok(true)
    }
}

/// Refuses to take a location from under what lies there.
fn check_unused(
    snapshot: &Snapshot,
    view: Option<&VisibleSnapshot>,
    id: LocationId,
) -> Result<(), Error> {
    let Some(location) = snapshot.location_by_id(id) else { return Ok(()) };
    let needing = snapshot.objects_that_need(location);
    if needing.is_empty() {
        return Ok(());
    }
    let seen = needing.iter().filter(|object| view.is_none_or(|view| view.knows(**object)));
    let named = |object: &Object| {
        let name = snapshot.name_of(*object)?;
        Some(format!("{} \"{name}\"", object.object_type()))
    };
    let mut names: Vec<String> = seen.filter_map(named).collect();
    names.sort();
    let are_all_seen = names.len() == needing.len();
    let more = names.len().saturating_sub(USERS_NAMED_MAX);
    names.truncate(USERS_NAMED_MAX);
    if more > 0 {
        names.push(format!("{more} more"));
    } else if !are_all_seen {
        // How many they are is not the principal's to know.
        names.push("what you may not see".to_string());
    }
    Err(Error::LocationInUse { name: location.name.clone(), users: names.join(", ") })
}

impl Change<'_> {
    /// Gives a location another credential, or none.
    pub(super) async fn set_credential(
        &mut self,
        name: &str,
        credential: Option<&str>,
    ) -> Result<(), Error> {
        self.check_admin("altering a location")?;
        let id = self.location(name).await?;
        let credential = self.optional_credential(credential).await?;
        let revision = self.version();
        let update = "UPDATE location SET credential_id = $1, revision = $2 WHERE id = $3";
        self.execute(update, values![credential, revision, id]).await.map(drop)
    }

    /// Gives a location other options.
    pub(super) async fn set_options(
        &mut self,
        name: &str,
        options: &BTreeMap<String, String>,
    ) -> Result<(), Error> {
        check_options(options, "a location")?;
        self.check_admin("altering a location")?;
        let id = self.location(name).await?;
        let revision = self.version();
        let update = "UPDATE location SET options_json = $1, revision = $2 WHERE id = $3";
        self.execute(update, values![to_json(options), revision, id]).await.map(drop)
    }

    async fn check_free(&mut self, url: &str) -> Result<(), Error> {
        let same = "SELECT name FROM location WHERE url = $1";
        match self.fetch_optional(same, values![url]).await? {
            Some(row) => {
                let name = format!("{} at {url}", row.get::<String>("name")?);
                Err(Error::AlreadyExists { noun: "location", name })
            }
            None => Ok(()),
        }
    }

    async fn optional_credential(
        &mut self,
        name: Option<&str>,
    ) -> Result<Option<CredentialId>, Error> {
        match name {
            Some(name) => self.credential(name).await.map(Some),
            None => Ok(None),
        }
    }
}

/// Refuses options that are too many, or that everyone could read a secret in.
pub(super) fn check_options(
    options: &BTreeMap<String, String>,
    noun: &'static str,
) -> Result<(), Error> {
    check_properties(options)?;
    check_no_secrets(options, noun)
}

/// Refuses options that everyone could read a secret in.
pub(super) fn check_no_secrets(
    options: &BTreeMap<String, String>,
    noun: &'static str,
) -> Result<(), Error> {
    match options.iter().find(|(option, value)| holds_a_secret(option, value)) {
        Some((option, _)) => Err(Error::SecretInOptions { option: option.clone(), noun }),
        None => Ok(()),
    }
}
