//! Places that no statement names: the server's own folder, the folders of managed tables and
//! volumes, and the logs of tables.

use std::sync::Arc;

use lakegate_catalog::VisibleSnapshot;
use lakegate_lake::{Location, without_links};

use super::Error;
use super::service::QueryService;

/// The folder of a Delta table in which its commits lie.
const LOG_FOLDER: &str = "_delta_log";

/// What a statement reaches from a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// All that lies below it.
    Below,
    /// What it makes there itself.
    New,
}

impl QueryService {
    /// Refuses a place on this machine that lies in the server's own folder, by its name or by
    /// where links lead. Nobody may name that: also an admin who comes over the network has no need
    /// of the server's keys.
    ///
    /// # Errors
    /// [`lakegate_lake::Error::OutOfBounds`]; what is no place is for others to refuse.
    pub(crate) async fn check_in_bounds(&self, place: &str) -> Result<(), Error> {
        match Location::read(place) {
            Ok(location) => self.check_location_in_bounds(&location).await,
            Err(_) => Ok(()),
        }
    }

    async fn check_location_in_bounds(&self, location: &Location) -> Result<(), Error> {
        let Some(path) = location.local_path() else { return Ok(()) };
        let stores = Arc::clone(&self.stores);
        let checked = tokio::task::spawn_blocking(move || stores.check_in_bounds(&path)).await;
        Ok(checked.map_err(|_| Error::TaskLost)??)
    }

    /// Refuses a place in the server's own folder, and one from which a statement would reach the
    /// files of a managed table or volume that is not the principal's to manage.
    ///
    /// # Errors
    /// As [`QueryService::check_in_bounds`] and [`VisibleSnapshot::check_apart_from_managed`].
    pub(super) async fn check_apart(
        &self,
        seen: &VisibleSnapshot,
        location: &Location,
        reach: Reach,
    ) -> Result<(), Error> {
        self.check_location_in_bounds(location).await?;
        let check = |place: &str| match reach {
            Reach::Below => seen.check_apart_from_managed(place),
            Reach::New => seen.check_outside_managed(place),
        };
        check(location.as_str())?;
        let Some(path) = location.local_path() else { return Ok(()) };
        let real = tokio::task::spawn_blocking(move || without_links(&path)).await;
        match real.map_err(|_| Error::TaskLost)? {
            Some(path) => Ok(check(&path.to_string_lossy())?),
            None => Ok(()),
        }
    }
}

/// Refuses a place among the commits of a Delta table, whoever asks: a file there is a commit.
///
/// # Errors
/// [`lakegate_lake::Error::InLog`].
pub(super) fn check_outside_logs(location: &Location) -> Result<(), Error> {
    let is_log = |place: &str| place.split('/').any(|part| part == LOG_FOLDER);
    let real = location.local_path().and_then(|path| without_links(&path));
    let leads_there = real.is_some_and(|path| is_log(&path.to_string_lossy()));
    if leads_there || is_log(location.as_str()) {
        let location = location.as_str().to_string();
        return Err(lakegate_lake::Error::InLog { location }.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_written_among_commits() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("t/_delta_log");
        std::fs::create_dir_all(&log).unwrap();
        std::os::unix::fs::symlink(&log, folder.path().join("link")).unwrap();
        let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        for place in [
            "s3://b/t/_delta_log/0.json".to_string(),
            "s3://b/t/_delta_log/".to_string(),
            at("t/_delta_log/x.csv"),
            at("link/x.csv"),
            at("link"),
        ] {
            let location = Location::read(&place).unwrap();
            assert!(check_outside_logs(&location).is_err(), "{place}");
        }
        for place in ["s3://b/t/_delta_logs/x".to_string(), at("t/x.csv"), at("new/")] {
            assert!(check_outside_logs(&Location::read(&place).unwrap()).is_ok(), "{place}");
        }
    }
}
