//! Puts the rows of the database together.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::ids::{PrincipalId, ProjectId, SchemaId};
use crate::model::{Credential, Dataset, Grant, Location, PrincipalProfile, Project, Schema};

use super::{ById, ManagedFolders, ProjectEntry, Remembered, SchemaEntry, Snapshot};

/// Everything that a snapshot is made of, as it stands in the database at one moment.
#[derive(Default)]
pub(crate) struct Rows {
    pub(crate) version: u64,
    pub(crate) projects: Vec<Project>,
    pub(crate) schemas: Vec<Schema>,
    pub(crate) datasets: Vec<Arc<Dataset>>,
    pub(crate) locations: Vec<Location>,
    pub(crate) credentials: Vec<Credential>,
    pub(crate) principals: Vec<PrincipalProfile>,
    /// Roles and their members.
    pub(crate) memberships: Vec<(PrincipalId, PrincipalId)>,
    pub(crate) grants: Vec<Arc<Grant>>,
}

type InSchema = HashMap<SchemaId, BTreeMap<String, Arc<Dataset>>>;
type InProject = HashMap<ProjectId, BTreeMap<String, SchemaEntry>>;

impl Snapshot {
    /// A row whose parent is missing is left out; the database's foreign keys do not let that be.
    pub(crate) fn assemble(rows: Rows) -> Self {
        let mut by_id = ById::default();
        let in_schema = datasets_by_schema(rows.datasets, &mut by_id);
        let in_project = schemas_by_project(rows.schemas, in_schema, &mut by_id);
        let projects = projects_by_name(rows.projects, in_project, &mut by_id);
        let locations = rows.locations.into_iter().map(|location| {
            let location = Arc::new(location);
            by_id.locations.insert(location.id, Arc::clone(&location));
            (location.name.clone(), location)
        });
        let locations = locations.collect();
        let credentials = rows.credentials.into_iter().map(|credential| {
            let credential = Arc::new(credential);
            by_id.credentials.insert(credential.id, Arc::clone(&credential));
            (credential.name.clone(), credential)
        });
        let credentials = credentials.collect();
        let principals = principals_by_name(rows.principals, rows.memberships, &mut by_id);
        Self {
            version: rows.version,
            projects,
            by_id,
            locations,
            credentials,
            principals,
            grants: grants_by_grantee(rows.grants),
            remembered: Remembered::default(),
            managed: ManagedFolders::default(),
        }
    }
}

fn datasets_by_schema(datasets: Vec<Arc<Dataset>>, by_id: &mut ById) -> InSchema {
    let mut in_schema = InSchema::new();
    for dataset in datasets {
        by_id.datasets.insert(dataset.id, Arc::clone(&dataset));
        let siblings = in_schema.entry(dataset.schema).or_default();
        siblings.insert(dataset.name.clone(), dataset);
    }
    in_schema
}

fn schemas_by_project(
    schemas: Vec<Schema>,
    mut in_schema: InSchema,
    by_id: &mut ById,
) -> InProject {
    let mut in_project = InProject::new();
    for schema in schemas {
        let schema = Arc::new(schema);
        by_id.schemas.insert(schema.id, Arc::clone(&schema));
        let datasets = in_schema.remove(&schema.id).unwrap_or_default();
        let siblings = in_project.entry(schema.project).or_default();
        siblings.insert(schema.name.clone(), SchemaEntry { schema, datasets });
    }
    in_project
}

fn projects_by_name(
    projects: Vec<Project>,
    mut in_project: InProject,
    by_id: &mut ById,
) -> BTreeMap<String, ProjectEntry> {
    let entries = projects.into_iter().map(|project| {
        let project = Arc::new(project);
        by_id.projects.insert(project.id, Arc::clone(&project));
        let schemas = in_project.remove(&project.id).unwrap_or_default();
        (project.name.clone(), ProjectEntry { project, schemas })
    });
    entries.collect()
}

fn principals_by_name(
    principals: Vec<PrincipalProfile>,
    memberships: Vec<(PrincipalId, PrincipalId)>,
    by_id: &mut ById,
) -> BTreeMap<String, Arc<PrincipalProfile>> {
    let mut roles_of: HashMap<PrincipalId, BTreeSet<PrincipalId>> = HashMap::new();
    for (role, member) in memberships {
        roles_of.entry(member).or_default().insert(role);
    }
    let entries = principals.into_iter().map(|mut principal| {
        principal.roles = roles_of.remove(&principal.id).unwrap_or_default();
        let principal = Arc::new(principal);
        by_id.principals.insert(principal.id, Arc::clone(&principal));
        (principal.name.clone(), principal)
    });
    entries.collect()
}

fn grants_by_grantee(mut grants: Vec<Arc<Grant>>) -> HashMap<PrincipalId, Vec<Arc<Grant>>> {
    grants.sort_by_key(|grant| grant.id);
    let mut by_grantee: HashMap<PrincipalId, Vec<Arc<Grant>>> = HashMap::new();
    for grant in grants {
        by_grantee.entry(grant.grantee).or_default().push(grant);
    }
    by_grantee
}
