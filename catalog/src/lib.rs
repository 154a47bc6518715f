//! What exists in a Lakegate service, where it lies, and who may come in.
//!
//! [`Catalog`] keeps projects, schemas, datasets and principals in a database file. A statement
//! takes one [`Snapshot`] and looks all its names up there; changes are transactions. The crate
//! knows nothing of the engine: columns are opaque bytes, and what a location holds is not its
//! business.

mod error;
mod ids;
mod limit;
mod model;
mod snapshot;
mod store;

pub use error::Error;
pub use ids::{DatasetId, PrincipalId, ProjectId, SchemaId};
pub use limit::{
    DATASETS_MAX, DESCRIPTION_BYTES_MAX, NAME_CHARS_MAX, PRINCIPALS_MAX, PROJECTS_MAX, SCHEMAS_MAX,
};
pub use model::{
    Created, Dataset, DatasetKind, DatasetType, ExternalTable, FileFormat, NewDataset, OnContents,
    OnExisting, OnMissing, Principal, Project, Schema, View,
};
pub use snapshot::Snapshot;
pub use store::Catalog;

/// The project that a session starts in.
pub const DEFAULT_PROJECT: &str = "lakegate";

/// The schema that a session starts in; every new project has it.
pub const DEFAULT_SCHEMA: &str = "public";

/// A schema name that is never in the catalog: the engine answers for it in every project.
pub const INFORMATION_SCHEMA: &str = "information_schema";
