//! Access to object stores, as the catalog's locations and credentials give it.

use std::collections::hash_map::DefaultHasher;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use lakegate_catalog::{Catalog, LocationUrl};
use lakegate_lake::store::{Access, AccessSource, StoreUrl};
use lakegate_lake::{Error, Location};

/// How long an answer may be used: the longest time that new keys of a credential go unnoticed here.
const VALID: Duration = Duration::from_secs(5);

/// Access from the catalog. A URL that no location covers is reached with what the process finds in
/// its surroundings: only an admin can make a dataset of it.
pub(crate) struct CatalogAccess {
    catalog: Catalog,
}

impl CatalogAccess {
    pub(crate) fn new(catalog: Catalog) -> Self {
        Self { catalog }
    }

    async fn find(
        &self,
        url: &StoreUrl,
    ) -> Result<Access, Box<dyn std::error::Error + Send + Sync>> {
        let snapshot = self.catalog.snapshot().await?;
        let wanted = LocationUrl::of_object(url.as_str())?;
        let mut access = Access {
            prefix: url.bucket().to_string(),
            kind: url.kind(),
            secrets: None,
            options: Default::default(),
            expires: Instant::now().checked_add(VALID),
            version: 0,
        };
        let Some(location) = snapshot.location_of(&wanted) else { return Ok(access) };
        let credential = location.credential.and_then(|id| snapshot.credential_by_id(id));
        if let Some(credential) = credential {
            access.options.extend(credential.options.clone());
            if !credential.is_ambient() {
                access.secrets = Some(self.catalog.secrets(credential.id).await?);
            }
        } else {
            // Nothing of the surroundings goes to a location that names no credential.
            access.secrets = Some(Default::default());
        }
        access.options.extend(location.options.clone());
        access.prefix = location.url.to_string();
        let mut hasher = DefaultHasher::new();
        (location.id, location.revision).hash(&mut hasher);
        credential.map(|credential| (credential.id, credential.revision)).hash(&mut hasher);
        access.version = hasher.finish();
        Ok(access)
    }
}

/// The folder that a location is, if it is one of this machine.
pub(crate) fn local_root(url: &LocationUrl) -> Option<PathBuf> {
    if url.scheme() != "file" {
        return None;
    }
    Location::read(&url.to_string()).ok().map(|location| PathBuf::from(location.as_str()))
}

#[async_trait]
impl AccessSource for CatalogAccess {
    async fn access(&self, url: &StoreUrl) -> Result<Access, Error> {
        self.find(url)
            .await
            .map_err(|source| Error::AccessUnavailable { url: url.to_string(), source })
    }

    /// From the snapshot that is in memory: what reads a file has looked for a newer one before.
    fn local_root_of(&self, path: &Path) -> Option<PathBuf> {
        let snapshot = self.catalog.latest_loaded()?;
        let roots = snapshot.locations().filter_map(|location| local_root(&location.url));
        let covering = roots.filter(|root| path.starts_with(root));
        covering.max_by_key(|root| root.components().count())
    }
}

impl fmt::Debug for CatalogAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CatalogAccess").finish_non_exhaustive()
    }
}
