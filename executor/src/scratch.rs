//! The executor's data folder: shuffle files below `work`, spilled data below `spill`.
//!
//! Shuffle files of a task lie in `work/JOB/STAGE/…`. Both folders are emptied at start, since no
//! scheduler asks for files of an earlier process. What lies below `cache` stays. A lock keeps two executors out of one folder.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::Error;

/// The mode of folders with rows in them.
const OWNER_ONLY: u32 = 0o700;

/// The data folder of a running executor, locked while this lives.
#[derive(Debug)]
pub(crate) struct Scratch {
    work: PathBuf,
    spill: PathBuf,
    cache: PathBuf,
    _lock: File,
}

impl Scratch {
    /// Takes the folder, makes it where it is missing, and removes what an earlier process left.
    ///
    /// # Errors
    /// Another executor has it, or it cannot be written.
    pub(crate) fn open(data_dir: &Path) -> Result<Self, Error> {
        let failed = |action: &'static str, path: &Path| {
            let path = path.to_path_buf();
            move |source| Error::Scratch { action, path, source }
        };
        fs::create_dir_all(data_dir).map_err(failed("making", data_dir))?;
        let data_dir = &data_dir.canonicalize().map_err(failed("finding", data_dir))?;
        let lock_path = data_dir.join("lock");
        let lock = File::create(&lock_path).map_err(failed("making", &lock_path))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => Error::ScratchTaken { path: data_dir.clone() },
            TryLockError::Error(source) => {
                Error::Scratch { action: "locking", path: lock_path.clone(), source }
            }
        })?;
        let [work, spill, cache] = ["work", "spill", "cache"].map(|name| data_dir.join(name));
        let scratch = Self { work, spill, cache, _lock: lock };
        for folder in [&scratch.work, &scratch.spill] {
            empty(folder).map_err(failed("emptying", folder))?;
        }
        Ok(scratch)
    }

    /// Where shuffle files lie.
    pub(crate) fn work(&self) -> &Path {
        &self.work
    }

    /// Where spilled data lies.
    pub(crate) fn spill(&self) -> &Path {
        &self.spill
    }

    /// Where parts of objects are kept, beyond the end of the process.
    pub(crate) fn cache(&self) -> &Path {
        &self.cache
    }

    /// Jobs of which there are files.
    pub(crate) fn jobs(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(&self.work) else { return Vec::new() };
        entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect()
    }

    /// Removes the files of some stages of a job, or of all where none is named. Files that are
    /// gone already are no error.
    ///
    /// # Errors
    /// The name is no job's, or the files cannot be removed.
    pub(crate) fn remove(&self, job: &str, stages: &[u32]) -> io::Result<()> {
        if !is_job_id(job) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a job identifier"));
        }
        let folder = self.work.join(job);
        if stages.is_empty() {
            return absent_is_fine(fs::remove_dir_all(folder));
        }
        stages.iter().try_for_each(|stage| {
            absent_is_fine(fs::remove_dir_all(folder.join(stage.to_string())))
        })
    }

    /// Jobs whose files have not changed for so long.
    pub(crate) fn jobs_older_than(&self, age: Duration) -> Vec<String> {
        let now = SystemTime::now();
        self.jobs()
            .into_iter()
            .filter(|job| {
                let changed = newest_change(&self.work.join(job), 2);
                changed.is_some_and(|changed| {
                    now.duration_since(changed).is_ok_and(|passed| passed > age)
                })
            })
            .collect()
    }
}

/// Whether a text can be the name of a job: no separators, nothing that leads out of the folder.
pub(crate) fn is_job_id(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

fn empty(folder: &Path) -> io::Result<()> {
    absent_is_fine(fs::remove_dir_all(folder))?;
    // What queries leave there is for nobody else to read.
    fs::DirBuilder::new().mode(OWNER_ONLY).create(folder)
}

fn absent_is_fine(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}

/// When a folder or something in it, so many levels down, last changed.
fn newest_change(folder: &Path, levels: usize) -> Option<SystemTime> {
    let own = fs::metadata(folder).and_then(|metadata| metadata.modified()).ok();
    if levels == 0 {
        return own;
    }
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| newest_change(&entry.path(), levels - 1)).chain(own).max()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_an_earlier_process_left_is_removed_at_start() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("work/job/1")).unwrap();
        fs::write(folder.path().join("cluster-token"), "kept").unwrap();
        let scratch = Scratch::open(folder.path()).unwrap();
        assert!(scratch.jobs().is_empty());
        assert!(folder.path().join("cluster-token").exists());
    }

    #[test]
    fn rows_of_queries_are_the_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let scratch = Scratch::open(folder.path()).unwrap();
        for rows in [scratch.work(), scratch.spill()] {
            assert_eq!(fs::metadata(rows).unwrap().permissions().mode() & 0o777, OWNER_ONLY);
        }
    }

    #[test]
    fn a_folder_has_one_executor() {
        let folder = tempfile::tempdir().unwrap();
        let scratch = Scratch::open(folder.path()).unwrap();
        assert!(matches!(Scratch::open(folder.path()), Err(Error::ScratchTaken { .. })));
        drop(scratch);
        Scratch::open(folder.path()).unwrap();
    }

    #[test]
    fn stages_go_one_by_one_and_jobs_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let scratch = Scratch::open(folder.path()).unwrap();
        for stage in ["1", "2"] {
            fs::create_dir_all(scratch.work().join("job").join(stage)).unwrap();
        }
        scratch.remove("job", &[1]).unwrap();
        assert!(!scratch.work().join("job/1").exists() && scratch.work().join("job/2").exists());
        scratch.remove("job", &[]).unwrap();
        assert!(scratch.jobs().is_empty());
        scratch.remove("job", &[]).unwrap();
    }

    #[test]
    fn nothing_outside_the_work_folder_can_be_removed() {
        let folder = tempfile::tempdir().unwrap();
        let scratch = Scratch::open(folder.path()).unwrap();
        for job in ["", ".", "..", "../spill", "/", "a/b"] {
            assert!(scratch.remove(job, &[]).is_err(), "{job}");
        }
        assert!(scratch.spill().exists());
    }
}
