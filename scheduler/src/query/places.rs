//! Where a statement may read and write.

use lakegate_catalog::{Error as Refused, Privilege, VisibleSnapshot};
use lakegate_lake::Location;
use lakegate_lake::store::place_below;

use super::Error;
use super::bounds::{Reach, check_outside_logs};
use super::service::QueryService;
use crate::object_access::local_root;

impl QueryService {
    /// Refuses a location that the principal may not use for this, or that is out of bounds. Nothing
    /// is made, and nothing is read but links.
    ///
    /// # Errors
    /// As [`VisibleSnapshot::check_url`], [`QueryService::check_apart`] and, for writing,
    /// [`check_outside_logs`].
    pub(super) async fn check_place(
        &self,
        seen: &VisibleSnapshot,
        privilege: Privilege,
        location: &Location,
        reach: Reach,
    ) -> Result<(), Error> {
        check_right(seen, privilege, location).await?;
        self.check_apart(seen, location, reach).await?;
        match privilege {
            Privilege::Write => check_outside_logs(location),
            _ => Ok(()),
        }
    }
}

/// Refuses a location that the principal may not use, by its name or by where links lead. A link
/// that leads out of its location leads outside of every.
async fn check_right(
    seen: &VisibleSnapshot,
    privilege: Privilege,
    location: &Location,
) -> Result<(), Error> {
    let covering = seen.check_url(privilege, location.as_str())?;
    let root = covering.and_then(|covering| local_root(&covering.url));
    let (Some(root), Some(named)) = (root, location.local_path()) else { return Ok(()) };
    let followed = tokio::task::spawn_blocking(move || place_below(&named, &root)).await;
    match followed.map_err(|_| Error::TaskLost)? {
        Ok(place) => {
            seen.check_url(privilege, &place.to_string_lossy())?;
            Ok(())
        }
        // An admin is told which one it is, others no more than of any place outside.
        Err(leads_out) if seen.is_admin() => Err(leads_out.into()),
        Err(_) => Err(Refused::OutsideLocations.into()),
    }
}
