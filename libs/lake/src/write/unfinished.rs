//! Takes back what a statement has written and nobody may see.

use std::collections::HashSet;
use std::fs;
use std::sync::Arc;

use futures::stream;
use futures::{StreamExt, TryStreamExt};
use object_store::ObjectStore;

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

/// Removes what a writer that was killed has left on this machine: stores do not list files that
/// were never finished. The statement's own folder goes too, when it is empty, and that of a table
/// that has not come to be.
async fn remove_staged(write: &FileWrite) -> Result<usize, Error> {
    let Some(root) = write.root.local_path() else { return Ok(0) };
    let (write, url) = (write.clone(), write.root.to_string());
    let removal = tokio::task::spawn_blocking(move || {
        let folder = match write.layout {
            FileLayout::Own => root.join(&write.stem),
            FileLayout::Hive | FileLayout::Single => root.clone(),
        };
        let removed = remove_staged_below(&folder, &write);
        if write.layout == FileLayout::Own {
            // They may hold files that stay, or never have been made.
            for empty in [folder, root] {
                let _ = fs::remove_dir(empty);
            }
        }
        removed
    });
    removal.await.map_err(|source| Error::Store { url, source: source.into() })
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
