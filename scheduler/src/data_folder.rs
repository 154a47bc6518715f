//! The data folder: made private, held by one server at a time.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use lakegate_lake::store::PrivateFolder;

use crate::Error;

/// The folder of tables whose project has no location.
const TABLES: &str = "tables";

/// The data folder of this server, locked as long as this value lives.
pub(crate) struct DataFolder {
    path: PathBuf,
    _lock: File,
}

impl DataFolder {
    /// Makes the folder when it is not there, readable for its owner alone, takes it for this
    /// process, and empties the scratch space that an earlier one may have left.
    ///
    /// # Errors
    /// When the folder cannot be used, or another server holds it.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let failed = |action, path: &Path| {
            let path = path.to_path_buf();
            move |source| Error::DataFolder { action, path, source }
        };
        make_private(path).map_err(failed("making the data folder", path))?;
        let path = path.canonicalize().map_err(failed("opening the data folder", path))?;
        let lock_path = path.join("lock");
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(failed("opening", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::DataFolderInUse { path }),
            Err(TryLockError::Error(source)) => return Err(failed("locking", &lock_path)(source)),
        }
        let folder = Self { path, _lock: lock };
        let scratch = folder.scratch();
        empty(&scratch).map_err(failed("emptying", &scratch))?;
        Ok(folder)
    }

    /// The folder itself, in which only that of tables is for statements.
    pub(crate) fn private(&self) -> io::Result<PrivateFolder> {
        PrivateFolder::new(&self.path, TABLES)
    }

    /// The catalog's database.
    pub(crate) fn catalog(&self) -> PathBuf {
        self.path.join("catalog.db")
    }

    /// The key that signs tokens and tickets.
    pub(crate) fn signing_key(&self) -> PathBuf {
        self.path.join("signing-key")
    }

    /// The key that seals the secrets of credentials.
    pub(crate) fn master_key(&self) -> PathBuf {
        self.path.join("master-key")
    }

    /// The token by which executors join.
    pub(crate) fn cluster_token(&self) -> PathBuf {
        self.path.join("cluster-token")
    }

    /// The folder of tables whose project has no location.
    pub(crate) fn tables(&self) -> PathBuf {
        self.path.join(TABLES)
    }

    /// The folder for parts of objects that were read; not emptied at start.
    pub(crate) fn cache(&self) -> PathBuf {
        self.path.join("cache")
    }

    /// The folder for what queries spill.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.path.join("scratch")
    }
}

fn make_private(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn empty(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    make_private(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn folder_is_private_and_held_by_one_server() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/b");
        let folder = DataFolder::open(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert!(matches!(DataFolder::open(&path), Err(Error::DataFolderInUse { .. })));
        fs::write(folder.scratch().join("left"), "over").unwrap();
        drop(folder);
        let folder = DataFolder::open(&path).unwrap();
        assert_eq!(fs::read_dir(folder.scratch()).unwrap().count(), 0);
    }
}
