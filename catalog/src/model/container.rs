//! Projects and schemas.

use std::collections::BTreeMap;
use std::time::SystemTime;

use crate::ids::{ProjectId, SchemaId};

/// The first level of a name; a catalog to SQL clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its identifier.
    pub id: ProjectId,
    /// Its name, unique in the service.
    pub name: String,
    /// The URL below which its managed tables lie; `None` for the service's own folder.
    pub location: Option<String>,
    /// What somebody wrote about it.
    pub comment: Option<String>,
    /// What somebody noted about it, by name.
    pub properties: BTreeMap<String, String>,
    /// When it was made.
    pub created_at: SystemTime,
    /// The catalog's version when it was last changed.
    pub revision: u64,
}

/// The second level of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// Its identifier.
    pub id: SchemaId,
    /// The project that it belongs to.
    pub project: ProjectId,
    /// Its name, unique in the project.
    pub name: String,
    /// What somebody wrote about it.
    pub comment: Option<String>,
    /// What somebody noted about it, by name.
    pub properties: BTreeMap<String, String>,
    /// When it was made.
    pub created_at: SystemTime,
    /// The catalog's version when it was last changed.
    pub revision: u64,
}
