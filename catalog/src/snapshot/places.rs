//! Locations and credentials of a snapshot.

use std::sync::Arc;

use crate::ids::{CredentialId, LocationId};
use crate::location_url::LocationUrl;
use crate::model::{Credential, Location};

use super::Snapshot;

impl Snapshot {
    /// All locations, by name.
    pub fn locations(&self) -> impl Iterator<Item = &Arc<Location>> {
        self.locations.values()
    }

    /// The location of this name.
    pub fn location(&self, name: &str) -> Option<&Arc<Location>> {
        self.locations.get(name)
    }

    /// The location of this identifier.
    pub fn location_by_id(&self, id: LocationId) -> Option<&Arc<Location>> {
        self.by_id.locations.get(&id)
    }

    /// The location that a URL belongs to: of those that contain it, the one with the longest
    /// prefix. No two locations have the same prefix.
    pub fn location_of(&self, url: &LocationUrl) -> Option<&Arc<Location>> {
        let holding = self.locations.values().filter(|location| location.url.contains(url));
        holding.max_by_key(|location| location.url.depth())
    }

    /// The locations that lie below a URL and guard a part of what it reaches.
    pub fn locations_below(&self, url: &LocationUrl) -> impl Iterator<Item = &Arc<Location>> {
        self.locations
            .values()
            .filter(move |location| url.contains(&location.url) && location.url != *url)
    }

    /// All credentials, by name.
    pub fn credentials(&self) -> impl Iterator<Item = &Arc<Credential>> {
        self.credentials.values()
    }

    /// The credential of this name.
    pub fn credential(&self, name: &str) -> Option<&Arc<Credential>> {
        self.credentials.get(name)
    }

    /// The credential of this identifier.
    pub fn credential_by_id(&self, id: CredentialId) -> Option<&Arc<Credential>> {
        self.by_id.credentials.get(&id)
    }
}
