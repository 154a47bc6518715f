//! A store whose requests are counted for one query.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, OBJECT_STORE_COALESCE_DEFAULT,
    ObjectMeta, ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result, coalesce_ranges,
};

use super::Usage;

/// Hands everything on and counts it. A listing counts as one request, however many pages it has.
#[derive(Debug, Clone)]
pub(super) struct Counted {
    inner: Arc<dyn ObjectStore>,
    usage: Arc<Usage>,
}

impl Counted {
    pub(super) fn new(inner: Arc<dyn ObjectStore>, usage: Arc<Usage>) -> Self {
        Self { inner, usage }
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for Counted {
    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.usage.requested(0);
        self.inner.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.usage.requested(0);
        self.inner.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let brings_nothing = options.head;
        let result = self.inner.get_opts(path, options).await;
        let bytes = match &result {
            Ok(result) if !brings_nothing => result.range.end - result.range.start,
            _ => 0,
        };
        self.usage.requested(bytes);
        result
    }

    /// Ranges that are near to one another are one request.
    async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let one = |range| self.get_range(path, range);
        coalesce_ranges(ranges, one, OBJECT_STORE_COALESCE_DEFAULT).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let usage = Arc::clone(&self.usage);
        self.inner.delete_stream(paths).inspect(move |_| usage.requested(0)).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.usage.requested(0);
        self.inner.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.usage.requested(0);
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.usage.requested(0);
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.usage.requested(0);
        self.inner.copy_opts(from, to, options).await
    }
}
