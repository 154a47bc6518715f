//! How much the catalog holds. All of it is kept in memory by every reader, so all of it is bounded.

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

/// The number of principals.
pub const PRINCIPALS_MAX: u32 = 10_000;

/// The bytes of the description of one dataset: its columns, its text, its options.
pub const DESCRIPTION_BYTES_MAX: usize = 1 << 20;

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
