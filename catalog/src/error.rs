//! What can go wrong with the catalog.

use std::path::PathBuf;

use lakegate_common::error::{Coded, ErrorCode};

use crate::model::DatasetType;

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
    /// A schema or project that still holds something.
    #[error("{noun} \"{name}\" is not empty: it holds {contents}")]
    NotEmpty {
        /// Schema or project.
        noun: &'static str,
        /// The whole name.
        name: String,
        /// What it holds, such as `3 datasets`.
        contents: String,
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
    #[error("the default project \"{project}\" cannot be dropped")]
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
    /// The catalog file cannot be opened.
    #[error("opening the catalog {}", .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: sqlx::Error,
    },
    /// The catalog file is not of this version of Lakegate and cannot be made so.
    #[error("bringing the catalog {} up to date", .path.display())]
    Migrate {
        /// The file.
        path: PathBuf,
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
    /// A row that no version of Lakegate writes.
    #[error("the catalog holds a {noun} that cannot be read: {reason}")]
    Damaged {
        /// What the row is.
        noun: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

/// SQLite's primary result codes that a reader can act on.
const SQLITE_BUSY: i32 = 5;
const SQLITE_LOCKED: i32 = 6;
const SQLITE_READONLY: i32 = 8;
const SQLITE_CORRUPT: i32 = 11;
const SQLITE_FULL: i32 = 13;
const SQLITE_CANTOPEN: i32 = 14;
const SQLITE_NOTADB: i32 = 26;

const CANNOT_WRITE: &str = "check that the folder exists and that this user may write in it";

impl Error {
    /// Wraps an error of the database with what was tried.
    pub(crate) fn database(action: &'static str) -> impl Fn(sqlx::Error) -> Self {
        move |source| {
            let unique =
                source.as_database_error().is_some_and(|error| error.is_unique_violation());
            match primary_code(&source) {
                Some(SQLITE_BUSY | SQLITE_LOCKED) => Self::Conflict { action, source },
                _ if unique => Self::Conflict { action, source },
                _ => Self::Database { action, source },
            }
        }
    }

    fn sqlite_code(&self) -> Option<i32> {
        match self {
            Self::Open { source, .. }
            | Self::Conflict { source, .. }
            | Self::Database { source, .. } => primary_code(source),
            Self::Migrate {
                source:
                    sqlx::migrate::MigrateError::Execute(source)
                    | sqlx::migrate::MigrateError::ExecuteMigration(source, _),
                ..
            } => primary_code(source),
            _ => None,
        }
    }
}

/// The result code of SQLite without its details, which are in the higher bytes.
fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let code = error.as_database_error()?.code()?.parse::<i32>().ok()?;
    Some(code & 0xff)
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
            Self::WrongType { .. } => ErrorCode::InvalidStatement,
            Self::AlreadyExists { .. } => ErrorCode::AlreadyExists,
            Self::NotEmpty { .. } => ErrorCode::NotEmpty,
            Self::InvalidName { .. } | Self::DefaultProject { .. } => ErrorCode::InvalidArgument,
            Self::LimitExceeded { .. } => ErrorCode::LimitExceeded,
            Self::Conflict { .. } => ErrorCode::CatalogConflict,
            Self::Open { .. } | Self::Migrate { .. } | Self::Database { .. } => {
                ErrorCode::CatalogUnavailable
            }
            Self::Damaged { .. } => ErrorCode::CatalogUnavailable,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::ProjectNotFound { nearest, .. }
            | Self::SchemaNotFound { nearest, .. }
            | Self::DatasetNotFound { nearest, .. } => did_you_mean(nearest),
            Self::WrongType { found, verb, .. } => {
                Some(format!("use {verb} {}", found.as_str().to_uppercase()))
            }
            Self::NotEmpty { .. } => Some("drop what it holds first, or add CASCADE".to_string()),
            Self::Migrate { source: sqlx::migrate::MigrateError::VersionMissing(_), .. } => {
                Some("a newer Lakegate made this catalog; run that version".to_string())
            }
            Self::Open { source: sqlx::Error::Io(_), .. } => Some(CANNOT_WRITE.to_string()),
            _ => self.sqlite_code().and_then(|code| {
                let hint = match code {
                    SQLITE_READONLY => "the file or its folder cannot be written by this user",
                    SQLITE_CORRUPT | SQLITE_NOTADB => {
                        "the file is damaged or is no catalog; restore it from a backup, or move \
                         it away to begin with an empty one"
                    }
                    SQLITE_FULL => "the disk is full",
                    SQLITE_CANTOPEN => CANNOT_WRITE,
                    SQLITE_BUSY => "another process holds the catalog; try again",
                    _ => return None,
                };
                Some(hint.to_string())
            }),
        }
    }
}
