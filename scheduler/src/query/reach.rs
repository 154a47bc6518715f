//! Whether a principal may use what lies at a location: as it is written, and where links lead.

use std::path::{Path, PathBuf};

use lakegate_catalog::{Privilege, VisibleSnapshot};
use lakegate_lake::Location;

use super::Error;

/// Checks a location before anything of what lies there is looked at or written.
///
/// Links on the server's disk are followed. Above the folder of a catalogued location they are its
/// maker's; below it they lead no further than its user may go without them.
///
/// # Errors
/// As [`VisibleSnapshot::check_url`], for the one place or the other.
pub(super) fn check_reach(
    seen: &VisibleSnapshot,
    privilege: Privilege,
    location: &Location,
) -> Result<(), Error> {
    let deciding = seen.check_url(privilege, location.as_str())?;
    let Some(led_to) = location.followed() else { return Ok(()) };
    let folder = match deciding {
        Some(deciding) => Location::read(&deciding.url.to_string())?,
        None => return Ok(()),
    };
    let spelled = spelled_below(&folder, &led_to).unwrap_or(led_to);
    seen.check_url(privilege, &spelled.to_string_lossy())?;
    Ok(())
}

/// A path to which links led as the location names it, if it lies in the location's folder.
fn spelled_below(folder: &Location, led_to: &Path) -> Option<PathBuf> {
    let below = led_to.strip_prefix(folder.followed()?).ok()?;
    Some(Path::new(folder.as_str()).join(below))
}
