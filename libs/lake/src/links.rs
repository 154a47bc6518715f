//! Where links on this machine lead.

use std::io;
use std::path::{Path, PathBuf};

/// Links to what is not there that are followed one after the other; more lead to nothing.
const LINKS_MAX: usize = 8;

/// Where a path leads once links are followed, also to what is not there yet; `None` for one that
/// nobody can follow.
pub fn without_links(path: &Path) -> Option<PathBuf> {
    followed(path, LINKS_MAX)
}

/// The path without links, also of what is not there yet; `None` for one that nobody can follow.
fn followed(path: &Path, links: usize) -> Option<PathBuf> {
    match path.canonicalize() {
        Ok(path) => Some(path),
        // Nothing is there, or nothing can be below what is there.
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            let (folder, name) = (path.parent()?, path.file_name()?);
            if let Ok(target) = path.read_link() {
                return followed(&folder.join(target), links.checked_sub(1)?);
            }
            Some(followed(folder, links)?.join(name))
        }
        // Whoever may not look at it cannot read it either.
        Err(_) => Some(path.to_path_buf()),
    }
}

/// Follows links of many paths, and those of one folder after the other to that folder once.
#[derive(Debug, Default)]
pub(crate) struct Links {
    folder: PathBuf,
    real: Option<PathBuf>,
}

impl Links {
    /// As [`without_links`].
    pub(crate) fn follow(&mut self, path: &Path) -> Option<PathBuf> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return without_links(path);
        };
        if path.is_symlink() {
            return without_links(path);
        }
        if self.real.is_none() || folder != self.folder {
            self.real = without_links(folder);
            self.folder = folder.to_path_buf();
        }
        self.real.as_ref().map(|real| real.join(name))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_are_followed_to_what_is_there_and_to_what_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        fs::create_dir(root.join("real")).unwrap();
        fs::write(root.join("real/file"), "1").unwrap();
        symlink("real", root.join("link")).unwrap();
        symlink("link/new", root.join("dangling")).unwrap();
        symlink("round", root.join("round")).unwrap();
        let mut links = Links::default();
        for (path, leads_to) in [
            ("real/file", "real/file"),
            ("link/file", "real/file"),
            ("link/file/below", "real/file/below"),
            ("link/a/b", "real/a/b"),
            ("dangling", "real/new"),
            ("dangling/x", "real/new/x"),
            // Nobody can open it.
            ("round", "round"),
        ] {
            let leads_to = Some(root.join(leads_to));
            assert_eq!(without_links(&root.join(path)), leads_to, "{path}");
            assert_eq!(links.follow(&root.join(path)), leads_to, "{path}");
        }
    }
}
