//! How much the catalog holds and how long it waits. What a snapshot shows is kept in memory by
//! every server, so all of it is bounded.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::error::Error;

/// The longest name of anything, in characters.
pub const NAME_CHARS_MAX: usize = 255;

/// The number of projects.
pub const PROJECTS_MAX: u32 = 1_000;

/// The number of schemas of all projects together.
pub const SCHEMAS_MAX: u32 = 10_000;

/// The number of datasets of all schemas together. At a few kilobytes each, a snapshot of so many
/// stays well below 100 MB.
pub const DATASETS_MAX: u32 = 10_000;

/// The number of principals, users and roles together.
pub const PRINCIPALS_MAX: u32 = 10_000;

/// The number of memberships of all roles together.
pub const MEMBERSHIPS_MAX: u32 = 50_000;

/// The number of grants of all principals together.
pub const GRANTS_MAX: u32 = 100_000;

/// The number of locations. A URL is compared with each.
pub const LOCATIONS_MAX: u32 = 1_000;

/// The number of credentials.
pub const CREDENTIALS_MAX: u32 = 1_000;

/// The number of API keys of one principal.
pub const API_KEYS_MAX: u32 = 100;

/// The bytes of the description of one dataset: its columns, its text, its options.
pub const DESCRIPTION_BYTES_MAX: usize = 1 << 20;

/// The bytes of a comment.
pub const COMMENT_BYTES_MAX: usize = 16 << 10;

/// The number of properties or options of one object.
pub const PROPERTIES_MAX: usize = 200;

/// The bytes of all properties or options of one object, names and values together.
pub const PROPERTIES_BYTES_MAX: usize = 64 << 10;

/// The bytes of a URL. PostgreSQL finds no longer ones by an index.
pub const URL_BYTES_MAX: usize = 2 << 10;

/// The bytes of a query's text in the history; the rest is cut off.
pub const QUERY_TEXT_BYTES_MAX: usize = 64 << 10;

/// The rows of the history that one change deletes. Others wait no longer than for so many.
pub const PRUNED_AT_ONCE_MAX: u32 = 1_000;

/// The rows of the history or of usage that one answer holds.
pub const HISTORY_PAGE_MAX: u32 = 10_000;

/// The principals whose rights a snapshot remembers. What is beyond is worked out again.
pub const ACCESSES_REMEMBERED_MAX: usize = 1_000;

/// Connections to a SQLite file: one writes, the others read.
pub const SQLITE_CONNECTIONS_MAX: u32 = 4;

/// Connections of one server to PostgreSQL: one writes, the others read.
pub const POSTGRES_CONNECTIONS_MAX: u32 = 8;

/// How long a statement waits for a connection to the database.
pub const CONNECTION_WAIT_MAX: Duration = Duration::from_secs(10);

/// How long a change waits for one of another server.
pub const CHANGE_WAIT_MAX: Duration = Duration::from_secs(5);

/// How long a change waits for other changes of the same server.
pub const TURN_WAIT_MAX: Duration = Duration::from_secs(30);

/// How long one statement may take in the database.
pub const STATEMENT_WAIT_MAX: Duration = Duration::from_secs(30);

/// Refuses a name that is empty, too long, or holds control characters. `noun` says what it names.
pub(crate) fn check_name(noun: &'static str, name: &str) -> Result<(), Error> {
    let reason = if name.is_empty() {
        "is empty"
    } else if name.chars().count() > NAME_CHARS_MAX {
        "is longer than 255 characters"
    } else if name.chars().any(char::is_control) {
        "holds a control character"
    } else {
        return Ok(());
    };
    let shown: String = name.chars().filter(|c| !c.is_control()).take(40).collect();
    Err(Error::InvalidName { noun, name: shown, reason })
}

/// Refuses a comment that is too long.
pub(crate) fn check_comment(comment: Option<&str>) -> Result<(), Error> {
    at_most(comment.map_or(0, str::len), COMMENT_BYTES_MAX, "bytes in a comment")
}

/// Refuses properties or options that are too many or too large.
pub(crate) fn check_properties(properties: &BTreeMap<String, String>) -> Result<(), Error> {
    at_most(properties.len(), PROPERTIES_MAX, "properties of an object")?;
    let bytes = properties.iter().map(|(name, value)| name.len() + value.len()).sum();
    at_most(bytes, PROPERTIES_BYTES_MAX, "bytes in the properties of an object")
}

/// Refuses more than a limit.
pub(crate) fn at_most(count: usize, limit: usize, noun: &'static str) -> Result<(), Error> {
    if count > limit { Err(Error::LimitExceeded { limit, noun }) } else { Ok(()) }
}
