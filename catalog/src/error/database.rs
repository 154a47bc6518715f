//! What the errors of the two databases mean.

use sqlx::migrate::MigrateError;
use sqlx::sqlite::SqliteError;

use super::Error;

/// SQLite's primary result codes that a reader can act on.
const SQLITE_BUSY: i32 = 5;
const SQLITE_LOCKED: i32 = 6;
const SQLITE_READONLY: i32 = 8;
const SQLITE_CORRUPT: i32 = 11;
const SQLITE_FULL: i32 = 13;
const SQLITE_CANTOPEN: i32 = 14;
const SQLITE_NOTADB: i32 = 26;

/// PostgreSQL's codes for a change that was in the way of another.
const POSTGRES_CONFLICTS: [&str; 3] = ["40001", "40P01", "55P03"];

/// PostgreSQL's codes that a reader can act on.
const POSTGRES_AUTHENTICATION: &str = "28";
const POSTGRES_NO_DATABASE: &str = "3D000";
const POSTGRES_NO_RIGHTS: &str = "42501";

const CANNOT_WRITE: &str = "check that the folder exists and that this user may write in it";

impl Error {
    /// Wraps an error of the database with what was tried.
    pub(crate) fn database(action: &'static str) -> impl Fn(sqlx::Error) -> Self {
        move |source| {
            if is_conflict(&source) {
                Self::Conflict { action, source }
            } else {
                Self::Database { action, source }
            }
        }
    }
}

/// Whether another change was in the way. A name that is taken although the change looked for it
/// first was taken by another change too.
fn is_conflict(error: &sqlx::Error) -> bool {
    let Some(from_database) = error.as_database_error() else { return false };
    from_database.is_unique_violation()
        || matches!(sqlite_code(error), Some(SQLITE_BUSY | SQLITE_LOCKED))
        || postgres_code(error).is_some_and(|code| POSTGRES_CONFLICTS.contains(&code.as_str()))
}

/// The result code of SQLite without its details, which are in the higher bytes.
fn sqlite_code(error: &sqlx::Error) -> Option<i32> {
    let from_sqlite = error.as_database_error()?.try_downcast_ref::<SqliteError>()?;
    let code = sqlx::error::DatabaseError::code(from_sqlite)?.parse::<i32>().ok()?;
    Some(code & 0xff)
}

fn postgres_code(error: &sqlx::Error) -> Option<String> {
    let from_database = error.as_database_error()?;
    from_database.try_downcast_ref::<sqlx::postgres::PgDatabaseError>()?;
    from_database.code().map(|code| code.to_string())
}

/// Whether the disk of the catalog's file is full.
pub(super) fn is_full(error: &Error) -> bool {
    let (Error::Open { source, .. } | Error::Database { source, .. }) = error else { return false };
    sqlite_code(source) == Some(SQLITE_FULL)
}

/// What to do about an error of the database.
pub(super) fn hint(error: &Error) -> Option<String> {
    let source = match error {
        Error::Migrate { source: MigrateError::VersionMissing(_), .. } => {
            return Some("a newer Lakegate made this catalog; run that version".to_string());
        }
        Error::Migrate {
            source: MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _),
            ..
        }
        | Error::Open { source, .. }
        | Error::Conflict { source, .. }
        | Error::Database { source, .. } => source,
        _ => return None,
    };
    let hint = match (error, source) {
        (Error::Open { place, .. }, sqlx::Error::Io(_)) if !place.starts_with("postgres") => {
            CANNOT_WRITE
        }
        (_, sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::Tls(_)) => {
            "check that the catalog's database runs and can be reached"
        }
        _ => sqlite_hint(source).or_else(|| postgres_hint(source))?,
    };
    Some(hint.to_string())
}

fn sqlite_hint(source: &sqlx::Error) -> Option<&'static str> {
    Some(match sqlite_code(source)? {
        SQLITE_READONLY => "the file or its folder cannot be written by this user",
        SQLITE_CORRUPT | SQLITE_NOTADB => {
            "the file is damaged or is no catalog; restore it from a backup, or move it away to \
             begin with an empty one"
        }
        SQLITE_FULL => "the disk that holds the catalog is full: free space on it",
        SQLITE_CANTOPEN => CANNOT_WRITE,
        SQLITE_BUSY => "another process holds the catalog; try again",
        _ => return None,
    })
}

fn postgres_hint(source: &sqlx::Error) -> Option<&'static str> {
    let code = postgres_code(source)?;
    Some(match code.as_str() {
        _ if code.starts_with(POSTGRES_AUTHENTICATION) => {
            "check the user and password of the catalog's database"
        }
        POSTGRES_NO_DATABASE => "make the database first, with CREATE DATABASE",
        POSTGRES_NO_RIGHTS => "the user must own the database, or may create tables in it",
        _ => return None,
    })
}
