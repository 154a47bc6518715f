//! Changes of what every object has together with what only objects of its type have, each one
//! transaction. They go before the new name, so that the object is found by its old one.

use std::collections::BTreeMap;

use lakegate_common::secret::Secret;

use crate::error::Error;
use crate::model::{Alteration, CredentialSource, ObjectName};

use super::Catalog;

/// A change of what only a location has. What is `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LocationChange {
    /// The name of the credential that opens it; `Some(None)` for none.
    pub credential: Option<Option<String>>,
    /// How to reach it: all options.
    pub options: Option<BTreeMap<String, String>>,
}

impl Catalog {
    /// As [`Catalog::alter`], and [`Catalog::set_project_location`] where a location is given.
    ///
    /// # Errors
    /// As those.
    pub async fn amend_project(
        &self,
        name: &str,
        alteration: &Alteration,
        location: Option<Option<&str>>,
    ) -> Result<(), Error> {
        let mut change = self.change("altering a project").await?;
        if let Some(location) = location {
            change.move_project(name, location).await?;
        }
        let full = ObjectName::Project(name.to_string());
        change.alter(None, &full, alteration).await?;
        change.publish().await
    }

    /// As [`Catalog::alter`], and gives a location what of [`Catalog::alter_location`] is said.
    ///
    /// # Errors
    /// As those.
    pub async fn amend_location(
        &self,
        name: &str,
        alteration: &Alteration,
        location: &LocationChange,
    ) -> Result<(), Error> {
        let mut change = self.change("altering a location").await?;
        if let Some(credential) = &location.credential {
            change.set_credential(name, credential.as_deref()).await?;
        }
        if let Some(options) = &location.options {
            change.set_options(name, options).await?;
        }
        let full = ObjectName::Location(name.to_string());
        change.alter(None, &full, alteration).await?;
        change.publish().await
    }

    /// As [`Catalog::alter`], and [`Catalog::set_credential_source`] where a source is given.
    ///
    /// # Errors
    /// As those.
    pub async fn amend_credential(
        &self,
        name: &str,
        alteration: &Alteration,
        source: Option<&CredentialSource>,
    ) -> Result<(), Error> {
        let mut change = self.change("altering a credential").await?;
        if let Some(source) = source {
            self.replace_secrets(&mut change, name, source).await?;
        }
        let full = ObjectName::Credential(name.to_string());
        change.alter(self.inner.keys.as_ref(), &full, alteration).await?;
        change.publish().await
    }

    /// As [`Catalog::alter`], and [`Catalog::set_admin`] and [`Catalog::set_password_hash`] of a
    /// user where they are given.
    ///
    /// # Errors
    /// As those.
    pub async fn amend_user(
        &self,
        name: &str,
        alteration: &Alteration,
        is_admin: Option<bool>,
        password_hash: Option<&Secret>,
    ) -> Result<(), Error> {
        let mut change = self.change("altering a user").await?;
        if let Some(is_admin) = is_admin {
            change.set_admin(name, is_admin).await?;
        }
        if let Some(hash) = password_hash {
            change.set_password_hash(name, hash.expose()).await?;
        }
        let full = ObjectName::Principal(name.to_string());
        change.alter(None, &full, alteration).await?;
        change.publish().await
    }
}
