//! Stores as tables of files see them: without what other programs hide.
//!
//! Writers put what is not finished, or no data, into files and folders whose names begin with `_`
//! or `.`, and readers leave them out. Folders of partitions may begin with `_`.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use ::url::Url;
use async_trait::async_trait;
use bytes::Bytes;
use datafusion::error::DataFusionError;
use datafusion::execution::object_store::ObjectStoreRegistry;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use parking_lot::Mutex;

use crate::null_partitions::is_of_null;

/// Objects that listings left out for somebody else to read.
pub(crate) type SetAside = Arc<Mutex<Vec<ObjectMeta>>>;

/// The stores of another registry, whose listings leave out what is hidden below what is listed.
#[derive(Debug)]
pub(crate) struct VisibleStores {
    pub(crate) inner: Arc<dyn ObjectStoreRegistry>,
    /// Whether nothing counts as hidden.
    pub(crate) shows_all: bool,
    /// Where files in folders of NULL go, if they are left out too.
    pub(crate) nulls: Option<SetAside>,
}

impl ObjectStoreRegistry for VisibleStores {
    fn register_store(
        &self,
        url: &Url,
        store: Arc<dyn ObjectStore>,
    ) -> Option<Arc<dyn ObjectStore>> {
        self.inner.register_store(url, store)
    }

    fn get_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>, DataFusionError> {
        Ok(Arc::new(Visible {
            inner: self.inner.get_store(url)?,
            shows_all: self.shows_all,
            nulls: self.nulls.clone(),
        }))
    }
}

#[derive(Debug)]
struct Visible {
    inner: Arc<dyn ObjectStore>,
    shows_all: bool,
    nulls: Option<SetAside>,
}

impl Visible {
    fn visible(
        &self,
        listed: BoxStream<'static, Result<ObjectMeta>>,
        prefix: Option<&Path>,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let (prefix, nulls, shows_all) = (prefix.cloned(), self.nulls.clone(), self.shows_all);
        let is_shown = move |object: &ObjectMeta| {
            if !shows_all && is_hidden(&object.location, prefix.as_ref()) {
                return false;
            }
            match nulls.as_ref().filter(|_| is_of_null(&object.location)) {
                Some(nulls) => {
                    nulls.lock().push(object.clone());
                    false
                }
                None => true,
            }
        };
        listed.try_filter(move |object| std::future::ready(is_shown(object))).boxed()
    }
}

/// Whether a part of the path below `prefix` hides the object.
fn is_hidden(path: &Path, prefix: Option<&Path>) -> bool {
    let root = Path::default();
    let Some(mut parts) = path.prefix_match(prefix.unwrap_or(&root)) else { return false };
    parts.any(|part| {
        let name = part.as_ref();
        name.starts_with('.') || (name.starts_with('_') && !name.contains('='))
    })
}

impl fmt::Display for Visible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for Visible {
    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.inner.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(path, options).await
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
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.visible(self.inner.list(prefix), prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.visible(self.inner.list_with_offset(prefix, offset), prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let mut listed = self.inner.list_with_delimiter(prefix).await?;
        if !self.shows_all {
            listed.objects.retain(|object| !is_hidden(&object.location, prefix));
            listed.common_prefixes.retain(|folder| !is_hidden(folder, prefix));
        }
        Ok(listed)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_with_a_dot_or_an_underscore_is_hidden_below_what_is_listed() {
        let hidden = |path: &str, prefix: &str| {
            is_hidden(&Path::parse(path).unwrap(), Some(&Path::parse(prefix).unwrap()))
        };
        for path in ["t/_x", "t/.x", "t/_temporary/0/x", "t/p=1/_x", "t/_delta_log/0.json"] {
            assert!(hidden(path, "t"), "{path}");
        }
        for (path, prefix) in
            [("t/x_.y", "t"), ("t/_p=1/x", "t"), ("_lake/.t/x", "_lake/.t"), ("u/_x", "t")]
        {
            assert!(!hidden(path, prefix), "{path}");
        }
        assert!(is_hidden(&Path::parse("_x").unwrap(), None));
    }
}
