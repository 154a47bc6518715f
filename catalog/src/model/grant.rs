//! Who may do what with which object.

use std::time::SystemTime;

use crate::ids::{DatasetId, GrantId, LocationId, PrincipalId, ProjectId, SchemaId};
use crate::model::{ObjectType, Privilege};

/// Something that privileges are granted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Object {
    /// A project.
    Project(ProjectId),
    /// A schema.
    Schema(SchemaId),
    /// A table, view or volume.
    Dataset(DatasetId),
    /// A location.
    Location(LocationId),
}

impl Object {
    /// What it is.
    pub const fn object_type(self) -> ObjectType {
        match self {
            Self::Project(_) => ObjectType::Project,
            Self::Schema(_) => ObjectType::Schema,
            Self::Dataset(_) => ObjectType::Dataset,
            Self::Location(_) => ObjectType::Location,
        }
    }
}

/// One privilege on one object for one principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its identifier.
    pub id: GrantId,
    /// Who got it: a user or a role.
    pub grantee: PrincipalId,
    /// What was granted.
    pub privilege: Privilege,
    /// On what.
    pub object: Object,
    /// Who granted it; `None` for the service itself, or where that principal is gone.
    pub grantor: Option<PrincipalId>,
    /// When.
    pub created_at: SystemTime,
}
