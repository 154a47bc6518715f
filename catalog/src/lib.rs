//! What exists in a Lakegate service, where it lies, and who may do what with it.
//!
//! [`Catalog`] keeps projects, schemas, datasets, locations, credentials, principals and grants in
//! a SQLite file or a PostgreSQL database. A statement takes one [`Snapshot`], looks at it through
//! its principal's eyes ([`VisibleSnapshot`]) and finds all its names there; changes are
//! transactions. The crate knows nothing of the engine: columns are opaque bytes, and what a
//! location holds is not its business.

mod access;
mod error;
mod ids;
pub mod limit;
mod location_url;
mod model;
mod snapshot;
mod store;
mod url;
mod vault;

pub use access::VisibleSnapshot;
pub use error::Error;
pub use ids::{
    ApiKeyId, CredentialId, DatasetId, GrantId, LocationId, PrincipalId, ProjectId, SchemaId,
};
pub use limit::{
    DATASETS_MAX, DESCRIPTION_BYTES_MAX, NAME_CHARS_MAX, PRINCIPALS_MAX, PROJECTS_MAX, SCHEMAS_MAX,
};
pub use location_url::{LocationUrl, ParseLocationUrlError};
pub use model::{
    Alteration, ApiKey, Created, Credential, CredentialSource, Dataset, DatasetKind, DatasetType,
    FileFormat, Grant, HistoryFilter, HistoryPosition, Location, NewCredential, NewDataset,
    NewLocation, Object, ObjectName, ObjectType, OnContents, OnExisting, OnMissing,
    ParseFileFormatError, Principal, PrincipalProfile, PrincipalType, Privilege, PrivilegeSet,
    Project, QueryRecord, Schema, StoreType, Table, UnknownWord, Usage, View, Volume,
};
pub use snapshot::Snapshot;
pub use store::{Catalog, HistoryLimits, LocationChange, Notes};
pub use url::CatalogUrl;
pub use vault::{KeyRing, MasterKey};

/// The project that a session starts in.
pub const DEFAULT_PROJECT: &str = "lakegate";

/// The schema that a session starts in; every new project has it.
pub const DEFAULT_SCHEMA: &str = "public";

/// A schema name that is never in the catalog: the engine answers for it in every project.
pub const INFORMATION_SCHEMA: &str = "information_schema";

/// A schema name that is never in the catalog: the service tells there about itself.
pub const SYSTEM_SCHEMA: &str = "system";
