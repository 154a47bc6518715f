//! Locations and credentials of a snapshot.

use std::sync::Arc;

use crate::ids::{CredentialId, LocationId};
use crate::location_url::LocationUrl;
use crate::model::{Credential, Location, Object, ObjectName};

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

    /// The projects, tables and volumes whose place belongs to a location and to no other one: out
    /// of reach without it.
    pub fn objects_that_need(&self, location: &Location) -> Vec<Object> {
        let needs = |place: &str| {
            // A place that is no URL was never reached by a location.
            let Ok(place) = place.parse::<LocationUrl>() else { return false };
            let place = place.without_pattern();
            let is_covered =
                |other: &&Arc<Location>| other.id != location.id && other.url.contains(&place);
            location.url.contains(&place) && !self.locations().any(|other| is_covered(&other))
        };
        let projects = self.projects().filter_map(|project| {
            let place = project.location.as_deref()?;
            needs(place).then_some(Object::Project(project.id))
        });
        let datasets = self.all_datasets().filter_map(|dataset| {
            let place = dataset.kind.location()?;
            needs(place).then_some(Object::Dataset(dataset.id))
        });
        projects.chain(datasets).collect()
    }

    /// The whole name of a project, schema, dataset or location; `None` for one that is not there.
    pub fn name_of(&self, object: Object) -> Option<ObjectName> {
        Some(match object {
            Object::Project(id) => ObjectName::Project(self.project_by_id(id)?.name.clone()),
            Object::Schema(id) => {
                let schema = self.schema_by_id(id)?;
                let project = self.project_by_id(schema.project)?;
                ObjectName::schema(&project.name, &schema.name)
            }
            Object::Dataset(id) => {
                let dataset = self.dataset_by_id(id)?;
                let schema = self.schema_by_id(dataset.schema)?;
                let project = self.project_by_id(schema.project)?;
                ObjectName::dataset(&project.name, &schema.name, &dataset.name)
            }
            Object::Location(id) => ObjectName::Location(self.location_by_id(id)?.name.clone()),
        })
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
