//! One bucket, whose paths may be covered by different accesses.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use parking_lot::Mutex;
use tokio::runtime::Handle;

use super::attempts::Attempts;
use super::build::build;
use super::uploads::Uploads;
use super::versions::told_apart;
use super::{AccessSource, Bounds, StoreUrl};
use crate::Error;

/// Stores that are kept for one bucket, one an access.
const STORES_KEPT: usize = 64;
/// What errors of this store name as their origin.
const NAME: &str = "lakegate";

/// All objects of one bucket; each request goes to the store of the access that covers its path.
#[derive(Clone)]
pub(super) struct BucketStore {
    inner: Arc<Inner>,
}

struct Inner {
    /// Such as `s3://bucket`.
    bucket: String,
    source: Arc<dyn AccessSource>,
    bounds: Bounds,
    /// Where requests are made.
    runtime: Option<Handle>,
    uploads: Uploads,
    /// By prefix and version of their access.
    stores: Mutex<HashMap<(String, u64), Arc<dyn ObjectStore>>>,
}

impl BucketStore {
    pub(super) fn new(
        bucket: String,
        source: Arc<dyn AccessSource>,
        bounds: Bounds,
        runtime: Option<Handle>,
        uploads: Uploads,
    ) -> Self {
        let stores = Mutex::default();
        Self { inner: Arc::new(Inner { bucket, source, bounds, runtime, uploads, stores }) }
    }

    /// The store that serves `path`.
    async fn of(&self, path: &Path) -> Result<Arc<dyn ObjectStore>> {
        self.find(path.as_ref()).await.map_err(generic)
    }

    /// The store that serves what lies below `prefix`.
    async fn below(&self, prefix: Option<&Path>) -> Result<Arc<dyn ObjectStore>> {
        // The end of a folder's name is part of what a location covers.
        let folder = prefix.filter(|prefix| !prefix.as_ref().is_empty());
        let folder = folder.map(|folder| format!("{folder}/")).unwrap_or_default();
        self.find(&folder).await.map_err(generic)
    }

    async fn find(&self, path: &str) -> std::result::Result<Arc<dyn ObjectStore>, Error> {
        let url = StoreUrl::of_path(&self.inner.bucket, path)?;
        let access = self.inner.source.access(&url).await?;
        let key = (access.prefix.clone(), access.version);
        if let Some(store) = self.inner.stores.lock().get(&key) {
            return Ok(Arc::clone(store));
        }
        let attempts = Attempts::of(access.kind, self.inner.runtime.clone());
        let store = build(&url, &access, self.inner.bounds, attempts)?;
        let mut stores = self.inner.stores.lock();
        // An access that was changed is not used again.
        stores.retain(|(prefix, _), _| *prefix != access.prefix);
        if stores.len() >= STORES_KEPT {
            stores.clear();
        }
        stores.insert(key, Arc::clone(&store));
        Ok(store)
    }
}

/// An error of ours, as stores tell theirs.
pub(super) fn generic(source: Error) -> object_store::Error {
    object_store::Error::Generic { store: NAME, source: Box::new(source) }
}

impl fmt::Debug for BucketStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BucketStore").field("bucket", &self.inner.bucket).finish_non_exhaustive()
    }
}

impl fmt::Display for BucketStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.inner.bucket)
    }
}

#[async_trait]
impl ObjectStore for BucketStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.of(location).await?.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let store = self.of(location).await?;
        self.inner.uploads.begin(store, location.clone(), options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let mut answer = self.of(location).await?.get_opts(location, options).await?;
        answer.meta = told_apart(&self.inner.bucket, answer.meta);
        Ok(answer)
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.of(location).await?.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let bucket = self.clone();
        locations
            .and_then(move |path| {
                let bucket = bucket.clone();
                async move {
                    let store = bucket.of(&path).await?;
                    let one = stream::iter([Ok(path.clone())]).boxed();
                    store.delete_stream(one).try_collect::<Vec<_>>().await?;
                    Ok(path)
                }
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let bucket = self.clone();
        let prefix = prefix.cloned();
        stream::once(async move {
            let store = bucket.below(prefix.as_ref()).await?;
            let told = move |meta| told_apart(&bucket.inner.bucket, meta);
            Ok::<_, object_store::Error>(store.list(prefix.as_ref()).map_ok(told))
        })
        .try_flatten()
        .boxed()
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let bucket = self.clone();
        let (prefix, offset) = (prefix.cloned(), offset.clone());
        stream::once(async move {
            let store = bucket.below(prefix.as_ref()).await?;
            let told = move |meta| told_apart(&bucket.inner.bucket, meta);
            let listed = store.list_with_offset(prefix.as_ref(), &offset);
            Ok::<_, object_store::Error>(listed.map_ok(told))
        })
        .try_flatten()
        .boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let mut listed = self.below(prefix).await?.list_with_delimiter(prefix).await?;
        let told = |meta| told_apart(&self.inner.bucket, meta);
        listed.objects = listed.objects.into_iter().map(told).collect();
        Ok(listed)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let bucket = &self.inner.bucket;
        let from_url = StoreUrl::of_path(bucket, from.as_ref()).map_err(generic)?;
        let to_url = StoreUrl::of_path(bucket, to.as_ref()).map_err(generic)?;
        let from_access = self.inner.source.access(&from_url).await.map_err(generic)?;
        let to_access = self.inner.source.access(&to_url).await.map_err(generic)?;
        if from_access.prefix != to_access.prefix {
            return Err(generic(Error::NoAccess { url: to_url.to_string() }));
        }
        self.of(from).await?.copy_opts(from, to, options).await
    }
}
