//! Local files that belong to locations: links do not lead out of them.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path as LocalPath, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use super::AccessSource;
use super::bucket::generic;
use crate::Error;
use crate::links::without_links;

/// The file system. What is named by a path below a location must lie there too once links are
/// followed; what belongs to no location may lie anywhere.
#[derive(Debug, Clone)]
pub(super) struct Confined {
    inner: Arc<LocalFileSystem>,
    source: Arc<dyn AccessSource>,
}

impl Confined {
    pub(super) fn new(source: Arc<dyn AccessSource>) -> Self {
        Self { inner: Arc::new(LocalFileSystem::new()), source }
    }

    /// Refuses a path that leads out of its location.
    async fn check(&self, path: &Path) -> Result<()> {
        self.check_all(vec![path.clone()]).await
    }

    /// Refuses paths of which one leads out of its location.
    ///
    /// # Errors
    /// [`Error::LeadsOut`], as stores tell it.
    pub(super) async fn check_all(&self, paths: Vec<Path>) -> Result<()> {
        let mut covered = Vec::new();
        for path in paths {
            let named = self.inner.path_to_filesystem(&path)?;
            if let Some(root) = self.source.local_root_of(&named) {
                covered.push((named, root));
            }
        }
        if covered.is_empty() {
            return Ok(());
        }
        let source = Arc::clone(&self.source);
        let checked = tokio::task::spawn_blocking(move || {
            covered.into_iter().try_for_each(|(named, root)| {
                let place = place_below(&named, &root)?;
                // A location within it is a place of its own.
                match source.local_root_of(&place) {
                    Some(found) if found == root => Ok(()),
                    _ => Err(leads_out(&named)),
                }
            })
        });
        let checked = checked.await.map_err(|source| generic_io(io::Error::other(source)))?;
        checked.map_err(generic)
    }

    async fn check_folder(&self, prefix: Option<&Path>) -> Result<()> {
        match prefix {
            Some(prefix) => self.check(prefix).await,
            None => Ok(()),
        }
    }
}

fn generic_io(source: io::Error) -> object_store::Error {
    object_store::Error::Generic { store: "file", source: Box::new(source) }
}

/// Where below `root` a path lies once links are followed, whether there is something or not. The
/// root itself may be a link, and comes back as it is named.
///
/// # Errors
/// [`Error::LeadsOut`] for what lies elsewhere.
pub fn place_below(named: &LocalPath, root: &LocalPath) -> std::result::Result<PathBuf, Error> {
    let (Some(real), Some(real_root)) = (without_links(named), without_links(root)) else {
        return Err(leads_out(named));
    };
    match real.strip_prefix(real_root) {
        Ok(rest) if rest.as_os_str().is_empty() => Ok(root.to_path_buf()),
        Ok(rest) => Ok(root.join(rest)),
        Err(_) => Err(leads_out(named)),
    }
}

fn leads_out(named: &LocalPath) -> Error {
    Error::LeadsOut { location: named.to_string_lossy().into_owned() }
}

impl fmt::Display for Confined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.inner, f)
    }
}

#[async_trait]
impl ObjectStore for Confined {
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
        let (store, folder) = (self.clone(), prefix.cloned());
        let listed = self.inner.list(prefix);
        let checked = async move {
            store.check_folder(folder.as_ref()).await?;
            Ok::<_, object_store::Error>(listed.and_then(move |found| {
                let store = store.clone();
                async move { store.check(&found.location).await.map(|()| found) }
            }))
        };
        futures::stream::once(checked).try_flatten().boxed()
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let (store, folder) = (self.clone(), prefix.cloned());
        let listed = self.inner.list_with_offset(prefix, offset);
        let checked = async move {
            store.check_folder(folder.as_ref()).await?;
            Ok::<_, object_store::Error>(listed.and_then(move |found| {
                let store = store.clone();
                async move { store.check(&found.location).await.map(|()| found) }
            }))
        };
        futures::stream::once(checked).try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.check_folder(prefix).await?;
        let listed = self.inner.list_with_delimiter(prefix).await?;
        let files = listed.objects.iter().map(|found| &found.location);
        for path in files.chain(&listed.common_prefixes) {
            self.check(path).await?;
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

    use super::super::{Access, StoreUrl};
    use super::*;

    #[derive(Debug)]
    struct Rooted(PathBuf);

    #[async_trait]
    impl AccessSource for Rooted {
        async fn access(&self, url: &StoreUrl) -> std::result::Result<Access, Error> {
            Err(Error::NoAccess { url: url.to_string() })
        }

        fn local_root_of(&self, path: &LocalPath) -> Option<PathBuf> {
            path.starts_with(&self.0).then(|| self.0.clone())
        }
    }

    /// A folder with a location `open`, reached by a link, and `secret` beside it.
    fn store() -> (tempfile::TempDir, Confined, impl Fn(&str) -> Path) {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["real", "secret"] {
            fs::create_dir(at(name)).unwrap();
            fs::write(at(name).join("file.csv"), name).unwrap();
        }
        symlink(at("real"), at("open")).unwrap();
        symlink(at("secret"), at("real/link")).unwrap();
        symlink(at("secret/file.csv"), at("real/linked.csv")).unwrap();
        symlink(at("secret/new.csv"), at("real/new.csv")).unwrap();
        symlink(at("real/file.csv"), at("real/within.csv")).unwrap();
        let root = at("open");
        let path = move |name: &str| Path::from_absolute_path(root.join(name)).unwrap();
        let store = Confined::new(Arc::new(Rooted(at("open"))));
        (folder, store, path)
    }

    #[tokio::test]
    async fn what_lies_in_a_location_is_read_and_written() {
        let (_folder, store, path) = store();
        for name in ["file.csv", "within.csv"] {
            assert_eq!(store.get(&path(name)).await.unwrap().bytes().await.unwrap(), "real");
        }
        store.put(&path("new/folder/x.csv"), "1".into()).await.unwrap();
        store.delete(&path("new/folder/x.csv")).await.unwrap();
    }

    #[tokio::test]
    async fn a_link_does_not_lead_out_of_a_location() {
        let (folder, store, path) = store();
        for name in ["link/file.csv", "linked.csv", "link/new.csv", "new.csv", "link/a/b.csv"] {
            let path = path(name);
            assert!(
                store.get(&path).await.unwrap_err().to_string().contains("leads out"),
                "{name}"
            );
            assert!(store.head(&path).await.is_err(), "{name}");
            assert!(store.put(&path, "1".into()).await.is_err(), "{name}");
            assert!(store.put_multipart(&path).await.is_err(), "{name}");
            assert!(store.delete(&path).await.is_err(), "{name}");
        }
        assert_eq!(fs::read_dir(folder.path().join("secret")).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn a_folder_with_a_link_out_of_its_location_is_not_listed() {
        let (_folder, store, path) = store();
        for folder in ["", "link"] {
            let listed = store.list(Some(&path(folder))).try_collect::<Vec<_>>().await;
            assert!(listed.is_err(), "{folder}");
            assert!(store.list_with_delimiter(Some(&path(folder))).await.is_err(), "{folder}");
        }
    }

    #[tokio::test]
    async fn what_belongs_to_no_location_is_found_by_links() {
        let (folder, store, _) = store();
        let path = folder.path().join("real/linked.csv");
        let path = Path::from_absolute_path(path).unwrap();
        assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap(), "secret");
    }
}
