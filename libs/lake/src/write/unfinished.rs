//! Takes back what a statement has written and nobody may see.

use std::collections::HashSet;
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
    let is_ours = |name: Option<&str>| {
        write.layout == FileLayout::Own || name.is_some_and(|name| name.starts_with(&write.stem))
    };
    let listed: Vec<_> = store
        .list(Some(&folder))
        .map_ok(|object| object.location)
        .try_collect()
        .await
        .map_err(failed)?;
    let ours = listed
        .into_iter()
        .filter(|path| is_ours(path.filename()) && !kept.contains(path.as_ref()))
        .map(Ok)
        .collect::<Vec<_>>();
    match store.delete_stream(stream::iter(ours).boxed()).try_collect::<Vec<_>>().await {
        Ok(removed) => {
            remove_empty_folder(write).await;
            Ok(removed.len())
        }
        Err(object_store::Error::NotFound { .. }) => Ok(0),
        Err(error) => Err(failed(error)),
    }
}

/// Folders of this machine stay when they are empty; the statement's own is of no use then.
async fn remove_empty_folder(write: &FileWrite) {
    if let (FileLayout::Own, Some(root)) = (write.layout, write.root.local_path()) {
        // It may hold files that stay, or never have been made.
        let _ = tokio::fs::remove_dir(root.join(&write.stem)).await;
    }
}
