//! Takes back what a statement has written and nobody may see.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use futures::stream;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use super::{FileLayout, FileWrite};
use crate::Error;

/// Removes the files of `write` but those in `kept`, by their places in the store; how many.
///
/// # Errors
/// [`Error::Store`] where the store does not list or remove them.
pub async fn remove_files(
    store: &Arc<dyn ObjectStore>,
    write: &FileWrite,
    kept: &HashSet<String>,
) -> Result<usize, Error> {
    let failed = |source| Error::Store { url: write.root.to_string(), source };
    if write.layout == FileLayout::Single {
        // It is not there until it is whole, and what was there before is somebody else's.
        return Ok(0);
    }
    let folder = write.folder();
    let listed: Vec<_> = store
        .list(Some(&folder))
        .map_ok(|object| object.location)
        .try_collect()
        .await
        .map_err(failed)?;
    let ours = listed
        .into_iter()
        .filter(|path| is_ours(write, path.filename()) && !kept.contains(path.as_ref()))
        .map(Ok)
        .collect::<Vec<_>>();
    let mut removed = 0;
    let mut removals = store.delete_stream(stream::iter(ours).boxed());
    while let Some(removal) = removals.next().await {
        match removal {
            Ok(_) => removed += 1,
            Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(removed + remove_staged(write).await?)
}

fn is_ours(write: &FileWrite, name: Option<&str>) -> bool {
    write.layout == FileLayout::Own || name.is_some_and(|name| name.starts_with(&write.stem))
}

/// Takes away a file that came after its statement had been given up, and with it the folder that
/// it may have made anew.
///
/// # Errors
/// Those of the store, which then has the file.
pub(super) async fn remove_late(
    store: &dyn ObjectStore,
    path: &Path,
    write: &Arc<FileWrite>,
) -> object_store::Result<()> {
    store.delete(path).await?;
    let write = Arc::clone(write);
    Ok(tokio::task::spawn_blocking(move || remove_empty_folders(&write)).await?)
}

/// Removes what a writer that was killed has left on this machine: stores do not list files that
/// were never finished.
async fn remove_staged(write: &FileWrite) -> Result<usize, Error> {
    let (write, url) = (write.clone(), write.root.to_string());
    let removal = tokio::task::spawn_blocking(move || {
        let removed = local_folder(&write).map_or(0, |folder| remove_staged_below(&folder, &write));
        remove_empty_folders(&write);
        removed
    });
    removal.await.map_err(|source| Error::Store { url, source: source.into() })
}

/// The folder below which the statement writes, if that is one of this machine.
fn local_folder(write: &FileWrite) -> Option<PathBuf> {
    let root = write.root.local_path()?;
    Some(match write.layout {
        FileLayout::Own => root.join(&write.stem),
        FileLayout::Hive | FileLayout::Single => root,
    })
}

/// Removes the statement's own folder, when it is empty, and that of a table that has not come to
/// be.
fn remove_empty_folders(write: &FileWrite) {
    if write.layout == FileLayout::Own {
        for folder in local_folder(write).into_iter().chain(write.root.local_path()) {
            // It may hold files that stay, or never have been made.
            let _ = fs::remove_dir(folder);
        }
    }
}

fn remove_staged_below(folder: &std::path::Path, write: &FileWrite) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let removed = entries.filter_map(Result::ok).map(|entry| {
        // Links are not followed.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            return remove_staged_below(&entry.path(), write);
        }
        let name = entry.file_name();
        let is_staged =
            name.to_str().is_some_and(|name| is_staged(name) && is_ours(write, Some(name)));
        usize::from(is_staged && fs::remove_file(entry.path()).is_ok())
    });
    removed.sum()
}

/// Whether a name is one of a file that is not finished: that of the file, and a number.
fn is_staged(name: &str) -> bool {
    let number = name.rsplit_once('#').map(|(_, number)| number);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}
