//! A secret that a process keeps in a file of its own.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::{Error, Secret};

/// The permission bits of everyone but the owner.
const OTHERS: u32 = 0o077;

/// Reads the secret in the file, or makes a file with so many random bytes as hex digits.
///
/// The file appears whole or not at all, readable by its owner alone. When several processes make
/// it at once, all get the same secret.
///
/// # Errors
/// The file can be read by others, holds something else than hex digits or fewer of them, or
/// cannot be read or made.
pub fn load_or_create(path: &Path, bytes: usize) -> Result<Secret, Error> {
    match load(path, bytes) {
        Err(Error::Read { source, .. }) if source.kind() == ErrorKind::NotFound => {
            create(path, bytes)
        }
        outcome => outcome,
    }
}

fn load(path: &Path, bytes: usize) -> Result<Secret, Error> {
    let failed = |source| Error::Read { path: path.to_path_buf(), source };
    let file = File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o777;
    if mode & OTHERS != 0 {
        return Err(Error::Exposed { path: path.to_path_buf(), mode });
    }
    let text = std::io::read_to_string(file).map_err(failed)?;
    let secret = Secret::from_text(text);
    let digits_min = bytes * 2;
    let digits = secret.as_bytes();
    if digits.len() < digits_min || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(Error::Malformed { path: path.to_path_buf(), digits_min });
    }
    Ok(secret)
}

fn create(path: &Path, bytes: usize) -> Result<Secret, Error> {
    let failed = |source| Error::Write { path: path.to_path_buf(), source };
    let secret = Secret::random(bytes)?;
    let draft = draft_path(path)?;
    let outcome = write_draft(&draft, &secret).and_then(|()| publish(&draft, path));
    // The draft is gone already where it was renamed, and never there where it was not made.
    let _ = fs::remove_file(&draft);
    match outcome {
        Ok(()) => {
            sync_folder(path).map_err(failed)?;
            Ok(secret)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => load(path, bytes),
        Err(error) => Err(failed(error)),
    }
}

/// A name beside the file that nobody else uses.
fn draft_path(path: &Path) -> Result<PathBuf, Error> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(path.with_file_name(format!(".{name}.{}.draft", Secret::random(8)?.expose())))
}

fn write_draft(draft: &Path, secret: &Secret) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft)?;
    writeln!(file, "{}", secret.expose())?;
    file.sync_all()
}

/// Gives the draft its name. A link fails where the name is taken, so that two processes cannot
/// each believe in a secret of their own; file systems without links get a rename.
fn publish(draft: &Path, path: &Path) -> std::io::Result<()> {
    match fs::hard_link(draft, path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => fs::rename(draft, path),
        outcome => outcome,
    }
}

/// Makes the new name in the folder last through a power failure.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use crate::error::{Coded, ErrorCode};

    use super::*;

    #[test]
    fn a_secret_is_made_once_and_readable_by_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cluster-token");
        let made = load_or_create(&path, 32).unwrap();
        assert_eq!(load_or_create(&path, 32).unwrap(), made);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_to_string(&path).unwrap().trim(), made.expose());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn processes_that_start_at_once_share_one_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cluster-token");
        let made: Vec<Secret> = std::thread::scope(|scope| {
            let starts: Vec<_> =
                (0..8).map(|_| scope.spawn(|| load_or_create(&path, 32).unwrap())).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        assert!(made.iter().all(|secret| *secret == made[0]));
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signing-key");
        load_or_create(&path, 32).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = load_or_create(&path, 32).unwrap_err();
        assert!(error.to_string().contains("open to others (mode 644)"), "{error}");
        assert!(error.hint().unwrap().starts_with("run chmod 600 "));
        assert_eq!(error.code(), ErrorCode::InvalidConfiguration);
    }

    #[test]
    fn a_file_with_something_else_in_it_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signing-key");
        for text in ["", "abc\n", "not hex digits at all, but long enough"] {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            assert!(matches!(load_or_create(&path, 8), Err(Error::Malformed { .. })), "{text}");
        }
    }

    #[test]
    fn a_folder_that_is_missing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing").join("signing-key");
        let error = load_or_create(&path, 8).unwrap_err();
        assert!(error.to_string().contains("missing/signing-key"), "{error}");
    }
}
