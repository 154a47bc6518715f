//! Which files of this machine statements may use.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::super::AccessSource;
use crate::Error;
use crate::links::{Links, without_links};

/// A folder of this machine that stores leave alone, but for one folder in it: that of a process,
/// where its keys and its catalog lie.
#[derive(Debug, Clone)]
pub struct PrivateFolder {
    folder: PathBuf,
    open: PathBuf,
}

impl PrivateFolder {
    /// The folder at `path`, in which stores may use the folder called `open` alone.
    ///
    /// # Errors
    /// The folder is not there.
    pub fn new(path: &Path, open: &str) -> io::Result<Self> {
        let folder = path.canonicalize()?;
        Ok(Self { open: folder.join(open), folder })
    }

    /// Whether a path leads into the folder, once links are followed, the open one included.
    fn holds(&self, path: &Path) -> bool {
        without_links(path).is_none_or(|path| path.starts_with(&self.folder))
    }

    /// Whether stores must not use a path without links.
    fn shuts(&self, path: &Path) -> bool {
        path.starts_with(&self.folder) && !path.starts_with(&self.open)
    }
}

/// What keeps statements from files: the private folder, and the borders of locations, which no
/// link leads over. What belongs to no location may lie anywhere.
#[derive(Debug)]
pub(super) struct Guards {
    source: Arc<dyn AccessSource>,
    private: OnceLock<PrivateFolder>,
}

impl Guards {
    pub(super) fn new(source: Arc<dyn AccessSource>) -> Self {
        Self { source, private: OnceLock::new() }
    }

    /// Leaves a folder alone from now on; a second one is not taken.
    pub(super) fn keep_out_of(&self, folder: PrivateFolder) {
        let _ = self.private.set(folder);
    }

    /// Refuses a path into the private folder, also to what is open to stores there.
    ///
    /// # Errors
    /// [`Error::OutOfBounds`].
    pub(super) fn check_in_bounds(&self, path: &Path) -> Result<(), Error> {
        match self.private.get().filter(|private| private.holds(path)) {
            Some(_) => Err(out_of_bounds(path)),
            None => Ok(()),
        }
    }

    /// Whether a path may be refused at all, as far as its name tells.
    pub(super) fn may_refuse(&self, named: &Path) -> bool {
        self.private.get().is_some() || self.source.local_root_of(named).is_some()
    }

    /// Refuses a path that stores must not use. It looks at the file system.
    ///
    /// # Errors
    /// [`Error::OutOfBounds`], [`Error::LeadsOut`].
    pub(super) fn check(&self, named: &Path, links: &mut Links) -> Result<(), Error> {
        let real = links.follow(named);
        if let Some(private) = self.private.get()
            && real.as_ref().is_none_or(|real| private.shuts(real))
        {
            return Err(out_of_bounds(named));
        }
        let Some(root) = self.source.local_root_of(named) else { return Ok(()) };
        let place = real.and_then(|real| below(&real, &root)).ok_or_else(|| leads_out(named))?;
        // A location within it is a place of its own.
        match self.source.local_root_of(&place) {
            Some(found) if found == root => Ok(()),
            _ => Err(leads_out(named)),
        }
    }
}

/// Where below `root` a path lies once links are followed, whether there is something or not. The
/// root itself may be a link, and comes back as it is named.
///
/// # Errors
/// [`Error::LeadsOut`] for what lies elsewhere.
pub fn place_below(named: &Path, root: &Path) -> Result<PathBuf, Error> {
    let place = without_links(named).and_then(|real| below(&real, root));
    place.ok_or_else(|| leads_out(named))
}

fn below(real: &Path, root: &Path) -> Option<PathBuf> {
    let rest = real.strip_prefix(without_links(root)?).ok()?;
    // Not to end with a slash.
    Some(if rest.as_os_str().is_empty() { root.to_path_buf() } else { root.join(rest) })
}

fn out_of_bounds(named: &Path) -> Error {
    Error::OutOfBounds { location: named.to_string_lossy().into_owned() }
}

fn leads_out(named: &Path) -> Error {
    Error::LeadsOut { location: named.to_string_lossy().into_owned() }
}
