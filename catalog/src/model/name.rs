//! Names of objects, as statements say them.

use std::fmt;

use crate::model::words;

words! {
    /// The types of objects that have a name, a comment and properties.
    ObjectType: "type of object" {
        /// A project.
        Project = "project",
        /// A schema.
        Schema = "schema",
        /// A table, view or volume.
        Dataset = "dataset",
        /// A location.
        Location = "location",
        /// A credential.
        Credential = "credential",
        /// A user or a role.
        Principal = "principal",
    }
}

/// The whole name of an object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ObjectName {
    /// A project.
    Project(String),
    /// A schema.
    Schema {
        /// The project.
        project: String,
        /// The schema in it.
        schema: String,
    },
    /// A table, view or volume.
    Dataset {
        /// The project.
        project: String,
        /// The schema in it.
        schema: String,
        /// The dataset in that.
        dataset: String,
    },
    /// A location.
    Location(String),
    /// A credential.
    Credential(String),
    /// A user or a role.
    Principal(String),
}

impl ObjectName {
    /// The name of a schema.
    pub fn schema(project: impl Into<String>, schema: impl Into<String>) -> Self {
        Self::Schema { project: project.into(), schema: schema.into() }
    }

    /// The name of a table, view or volume.
    pub fn dataset(
        project: impl Into<String>,
        schema: impl Into<String>,
        dataset: impl Into<String>,
    ) -> Self {
        Self::Dataset { project: project.into(), schema: schema.into(), dataset: dataset.into() }
    }

    /// What it names.
    pub const fn object_type(&self) -> ObjectType {
        match self {
            Self::Project(_) => ObjectType::Project,
            Self::Schema { .. } => ObjectType::Schema,
            Self::Dataset { .. } => ObjectType::Dataset,
            Self::Location(_) => ObjectType::Location,
            Self::Credential(_) => ObjectType::Credential,
            Self::Principal(_) => ObjectType::Principal,
        }
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Project(name)
            | Self::Location(name)
            | Self::Credential(name)
            | Self::Principal(name) => f.write_str(name),
            Self::Schema { project, schema } => write!(f, "{project}.{schema}"),
            Self::Dataset { project, schema, dataset } => {
                write!(f, "{project}.{schema}.{dataset}")
            }
        }
    }
}
