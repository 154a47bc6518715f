//! A store whose objects are read through the cache.
//!
//! An object is looked at once a query, by a HEAD request, which also answers those that the query
//! makes itself. What that says of it, its tag before all,
//! is part of the name of every block, and what is read later must carry the same tag: so no block
//! of another version is served, and an object that is replaced while a query reads it fails the
//! query instead of giving it parts of both.

mod pieces;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetRange, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result,
};
use parking_lot::Mutex;
use tokio::sync::OnceCell;

use self::pieces::{Extents, REQUEST_BYTES, blocks_of, cut, runs, wanted};
use super::bucket::generic;
use super::counted::Counted;
use super::versions::is_log;
use super::{StoreKind, StoreUrl, Usage};
use crate::Error;
use crate::cache::{BLOCK_BYTES, BlockKey, DataCache, Part, There};

/// Requests that one read has under way.
const AT_ONCE: usize = 8;
/// Parts of a stream that are read ahead.
const AHEAD: usize = 2;
/// Servers of files make tags of time and size, with seconds: what is as young as this could be
/// replaced and keep its tag.
const YOUNG: Duration = Duration::from_secs(2);

/// The objects of one bucket for one query.
#[derive(Clone)]
pub(super) struct Cached {
    inner: Counted,
    bucket: String,
    kind: StoreKind,
    cache: Arc<DataCache>,
    usage: Arc<Usage>,
    looked_at: Arc<Mutex<HashMap<Path, Look>>>,
}

/// What is known of an object; `None` for one that cannot be kept.
type Look = Arc<OnceCell<Option<Arc<Object>>>>;

/// An object at one version.
struct Object {
    path: Path,
    meta: ObjectMeta,
    e_tag: String,
    /// All that tells this version from others.
    tag: String,
}

impl Object {
    /// The bytes of a block.
    fn bytes_of(&self, index: u64) -> Range<u64> {
        index * BLOCK_BYTES..((index + 1) * BLOCK_BYTES).min(self.meta.size)
    }
}

impl Cached {
    pub(super) fn new(
        inner: Counted,
        url: &StoreUrl,
        cache: &Arc<DataCache>,
        usage: Arc<Usage>,
    ) -> Self {
        Self {
            inner,
            bucket: url.bucket().to_string(),
            kind: url.kind(),
            cache: Arc::clone(cache),
            usage,
            looked_at: Arc::default(),
        }
    }

    /// The object as it is in this query; `None` for one that is not read through the cache.
    async fn object(&self, path: &Path) -> Result<Option<Arc<Object>>> {
        if is_log(path) {
            return Ok(None);
        }
        let look = Arc::clone(self.looked_at.lock().entry(path.clone()).or_default());
        let object = look.get_or_try_init(|| async {
            let meta = self.inner.head(path).await?;
            Ok::<_, object_store::Error>(self.keepable(path, meta).map(Arc::new))
        });
        object.await.cloned()
    }

    fn keepable(&self, path: &Path, meta: ObjectMeta) -> Option<Object> {
        let e_tag = meta.e_tag.clone().filter(|e_tag| !e_tag.starts_with("W/"))?;
        let age = chrono::Utc::now().signed_duration_since(meta.last_modified).to_std();
        if self.kind == StoreKind::Http && !age.is_ok_and(|age| age >= YOUNG) {
            return None;
        }
        let version = meta.version.as_deref().unwrap_or_default();
        let tag = format!("{e_tag}\n{version}\n{}\n{}", meta.size, meta.last_modified);
        Some(Object { path: path.clone(), meta, e_tag, tag })
    }

    /// The object is looked at anew.
    fn forget(&self, path: &Path) {
        self.looked_at.lock().remove(path);
    }

    fn changed(&self, object: &Object) -> object_store::Error {
        generic(Error::ObjectChanged { url: format!("{}/{}", self.bucket, object.path) })
    }

    fn key(&self, object: &Object, index: u64) -> BlockKey {
        BlockKey::new(&self.bucket, object.path.as_ref(), &object.tag, index)
    }

    /// A range from the store; what it holds of blocks is kept from now on.
    async fn fetch(&self, object: &Object, wanted: Range<u64>) -> Result<(u64, Bytes)> {
        let options = GetOptions {
            range: Some(GetRange::Bounded(wanted.clone())),
            if_match: Some(object.e_tag.clone()),
            ..GetOptions::default()
        };
        let answer = match self.inner.get_opts(&object.path, options).await {
            Err(object_store::Error::Precondition { .. }) => return Err(self.changed(object)),
            answer => answer?,
        };
        let is_same = answer.meta.e_tag.as_ref() == Some(&object.e_tag);
        if !is_same || answer.meta.size != object.meta.size || answer.range != wanted {
            return Err(self.changed(object));
        }
        let bytes = answer.bytes().await?;
        if bytes.len() as u64 != wanted.end - wanted.start {
            return Err(self.changed(object));
        }
        let at = |place: u64| usize::try_from(place - wanted.start).unwrap_or(usize::MAX);
        let blocks = blocks_of(&wanted).map(|index| {
            let block = object.bytes_of(index);
            let (begin, end) = (block.start.max(wanted.start), block.end.min(wanted.end));
            (self.key(object, index), Part { begin, bytes: bytes.slice(at(begin)..at(end)) })
        });
        self.cache.put(blocks.collect());
        Ok((wanted.start, bytes))
    }

    /// What holds some ranges, from wherever it comes quickest.
    async fn extents(&self, object: &Arc<Object>, ranges: &[Range<u64>]) -> Result<Extents> {
        let wanted = wanted(ranges);
        let keys = wanted.iter().map(|(index, range)| (self.key(object, *index), range.clone()));
        let read = self.cache.read(&keys.collect::<Vec<_>>()).await;
        let mut missing = Vec::new();
        let mut hit_bytes = 0;
        for ((index, range), there) in wanted.into_iter().zip(&read.there) {
            match there {
                There::Enough => hit_bytes += range.end - range.start,
                // Another part is wanted this time: the next time it may be a third.
                There::Less => missing.push(object.bytes_of(index)),
                There::Nothing => missing.push(range),
            }
        }
        self.usage.hit(read.there.len() - missing.len(), hit_bytes);
        self.usage.missed(missing.len());
        let fetches = runs(&missing).into_iter().map(|run| {
            let (cached, object) = (self.clone(), Arc::clone(object));
            async move { cached.fetch(&object, run).await }
        });
        let fetched: Vec<_> = stream::iter(fetches).buffered(AT_ONCE).try_collect().await?;
        let kept = read.parts.into_iter().map(|part| (part.begin, part.bytes));
        Ok(kept.chain(fetched).collect())
    }

    async fn read(&self, object: &Arc<Object>, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let extents = self.extents(object, ranges).await?;
        let missing = || self.changed(object);
        ranges.iter().map(|range| cut(&extents, range).ok_or_else(missing)).collect()
    }

    /// A range as a stream of parts, a few of them ahead of the reader.
    fn parts(&self, object: Arc<Object>, range: Range<u64>) -> BoxStream<'static, Result<Bytes>> {
        let step = REQUEST_BYTES;
        let cached = self.clone();
        let starts = (range.start / step..range.end.div_ceil(step)).map(move |number| {
            let part = (number * step).max(range.start)..((number + 1) * step).min(range.end);
            let (cached, object) = (cached.clone(), Arc::clone(&object));
            async move {
                let parts = cached.read(&object, &[part]).await?;
                Ok(parts.into_iter().next().unwrap_or_default())
            }
        });
        stream::iter(starts).buffered(AHEAD).boxed()
    }
}

/// Whether a request is for the object as it is now, and nothing else.
fn is_plain(options: &GetOptions) -> bool {
    options.version.is_none()
        && options.if_match.is_none()
        && options.if_none_match.is_none()
        && options.if_modified_since.is_none()
        && options.if_unmodified_since.is_none()
}

impl fmt::Debug for Cached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cached").field("bucket", &self.bucket).finish_non_exhaustive()
    }
}

impl fmt::Display for Cached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for Cached {
    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.forget(path);
        self.inner.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.forget(path);
        self.inner.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        if !is_plain(&options) {
            return self.inner.get_opts(path, options).await;
        }
        let Some(object) = self.object(path).await? else {
            let is_look = options.head && !is_log(path);
            let mut answer = self.inner.get_opts(path, options).await?;
            if is_look {
                // Whoever keeps what it reads must not go by a tag that does not tell versions apart.
                answer.meta.e_tag = None;
            }
            return Ok(answer);
        };
        if options.head {
            return Ok(GetResult {
                payload: GetResultPayload::Stream(stream::empty().boxed()),
                meta: object.meta.clone(),
                range: 0..0,
                attributes: Default::default(),
            });
        }
        let range = match &options.range {
            None => 0..object.meta.size,
            Some(range) => match range.as_range(object.meta.size) {
                Ok(range) => range,
                // The store says in its own words what is wrong with it.
                Err(_) => return self.inner.get_opts(path, options).await,
            },
        };
        Ok(GetResult {
            payload: GetResultPayload::Stream(self.parts(Arc::clone(&object), range.clone())),
            meta: object.meta.clone(),
            range,
            attributes: Default::default(),
        })
    }

    async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        match self.object(path).await? {
            Some(object) if ranges.iter().all(|r| r.start < r.end && r.end <= object.meta.size) => {
                self.read(&object, ranges).await
            }
            _ => self.inner.get_ranges(path, ranges).await,
        }
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let cached = self.clone();
        let paths = paths.inspect_ok(move |path| cached.forget(path)).boxed();
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.forget(to);
        self.inner.copy_opts(from, to, options).await
    }
}
