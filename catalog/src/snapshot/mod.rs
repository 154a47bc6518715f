//! The whole catalog as it was at one moment.

mod assemble;
mod managed;
mod places;
mod principals;
mod remembered;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use lakegate_common::nearest::nearest;

use crate::access::{Access, VisibleSnapshot};
use crate::error::Error;
use crate::ids::{CredentialId, DatasetId, LocationId, PrincipalId, ProjectId, SchemaId};
use crate::model::{
    Credential, Dataset, DatasetType, Grant, Location, PrincipalProfile, Project, Schema,
};

pub(crate) use assemble::Rows;
use managed::ManagedFolders;
use remembered::Remembered;

/// The whole catalog at one moment. A statement looks all its names up in one snapshot, through
/// the eyes of its principal: [`Snapshot::for_principal`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    version: u64,
    projects: BTreeMap<String, ProjectEntry>,
    by_id: ById,
    locations: BTreeMap<String, Arc<Location>>,
    credentials: BTreeMap<String, Arc<Credential>>,
    principals: BTreeMap<String, Arc<PrincipalProfile>>,
    grants: HashMap<PrincipalId, Vec<Arc<Grant>>>,
    remembered: Remembered,
    managed: ManagedFolders,
}

/// Objects by identifier. Projects are few and named, so their names do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct ById {
    projects: HashMap<ProjectId, Arc<Project>>,
    schemas: HashMap<SchemaId, Arc<Schema>>,
    datasets: HashMap<DatasetId, Arc<Dataset>>,
    locations: HashMap<LocationId, Arc<Location>>,
    credentials: HashMap<CredentialId, Arc<Credential>>,
    principals: HashMap<PrincipalId, Arc<PrincipalProfile>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct ProjectEntry {
    project: Arc<Project>,
    schemas: BTreeMap<String, SchemaEntry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct SchemaEntry {
    schema: Arc<Schema>,
    datasets: BTreeMap<String, Arc<Dataset>>,
}

impl Snapshot {
    /// The snapshot as a principal may see it: what they may not know of does not exist in it. A
    /// principal that the snapshot does not know sees nothing.
    pub fn for_principal(self: &Arc<Self>, principal: PrincipalId) -> VisibleSnapshot {
        let access = self.remembered.get_or(principal, || Access::of_principal(self, principal));
        VisibleSnapshot::new(Arc::clone(self), access)
    }

    /// The snapshot as the service itself sees it: all of it.
    pub fn for_service(self: &Arc<Self>) -> VisibleSnapshot {
        VisibleSnapshot::new(Arc::clone(self), Arc::new(Access::of_service()))
    }

    /// The number of changes up to this snapshot. Equal versions are equal snapshots.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// All projects, by name.
    pub fn projects(&self) -> impl Iterator<Item = &Arc<Project>> {
        self.projects.values().map(|entry| &entry.project)
    }

    /// The project of this name.
    pub fn project(&self, project: &str) -> Option<&Arc<Project>> {
        self.projects.get(project).map(|entry| &entry.project)
    }

    /// The project of this identifier.
    pub fn project_by_id(&self, id: ProjectId) -> Option<&Arc<Project>> {
        self.by_id.projects.get(&id)
    }

    /// The schemas of a project, by name; none where there is no such project.
    pub fn schemas(&self, project: &str) -> impl Iterator<Item = &Arc<Schema>> {
        let entry = self.projects.get(project);
        entry.into_iter().flat_map(|entry| entry.schemas.values()).map(|entry| &entry.schema)
    }

    /// The schema of this name.
    pub fn schema(&self, project: &str, schema: &str) -> Option<&Arc<Schema>> {
        self.schema_entry(project, schema).map(|entry| &entry.schema)
    }

    /// The schema of this identifier.
    pub fn schema_by_id(&self, id: SchemaId) -> Option<&Arc<Schema>> {
        self.by_id.schemas.get(&id)
    }

    /// The datasets of a schema, by name; none where there is no such schema.
    pub fn datasets(&self, project: &str, schema: &str) -> impl Iterator<Item = &Arc<Dataset>> {
        self.schema_entry(project, schema).into_iter().flat_map(|entry| entry.datasets.values())
    }

    /// The dataset of this name.
    pub fn dataset(&self, project: &str, schema: &str, dataset: &str) -> Option<&Arc<Dataset>> {
        self.schema_entry(project, schema)?.datasets.get(dataset)
    }

    /// The dataset of this identifier.
    pub fn dataset_by_id(&self, id: DatasetId) -> Option<&Arc<Dataset>> {
        self.by_id.datasets.get(&id)
    }

    /// As [`Snapshot::dataset`], and says which part of the name is wrong.
    ///
    /// # Errors
    /// No such project, schema or dataset; the hint names one that is much like it.
    pub fn resolve(
        &self,
        project: &str,
        schema: &str,
        dataset: &str,
    ) -> Result<&Arc<Dataset>, Error> {
        self.resolve_schema(project, schema)?;
        self.dataset(project, schema, dataset).ok_or_else(|| {
            let names = self.datasets(project, schema).map(|dataset| dataset.name.as_str());
            let nearest = near(dataset, names);
            no_dataset(project, schema, dataset, nearest)
        })
    }

    /// As [`Snapshot::schema`], and says which part of the name is wrong.
    ///
    /// # Errors
    /// No such project or schema; the hint names one that is much like it.
    pub fn resolve_schema(&self, project: &str, schema: &str) -> Result<&Arc<Schema>, Error> {
        if self.project(project).is_none() {
            let nearest = near(project, self.projects.keys().map(String::as_str));
            return Err(Error::ProjectNotFound { project: project.to_string(), nearest });
        }
        self.schema(project, schema).ok_or_else(|| {
            let names = self.schemas(project).map(|schema| schema.name.as_str());
            no_schema(project, schema, near(schema, names))
        })
    }

    /// All datasets, in no order.
    pub(crate) fn all_datasets(&self) -> impl Iterator<Item = &Arc<Dataset>> {
        self.by_id.datasets.values()
    }

    /// The number of all datasets.
    pub fn dataset_count(&self) -> usize {
        self.by_id.datasets.len()
    }

    fn schema_entry(&self, project: &str, schema: &str) -> Option<&SchemaEntry> {
        self.projects.get(project)?.schemas.get(schema)
    }
}

/// The name that is most like the given one.
pub(crate) fn near<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    nearest(name, names).map(ToString::to_string)
}

pub(crate) fn no_schema(project: &str, schema: &str, nearest: Option<String>) -> Error {
    Error::SchemaNotFound { project: project.to_string(), schema: schema.to_string(), nearest }
}

pub(crate) fn no_dataset(
    project: &str,
    schema: &str,
    dataset: &str,
    nearest: Option<String>,
) -> Error {
    Error::DatasetNotFound {
        project: project.to_string(),
        schema: schema.to_string(),
        dataset: dataset.to_string(),
        expected: DatasetType::Table,
        nearest,
    }
}
