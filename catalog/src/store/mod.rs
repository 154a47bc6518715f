//! The catalog in its database.
//!
//! Writers of this process take turns, and lock the catalog against other processes for the time of
//! a change. Readers never wait for writers.

mod alter;
mod amend;
mod api_keys;
mod change;
mod condition;
mod containers;
mod credentials;
mod database;
mod datasets;
mod find;
mod grants;
mod history;
mod locations;
mod ownership;
mod principals;
mod prune;
mod read;
mod roles;
mod time;

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use crate::error::Error;
use crate::ids::PrincipalId;
use crate::snapshot::Snapshot;
use crate::url::CatalogUrl;
use crate::vault::KeyRing;

use condition::Condition;
use database::Database;

pub use amend::LocationChange;
pub use condition::Notes;
pub use prune::HistoryLimits;

/// The catalog of a service. Clones are handles to the same catalog.
///
/// A handle acts for the service itself, which may do everything, or for a principal:
/// [`Catalog::acting_for`]. It may hold a condition ([`Catalog::provided`]) and what is to be noted
/// about what it makes ([`Catalog::noting`]).
#[derive(Clone)]
pub struct Catalog {
    inner: Arc<Inner>,
    actor: Option<PrincipalId>,
    condition: Option<Condition>,
    notes: Option<Arc<Notes>>,
}

struct Inner {
    /// For people, without the password.
    place: String,
    database: Database,
    keys: Option<KeyRing>,
    /// Writers of this process queue here in order, which no database promises.
    writing: tokio::sync::Mutex<()>,
    /// Only one reader loads a new snapshot; the others use what it brings.
    loading: tokio::sync::Mutex<()>,
    latest: RwLock<Option<Arc<Snapshot>>>,
}

impl Catalog {
    /// Opens the catalog, or makes one. An older catalog is brought up to date. A new catalog
    /// holds the default project and schema; a new file can be read by its owner alone.
    ///
    /// # Errors
    /// The database cannot be opened or made, is no catalog, or was made by a newer Lakegate.
    pub async fn open(url: impl Into<CatalogUrl>) -> Result<Self, Error> {
        Self::open_with(&url.into(), None).await
    }

    /// As [`Catalog::open`], with the master keys for the secrets of credentials.
    ///
    /// # Errors
    /// As [`Catalog::open`].
    pub async fn open_with(url: &CatalogUrl, keys: Option<KeyRing>) -> Result<Self, Error> {
        let inner = Inner {
            place: url.to_string(),
            database: Database::open(url).await?,
            keys,
            writing: tokio::sync::Mutex::new(()),
            loading: tokio::sync::Mutex::new(()),
            latest: RwLock::new(None),
        };
        let catalog = Self { inner: Arc::new(inner), actor: None, condition: None, notes: None };
        catalog.create_defaults().await?;
        Ok(catalog)
    }

    /// The catalog as a principal may change it: what it may not know of does not exist, what it
    /// may not do is refused, and what it makes belongs to it. Rights are judged at the moment of
    /// the change.
    #[must_use]
    pub fn acting_for(&self, principal: PrincipalId) -> Self {
        Self { actor: Some(principal), ..self.clone() }
    }

    /// Closes the database when the statements that use it have ended. Every later call fails.
    pub async fn close(&self) {
        self.inner.database.close().await;
    }

    /// The whole catalog as it is now. While nothing changes, this is one look at a counter and
    /// the same snapshot again; a change by another server is seen like one's own.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn snapshot(&self) -> Result<Arc<Snapshot>, Error> {
        let database = &self.inner.database;
        if let Some(latest) = self.latest(read::version(database).await?) {
            return Ok(latest);
        }
        let _turn = self.inner.loading.lock().await;
        // Whoever had the turn before may have loaded what is needed. A version that has gone back
        // is one of a database that was restored, so it is not enough to be newer.
        if let Some(latest) = self.latest(read::version(database).await?) {
            return Ok(latest);
        }
        let previous = self
            .inner
            .latest
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .map(Arc::clone);
        let loaded = Arc::new(read::snapshot(database, previous.as_deref()).await?);
        let mut latest = self.inner.latest.write().unwrap_or_else(PoisonError::into_inner);
        *latest = Some(Arc::clone(&loaded));
        Ok(loaded)
    }

    /// The snapshot in memory: what was loaded last, without a look into the database. `None` before
    /// the first.
    pub fn latest_loaded(&self) -> Option<Arc<Snapshot>> {
        let latest = self.inner.latest.read().unwrap_or_else(PoisonError::into_inner);
        latest.as_ref().map(Arc::clone)
    }

    /// The snapshot in memory, if it has this version.
    fn latest(&self, version: u64) -> Option<Arc<Snapshot>> {
        let latest = self.inner.latest.read().unwrap_or_else(PoisonError::into_inner);
        latest.as_ref().filter(|snapshot| snapshot.version() == version).map(Arc::clone)
    }

    fn keys(&self) -> Result<&KeyRing, Error> {
        self.inner.keys.as_ref().ok_or(Error::NoMasterKey)
    }
}

impl fmt::Debug for Catalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Catalog")
            .field("place", &self.inner.place)
            .field("actor", &self.actor)
            .finish_non_exhaustive()
    }
}
