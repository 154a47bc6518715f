//! The folder of a process, which no statement reaches: its keys and its catalog lie there.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path as LocalPath, PathBuf};
use std::sync::Arc;

use ::url::Url;
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use super::bucket::generic;
use crate::Error;
use crate::links::without_links;

/// A folder of this machine that stores leave alone, but for one folder in it.
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
    pub fn new(path: &LocalPath, open: &str) -> io::Result<Self> {
        let folder = path.canonicalize()?;
        Ok(Self { open: folder.join(open), folder })
    }

    /// Whether a path leads into the folder, once links are followed, the open one included.
    pub(super) fn holds(&self, path: &LocalPath) -> bool {
        without_links(path).is_none_or(|path| path.starts_with(&self.folder))
    }

    /// Whether stores must not use a path, in which links are followed.
    fn is_closed(&self, path: &LocalPath) -> bool {
        without_links(path).is_none_or(|path| self.shuts(&path))
    }

    /// Whether stores must not use a path without links.
    fn shuts(&self, path: &LocalPath) -> bool {
        path.starts_with(&self.folder) && !path.starts_with(&self.open)
    }
}

/// Local files, but for those of the private folder: they are not listed, and whoever asks for one
/// is refused.
#[derive(Debug, Clone)]
pub(super) struct Guarded {
    inner: Arc<dyn ObjectStore>,
    private: Arc<PrivateFolder>,
}

impl Guarded {
    /// `inner` is a store of all files of this machine.
    pub(super) fn new(inner: Arc<dyn ObjectStore>, private: Arc<PrivateFolder>) -> Self {
        Self { inner, private }
    }

    async fn check(&self, path: &Path) -> Result<()> {
        let named = file_of(path)?;
        let private = Arc::clone(&self.private);
        let checked = tokio::task::spawn_blocking(move || match private.is_closed(&named) {
            true => Err(refused(&named)),
            false => Ok(()),
        });
        checked.await?
    }

    /// What of a listing below `folder` may be seen; `None` where that is all of it.
    async fn filter(&self, folder: Option<&Path>) -> Result<Option<Seen>> {
        let named = folder.map_or_else(|| Ok(PathBuf::from("/")), file_of)?;
        let private = Arc::clone(&self.private);
        let looked = tokio::task::spawn_blocking(move || {
            let Some(real) = without_links(&named) else { return Err(refused(&named)) };
            if private.shuts(&real) {
                return Err(refused(&named));
            }
            Ok(private.folder.starts_with(&real).then_some((named, real)))
        });
        let below = looked.await??;
        Ok(below.map(|(named, real)| Seen { store: self.clone(), named, real }))
    }

    fn seen_of(
        self,
        folder: Option<Path>,
        list: impl FnOnce(&dyn ObjectStore) -> BoxStream<'static, Result<ObjectMeta>>,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let listed = list(self.inner.as_ref());
        let seen = async move {
            let seen = self.filter(folder.as_ref()).await?;
            Ok::<_, object_store::Error>(listed.try_filter(move |found| {
                let is_seen = seen.as_ref().is_none_or(|seen| seen.holds(&found.location));
                std::future::ready(is_seen)
            }))
        };
        stream::once(seen).try_flatten().boxed()
    }
}

/// What may be seen below a folder in which the private one lies.
struct Seen {
    store: Guarded,
    /// The folder as it is named, and without links.
    named: PathBuf,
    real: PathBuf,
}

impl Seen {
    fn holds(&self, path: &Path) -> bool {
        let Ok(path) = file_of(path) else { return false };
        match path.strip_prefix(&self.named) {
            Ok(rest) => !self.store.private.shuts(&self.real.join(rest)),
            Err(_) => false,
        }
    }
}

/// The file of this machine that stores call so.
fn file_of(path: &Path) -> Result<PathBuf> {
    let no_file = || generic(Error::OutOfBounds { location: path.to_string() });
    let mut url = Url::parse("file:///").map_err(|_| no_file())?;
    let mut segments = url.path_segments_mut().map_err(|()| no_file())?;
    segments.pop_if_empty().extend(path.as_ref().split('/'));
    drop(segments);
    url.to_file_path().map_err(|()| no_file())
}

fn refused(path: &LocalPath) -> object_store::Error {
    generic(Error::OutOfBounds { location: path.to_string_lossy().into_owned() })
}

impl fmt::Display for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for Guarded {
    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.check(path).await?;
        self.inner.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.check(path).await?;
        self.inner.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.check(path).await?;
        self.inner.get_opts(path, options).await
    }

    async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.check(path).await?;
        self.inner.get_ranges(path, ranges).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        let checked = paths.and_then(move |path| {
            let store = store.clone();
            async move { store.check(&path).await.map(|()| path) }
        });
        self.inner.delete_stream(checked.boxed())
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.clone().seen_of(prefix.cloned(), |inner| inner.list(prefix))
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.clone().seen_of(prefix.cloned(), |inner| inner.list_with_offset(prefix, offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let seen = self.filter(prefix).await?;
        let mut listed = self.inner.list_with_delimiter(prefix).await?;
        if let Some(seen) = seen {
            listed.objects.retain(|found| seen.holds(&found.location));
            listed.common_prefixes.retain(|folder| seen.holds(folder));
        }
        Ok(listed)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.check(from).await?;
        self.check(to).await?;
        self.inner.copy_opts(from, to, options).await
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use object_store::ObjectStoreExt;
    use object_store::local::LocalFileSystem;

    use super::*;

    /// A folder `data` with a key and a table, and `other` with links into it.
    fn store() -> (tempfile::TempDir, Guarded, impl Fn(&str) -> Path) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("data/tables/t")).unwrap();
        fs::create_dir(root.join("other")).unwrap();
        for file in ["data/master-key", "data/tables/t/x.csv", "other/x.csv"] {
            fs::write(root.join(file), "1").unwrap();
        }
        symlink(root.join("data"), root.join("other/link")).unwrap();
        symlink(root.join("data/master-key"), root.join("other/key")).unwrap();
        symlink("../data/new", root.join("other/new")).unwrap();
        let private = PrivateFolder::new(&root.join("data"), "tables").unwrap();
        let guarded = Guarded::new(Arc::new(LocalFileSystem::new()), Arc::new(private));
        (folder, guarded, move |name| match name {
            "" => Path::from_absolute_path(&root).unwrap(),
            name => Path::from_absolute_path(root.join(name)).unwrap(),
        })
    }

    #[tokio::test]
    async fn the_private_folder_is_neither_read_nor_written() {
        let (_folder, store, path) = store();
        for name in ["data/master-key", "data/x", "other/link/master-key", "other/key", "other/new"]
        {
            let path = path(name);
            let told = store.get(&path).await.unwrap_err().to_string();
            assert!(told.contains("the server's own folder"), "{name}: {told}");
            assert!(store.put(&path, "2".into()).await.is_err(), "{name}");
            assert!(store.put_multipart(&path).await.is_err(), "{name}");
            assert!(store.delete(&path).await.is_err(), "{name}");
            assert!(store.copy(&path, &Path::from("tmp/y")).await.is_err(), "{name}");
        }
        for folder in ["data", "other/link", "data/cache"] {
            let folder = path(folder);
            assert!(store.list(Some(&folder)).try_next().await.is_err(), "{folder}");
            assert!(store.list_with_delimiter(Some(&folder)).await.is_err(), "{folder}");
        }
    }

    #[tokio::test]
    async fn what_else_there_is_is_read_and_listed() {
        let (_folder, store, path) = store();
        for name in ["data/tables/t/x.csv", "other/x.csv", "other/link/tables/t/x.csv"] {
            assert_eq!(store.get(&path(name)).await.unwrap().bytes().await.unwrap(), "1", "{name}");
        }
        let listed: Vec<_> = store.list(Some(&path(""))).try_collect().await.unwrap();
        let names: Vec<_> = listed.iter().map(|found| found.location.to_string()).collect();
        let closed = path("data/master-key").to_string();
        assert!(names.contains(&path("data/tables/t/x.csv").to_string()), "{names:?}");
        assert!(!names.contains(&closed), "{names:?}");
        store.put(&path("data/tables/u/y.csv"), "2".into()).await.unwrap();
        let folders = store.list_with_delimiter(Some(&path("data/tables"))).await.unwrap();
        assert_eq!(folders.common_prefixes.len(), 2);
    }

    #[test]
    fn a_place_is_known_by_where_links_lead() {
        let (folder, store, _) = store();
        let root = folder.path();
        for name in
            ["data", "data/tables/new/x", "other/link/a/b", "other/key", "other/key/x", "other/new"]
        {
            assert!(store.private.holds(&root.join(name)), "{name}");
        }
        for name in ["", "other", "other/x.csv", "database", "nowhere/data"] {
            assert!(!store.private.holds(&root.join(name)), "{name}");
        }
    }
}
