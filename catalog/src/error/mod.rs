//! What can go wrong with the catalog.

mod database;

use std::time::Duration;

use lakegate_common::error::{Coded, ErrorCode};

use crate::location_url::ParseLocationUrlError;
use crate::model::{DatasetType, ObjectType, Privilege};

/// What can go wrong with the catalog.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No project of that name.
    #[error("project \"{project}\" does not exist")]
    ProjectNotFound {
        /// The name.
        project: String,
        /// An existing name that is much like it.
        nearest: Option<String>,
    },
    /// No schema of that name.
    #[error("schema \"{project}.{schema}\" does not exist")]
    SchemaNotFound {
        /// The project.
        project: String,
        /// The name.
        schema: String,
        /// An existing name that is much like it.
        nearest: Option<String>,
    },
    /// No table or view of that name.
    #[error("{expected} \"{project}.{schema}.{dataset}\" does not exist")]
    DatasetNotFound {
        /// The project.
        project: String,
        /// The schema.
        schema: String,
        /// The name.
        dataset: String,
        /// What was looked for.
        expected: DatasetType,
        /// An existing name that is much like it.
        nearest: Option<String>,
    },
    /// No location, credential, user, role, API key or property of that name.
    #[error("{noun} \"{name}\" does not exist")]
    ObjectNotFound {
        /// What was looked for.
        noun: &'static str,
        /// The name.
        name: String,
        /// An existing name that is much like it.
        nearest: Option<String>,
    },
    /// A table where a view was meant, or the reverse.
    #[error("\"{dataset}\" is a {found}, not a {expected}")]
    WrongType {
        /// The whole name.
        dataset: String,
        /// What was meant.
        expected: DatasetType,
        /// What it is.
        found: DatasetType,
        /// The SQL verb that was used: `DROP` or `CREATE OR REPLACE`.
        verb: &'static str,
    },
    /// The name is taken.
    #[error("{noun} \"{name}\" already exists")]
    AlreadyExists {
        /// What has the name.
        noun: &'static str,
        /// The whole name.
        name: String,
    },
    /// Something that still holds something, or that something depends on.
    #[error("{noun} \"{name}\" is not empty: it holds {contents}")]
    NotEmpty {
        /// Schema or project.
        noun: &'static str,
        /// The whole name.
        name: String,
        /// What it holds, such as `3 datasets`.
        contents: String,
    },
    /// A principal that still owns something.
    #[error("{principal} \"{name}\" still owns {owned}")]
    StillOwns {
        /// User or role.
        principal: &'static str,
        /// The name.
        name: String,
        /// What it owns, such as `3 objects`.
        owned: String,
    },
    /// A credential that a location still needs.
    #[error("credential \"{name}\" is used by location \"{location}\"")]
    CredentialInUse {
        /// The credential.
        name: String,
        /// One of the locations.
        location: String,
    },
    /// A location that projects, tables or volumes still lie below.
    #[error("location \"{name}\" is needed by {users}")]
    LocationInUse {
        /// The location.
        name: String,
        /// Some of what lies there, as far as the principal may know of it.
        users: String,
    },
    /// A name that cannot be one.
    #[error("the {noun} name \"{name}\" {reason}")]
    InvalidName {
        /// What it would name.
        noun: &'static str,
        /// The beginning of the name.
        name: String,
        /// Why it is refused.
        reason: &'static str,
    },
    /// A change that would take away what every session needs.
    #[error("the default project \"{project}\" cannot be dropped or renamed")]
    DefaultProject {
        /// The project.
        project: &'static str,
    },
    /// A limit on size or number was reached.
    #[error("the catalog takes at most {limit} {noun}")]
    LimitExceeded {
        /// The limit.
        limit: usize,
        /// What is limited.
        noun: &'static str,
    },
    /// A text with a NUL character, which PostgreSQL cannot keep.
    #[error("a text holds a NUL character")]
    NulInText,
    /// A URL of a location, table or volume that is not taken for one.
    #[error("{source}")]
    InvalidLocationUrl {
        /// The reason.
        source: ParseLocationUrlError,
    },
    /// A URL that no location leads to which the principal may know of.
    #[error("the URL lies outside of every location that you may use")]
    OutsideLocations,
    /// A URL by which files of a managed table or volume would be reached round its rights.
    #[error("the URL reaches into the folder of a table or volume that you may not manage")]
    ManagedFolder,
    /// Files that the owner of their dataset may not reach any more.
    #[error("the owner of \"{name}\" may not {} all of its files", .privilege.as_str())]
    FilesClosed {
        /// The dataset.
        name: String,
        /// What its owner lacks.
        privilege: Privilege,
    },
    /// A secret among options, which everyone may see.
    #[error("the option \"{option}\" holds a secret, which {noun} does not keep safe")]
    SecretInOptions {
        /// The option.
        option: String,
        /// What has the options.
        noun: &'static str,
    },
    /// A credential whose secrets have no name.
    #[error("the credential \"{name}\" has no secret")]
    NoSecrets {
        /// The credential.
        name: String,
    },
    /// The principal may not do this with an object that it may know of.
    #[error("you lack the privilege {} on {object_type} \"{name}\"", .privilege.as_str().to_uppercase())]
    MissingPrivilege {
        /// What is missing.
        privilege: Privilege,
        /// What the object is.
        object_type: ObjectType,
        /// Its whole name.
        name: String,
    },
    /// What only an admin, or only the service itself, may do.
    #[error("you may not do this: {action}")]
    AdminOnly {
        /// What was tried.
        action: &'static str,
    },
    /// An object that nobody may be given privileges on.
    #[error("privileges are not granted on a {object_type}")]
    NotGrantable {
        /// What the object is.
        object_type: ObjectType,
    },
    /// A privilege that means nothing for such an object.
    #[error("a {object_type} has no privilege {}", .privilege.as_str().to_uppercase())]
    PrivilegeNotApplicable {
        /// The privilege.
        privilege: Privilege,
        /// What the object is.
        object_type: ObjectType,
    },
    /// A user where a role was meant, or the reverse.
    #[error("\"{name}\" is not a {expected}")]
    WrongPrincipal {
        /// The name.
        name: String,
        /// User or role.
        expected: &'static str,
    },
    /// A role that would be a member of itself.
    #[error("\"{role}\" is a member of \"{member}\" already")]
    RoleCycle {
        /// The role.
        role: String,
        /// Who would be its member.
        member: String,
    },
    /// A change after which nobody could manage the service.
    #[error("\"{name}\" is the last admin")]
    LastAdmin {
        /// The principal.
        name: String,
    },
    /// Somebody changed the object since the caller looked at it.
    #[error("{object_type} \"{name}\" has revision {found}, not {expected}")]
    RevisionMismatch {
        /// What the object is.
        object_type: ObjectType,
        /// Its whole name.
        name: String,
        /// What the caller expected.
        expected: u64,
        /// What it is.
        found: u64,
    },
    /// Somebody changed the object since the caller looked at it.
    #[error("the {noun} has changed since you read it")]
    Changed {
        /// What the object is.
        noun: &'static str,
    },
    /// Somebody renamed, dropped or hid the object while the caller was about to change it.
    #[error("somebody else changed the {noun} at the same time")]
    Moved {
        /// What the object is.
        noun: &'static str,
    },
    /// The server was given no master key, so it can neither keep nor read secrets.
    #[error("the server has no master key for the secrets of credentials")]
    NoMasterKey,
    /// A master key of the wrong form. The key is not shown.
    #[error("the master key is not a line of 64 hex digits")]
    InvalidMasterKey,
    /// Secrets that none of the server's master keys opens.
    #[error(
        "the secrets of credential \"{credential}\" are encrypted with the master key {key_id}, which this server does not have"
    )]
    UnknownMasterKey {
        /// The credential.
        credential: String,
        /// The identifier of the key, which tells nothing about the key.
        key_id: String,
    },
    /// Secrets that were changed, or moved from another credential.
    #[error("the secrets of credential \"{credential}\" do not decrypt")]
    Undecryptable {
        /// The credential.
        credential: String,
    },
    /// The operating system gives no random bytes.
    #[error("drawing random bytes")]
    Random,
    /// A text that is no place for a catalog. The text may hold a password and is not repeated.
    #[error("the URL of the catalog {reason}")]
    InvalidUrl {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The catalog cannot be opened.
    #[error("opening the catalog {place}")]
    Open {
        /// The file or database.
        place: String,
        /// The reason.
        #[source]
        source: sqlx::Error,
    },
    /// The catalog is not of this version of Lakegate and cannot be made so.
    #[error("bringing the catalog {place} up to date")]
    Migrate {
        /// The file or database.
        place: String,
        /// The reason.
        #[source]
        source: sqlx::migrate::MigrateError,
    },
    /// Somebody else changed the catalog at the same time.
    #[error("another change of the catalog was in the way of {action}")]
    Conflict {
        /// What was tried.
        action: &'static str,
        /// The reason.
        #[source]
        source: sqlx::Error,
    },
    /// The database does not answer, or not as it should.
    #[error("{action} failed in the catalog")]
    Database {
        /// What was tried.
        action: &'static str,
        /// The reason.
        #[source]
        source: sqlx::Error,
    },
    /// The database took the statement and did not answer in time.
    #[error("{action} took longer than {} s in the catalog", .waited.as_secs())]
    Silent {
        /// What was tried.
        action: &'static str,
        /// How long it was waited for.
        waited: Duration,
    },
    /// A row that no version of Lakegate writes.
    #[error("the catalog holds a {noun} that cannot be read: {reason}")]
    Damaged {
        /// What the row is.
        noun: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

impl Error {
    /// A row or page that does not hold what it should.
    pub(crate) fn damaged(noun: &'static str, reason: String) -> Self {
        Self::Damaged { noun, reason }
    }
}

fn did_you_mean(nearest: &Option<String>) -> Option<String> {
    nearest.as_ref().map(|name| format!("did you mean \"{name}\"?"))
}

impl Coded for Error {
    fn code(&self) -> ErrorCode {
        match self {
            Self::ProjectNotFound { .. } => ErrorCode::ProjectNotFound,
            Self::SchemaNotFound { .. } => ErrorCode::SchemaNotFound,
            Self::DatasetNotFound { .. } => ErrorCode::TableNotFound,
            Self::ObjectNotFound { .. } => ErrorCode::ObjectNotFound,
            Self::WrongType { .. } | Self::WrongPrincipal { .. } => ErrorCode::InvalidStatement,
            Self::AlreadyExists { .. } => ErrorCode::AlreadyExists,
            Self::NotEmpty { .. }
            | Self::StillOwns { .. }
            | Self::CredentialInUse { .. }
            | Self::LocationInUse { .. } => ErrorCode::NotEmpty,
            Self::InvalidName { .. }
            | Self::DefaultProject { .. }
            | Self::NulInText
            | Self::InvalidLocationUrl { .. }
            | Self::SecretInOptions { .. }
            | Self::NoSecrets { .. }
            | Self::NotGrantable { .. }
            | Self::PrivilegeNotApplicable { .. }
            | Self::RoleCycle { .. }
            | Self::LastAdmin { .. } => ErrorCode::InvalidArgument,
            Self::OutsideLocations
            | Self::ManagedFolder
            | Self::FilesClosed { .. }
            | Self::MissingPrivilege { .. }
            | Self::AdminOnly { .. } => ErrorCode::PermissionDenied,
            Self::LimitExceeded { .. } => ErrorCode::LimitExceeded,
            Self::RevisionMismatch { .. } | Self::Changed { .. } => ErrorCode::PreconditionFailed,
            Self::NoMasterKey
            | Self::InvalidMasterKey
            | Self::UnknownMasterKey { .. }
            | Self::InvalidUrl { .. } => ErrorCode::InvalidConfiguration,
            Self::Random => ErrorCode::Internal,
            Self::Conflict { .. } | Self::Moved { .. } => ErrorCode::CatalogConflict,
            _ if database::is_full(self) => ErrorCode::DiskFull,
            Self::Open { .. }
            | Self::Migrate { .. }
            | Self::Database { .. }
            | Self::Silent { .. }
            | Self::Undecryptable { .. }
            | Self::Damaged { .. } => ErrorCode::CatalogUnavailable,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::ProjectNotFound { nearest, .. }
            | Self::SchemaNotFound { nearest, .. }
            | Self::DatasetNotFound { nearest, .. }
            | Self::ObjectNotFound { nearest, .. } => return did_you_mean(nearest),
            Self::WrongType { found, verb, .. } => {
                return Some(format!("use {verb} {}", found.as_str().to_uppercase()));
            }
            Self::NotEmpty { .. } => "drop what it holds first, or add CASCADE",
            Self::ManagedFolder => "managed tables are read and written by their names",
            Self::FilesClosed { .. } => {
                "its owner needs READ, and WRITE to change it, on its location and those within it"
            }
            Self::StillOwns { .. } => "give what it owns to somebody else first",
            Self::CredentialInUse { .. } => "drop the location, or give it another credential",
            Self::LocationInUse { .. } => {
                "drop them first, or make another location that covers them"
            }
            Self::SecretInOptions { .. } => {
                "keys belong into a credential: CREATE CREDENTIAL name TYPE S3 WITH (…)"
            }
            Self::InvalidLocationUrl { source } if source.is_secret() => {
                "keys belong into a credential: CREATE CREDENTIAL name TYPE S3 WITH (…)"
            }
            Self::NoMasterKey | Self::UnknownMasterKey { .. } => {
                "give the server the master key that the catalog was used with"
            }
            Self::RevisionMismatch { .. } | Self::Changed { .. } => {
                "read it again and repeat the change on that"
            }
            _ => return database::hint(self),
        };
        Some(hint.to_string())
    }
}
