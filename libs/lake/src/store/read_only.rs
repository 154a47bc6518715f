//! Files behind HTTP: read, never written.

use std::fmt;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use super::bucket::generic;
use crate::Error;

/// A store whose objects can be read. Most HTTP servers list nothing, and say so in many ways; here
/// each of them is [`Error::NotListed`].
#[derive(Debug)]
pub(super) struct ReadOnly<S> {
    inner: S,
    /// Such as `https://host`.
    host: String,
}

impl<S> ReadOnly<S> {
    pub(super) fn new(inner: S, host: &str) -> Self {
        Self { inner, host: host.to_string() }
    }

    fn refused(&self, path: &Path) -> object_store::Error {
        generic(Error::ReadOnly { url: format!("{}/{path}", self.host) })
    }
}

fn not_listed(
    host: &str,
    prefix: Option<&Path>,
    source: object_store::Error,
) -> object_store::Error {
    let path = prefix.map(Path::as_ref).unwrap_or_default();
    generic(Error::NotListed { url: format!("{host}/{path}"), source: Some(source) })
}

impl<S: fmt::Display> fmt::Display for ReadOnly<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl<S: ObjectStore> ObjectStore for ReadOnly<S> {
    async fn put_opts(&self, path: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        Err(self.refused(path))
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Err(self.refused(path))
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(path, options).await
    }

    async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(path, ranges).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let host = self.host.clone();
        let refused = move |path: Path| generic(Error::ReadOnly { url: format!("{host}/{path}") });
        paths.and_then(move |path| std::future::ready(Err(refused(path)))).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (host, folder) = (self.host.clone(), prefix.cloned());
        let listed = self.inner.list(prefix);
        listed.map_err(move |source| not_listed(&host, folder.as_ref(), source)).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let listed = self.inner.list_with_delimiter(prefix).await;
        listed.map_err(|source| not_listed(&self.host, prefix, source))
    }

    async fn copy_opts(&self, _: &Path, to: &Path, _: CopyOptions) -> Result<()> {
        Err(self.refused(to))
    }
}

#[cfg(test)]
mod tests {
    use object_store::ObjectStoreExt;
    use object_store::memory::InMemory;

    use super::*;

    #[tokio::test]
    async fn nothing_is_written_copied_or_deleted() {
        let inner = InMemory::new();
        let path = Path::from("x.csv");
        inner.put(&path, "1".into()).await.unwrap();
        let store = ReadOnly::new(inner, "https://host");
        assert!(store.put(&path, "2".into()).await.is_err());
        assert!(store.put_multipart(&path).await.is_err());
        assert!(store.copy(&path, &Path::from("y.csv")).await.is_err());
        assert!(store.delete(&path).await.unwrap_err().to_string().contains("https://host/x.csv"));
        assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap(), "1");
    }
}
