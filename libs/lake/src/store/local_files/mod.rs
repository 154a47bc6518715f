//! The store of the files of this machine, as far as statements may use them.

mod guards;
#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;
use std::path::{Path as LocalPath, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
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
use crate::links::Links;

use self::guards::Guards;
pub use self::guards::{PrivateFolder, place_below};

/// Entries of a listing that are looked at in one go.
const LISTED_AT_ONCE: usize = 1024;

/// The file system without what its guards refuse. Listings leave out the private folder, and fail
/// at a link that leads out of a location.
#[derive(Debug, Clone)]
pub(super) struct LocalFiles {
    inner: Arc<LocalFileSystem>,
    guards: Arc<Guards>,
}

impl LocalFiles {
    pub(super) fn new(source: Arc<dyn AccessSource>) -> Self {
        Self { inner: Arc::new(LocalFileSystem::new()), guards: Arc::new(Guards::new(source)) }
    }

    /// As [`super::Stores::keep_out_of`].
    pub(super) fn keep_out_of(&self, folder: PrivateFolder) {
        self.guards.keep_out_of(folder);
    }

    /// As [`super::Stores::check_in_bounds`].
    pub(super) fn check_in_bounds(&self, path: &LocalPath) -> std::result::Result<(), Error> {
        self.guards.check_in_bounds(path)
    }

    /// Refuses paths of which one must not be used.
    ///
    /// # Errors
    /// [`Error::OutOfBounds`] and [`Error::LeadsOut`], as stores tell them.
    pub(super) async fn check_all(&self, paths: &[Path]) -> Result<()> {
        let found = self.looked_at(paths).await?;
        found
            .into_iter()
            .find_map(std::result::Result::err)
            .map_or(Ok(()), |error| Err(generic(error)))
    }

    async fn check(&self, path: &Path) -> Result<()> {
        self.check_all(std::slice::from_ref(path)).await
    }

    async fn check_folder(&self, prefix: Option<&Path>) -> Result<()> {
        match prefix {
            Some(prefix) => self.check(prefix).await,
            None => Ok(()),
        }
    }

    /// What the guards say of each path.
    async fn looked_at(&self, paths: &[Path]) -> Result<Vec<std::result::Result<(), Error>>> {
        let named = paths.iter().map(|path| self.inner.path_to_filesystem(path));
        let named: Vec<PathBuf> = named.collect::<Result<_>>()?;
        if !named.iter().any(|named| self.guards.may_refuse(named)) {
            return Ok(named.iter().map(|_| Ok(())).collect());
        }
        let guards = Arc::clone(&self.guards);
        let looked = tokio::task::spawn_blocking(move || {
            let mut links = Links::default();
            named.iter().map(|named| guards.check(named, &mut links)).collect()
        });
        Ok(looked.await?)
    }

    /// Those entries of a listing that may be seen.
    async fn seen<T>(&self, found: Vec<T>, path_of: impl Fn(&T) -> &Path) -> Result<Vec<T>> {
        let paths: Vec<_> = found.iter().map(|entry| path_of(entry).clone()).collect();
        let looked = self.looked_at(&paths).await?;
        let mut seen = Vec::with_capacity(found.len());
        for (entry, look) in found.into_iter().zip(looked) {
            match look {
                Ok(()) => seen.push(entry),
                Err(Error::OutOfBounds { .. }) => {}
                Err(error) => return Err(generic(error)),
            }
        }
        Ok(seen)
    }

    fn seen_of(
        &self,
        folder: Option<&Path>,
        listed: BoxStream<'static, Result<ObjectMeta>>,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let (store, folder) = (self.clone(), folder.cloned());
        let seen = async move {
            store.check_folder(folder.as_ref()).await?;
            let chunks = listed.try_ready_chunks(LISTED_AT_ONCE).map_err(|failed| failed.1);
            let chunks = chunks.and_then(move |found| {
                let store = store.clone();
                async move {
                    let seen = store.seen(found, |found| &found.location).await?;
                    Ok(stream::iter(seen.into_iter().map(Ok)))
                }
            });
            Ok::<_, object_store::Error>(chunks.try_flatten())
        };
        stream::once(seen).try_flatten().boxed()
    }
}

impl fmt::Display for LocalFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.inner, f)
    }
}

#[async_trait]
impl ObjectStore for LocalFiles {
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
        self.seen_of(prefix, self.inner.list(prefix))
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.seen_of(prefix, self.inner.list_with_offset(prefix, offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.check_folder(prefix).await?;
        let mut listed = self.inner.list_with_delimiter(prefix).await?;
        listed.objects = self.seen(listed.objects, |found| &found.location).await?;
        listed.common_prefixes = self.seen(listed.common_prefixes, |folder| folder).await?;
        Ok(listed)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.check(from).await?;
        self.check(to).await?;
        self.inner.copy_opts(from, to, options).await
    }
}
