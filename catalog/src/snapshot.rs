//! The whole catalog as it was at one moment.

use std::collections::BTreeMap;
use std::sync::Arc;

use lakegate_common::nearest::nearest;

use crate::error::Error;
use crate::model::{Dataset, DatasetType, Project, Schema};

/// The whole catalog at one moment. A statement looks all its names up in one snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    version: u64,
    projects: BTreeMap<String, ProjectEntry>,
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
    /// Puts rows together. A row whose parent is missing is left out; the database's foreign keys
    /// do not let that be.
    pub(crate) fn assemble(
        version: u64,
        projects: Vec<Project>,
        schemas: Vec<Schema>,
        datasets: Vec<Dataset>,
    ) -> Self {
        let mut in_schema: BTreeMap<_, BTreeMap<String, Arc<Dataset>>> = BTreeMap::new();
        for dataset in datasets {
            let siblings = in_schema.entry(dataset.schema).or_default();
            siblings.insert(dataset.name.clone(), Arc::new(dataset));
        }
        let mut in_project: BTreeMap<_, BTreeMap<String, SchemaEntry>> = BTreeMap::new();
        for schema in schemas {
            let datasets = in_schema.remove(&schema.id).unwrap_or_default();
            let entry = SchemaEntry { schema: Arc::new(schema), datasets };
            let siblings = in_project.entry(entry.schema.project).or_default();
            siblings.insert(entry.schema.name.clone(), entry);
        }
        let entries = projects.into_iter().map(|project| {
            let schemas = in_project.remove(&project.id).unwrap_or_default();
            let name = project.name.clone();
            (name, ProjectEntry { project: Arc::new(project), schemas })
        });
        Self { version, projects: entries.collect() }
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

    /// The schemas of a project, by name; none where there is no such project.
    pub fn schemas(&self, project: &str) -> impl Iterator<Item = &Arc<Schema>> {
        let entry = self.projects.get(project);
        entry.into_iter().flat_map(|entry| entry.schemas.values()).map(|entry| &entry.schema)
    }

    /// The schema of this name.
    pub fn schema(&self, project: &str, schema: &str) -> Option<&Arc<Schema>> {
        self.schema_entry(project, schema).map(|entry| &entry.schema)
    }

    /// The datasets of a schema, by name; none where there is no such schema.
    pub fn datasets(&self, project: &str, schema: &str) -> impl Iterator<Item = &Arc<Dataset>> {
        self.schema_entry(project, schema).into_iter().flat_map(|entry| entry.datasets.values())
    }

    /// The dataset of this name.
    pub fn dataset(&self, project: &str, schema: &str, dataset: &str) -> Option<&Arc<Dataset>> {
        self.schema_entry(project, schema)?.datasets.get(dataset)
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
        let in_schema = self.find_schema(project, schema)?;
        in_schema.datasets.get(dataset).ok_or_else(|| Error::DatasetNotFound {
            project: project.to_string(),
            schema: schema.to_string(),
            dataset: dataset.to_string(),
            expected: DatasetType::Table,
            nearest: near(dataset, in_schema.datasets.keys()),
        })
    }

    /// As [`Snapshot::schema`], and says which part of the name is wrong.
    ///
    /// # Errors
    /// No such project or schema; the hint names one that is much like it.
    pub fn resolve_schema(&self, project: &str, schema: &str) -> Result<&Arc<Schema>, Error> {
        self.find_schema(project, schema).map(|entry| &entry.schema)
    }

    fn find_schema(&self, project: &str, schema: &str) -> Result<&SchemaEntry, Error> {
        let in_project = self.projects.get(project).ok_or_else(|| Error::ProjectNotFound {
            project: project.to_string(),
            nearest: near(project, self.projects.keys()),
        })?;
        in_project.schemas.get(schema).ok_or_else(|| Error::SchemaNotFound {
            project: project.to_string(),
            schema: schema.to_string(),
            nearest: near(schema, in_project.schemas.keys()),
        })
    }

    /// The number of all datasets.
    pub fn dataset_count(&self) -> usize {
        let schemas = self.projects.values().flat_map(|entry| entry.schemas.values());
        schemas.map(|entry| entry.datasets.len()).sum()
    }

    fn schema_entry(&self, project: &str, schema: &str) -> Option<&SchemaEntry> {
        self.projects.get(project)?.schemas.get(schema)
    }
}

fn near<'a>(name: &str, names: impl Iterator<Item = &'a String>) -> Option<String> {
    nearest(name, names.map(String::as_str)).map(ToString::to_string)
}
