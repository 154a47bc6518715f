//! Which files of a folder are data.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use ::url::Url;
use async_trait::async_trait;
use bytes::Bytes;
use datafusion::error::DataFusionError;
use datafusion::execution::object_store::ObjectStoreRegistry;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// A session like `state` that lists of a folder only what is data: no file or folder whose name
/// begins with `.` or `_`, unless it is a partition such as `_year=2024`. By such names writers mark
/// what is not finished yet, and what is theirs alone.
pub(crate) fn listing_data_only(state: &SessionState) -> SessionState {
    let runtime = state.runtime_env();
    let registry = Arc::new(DataOnly { inner: Arc::clone(&runtime.object_store_registry) });
    let runtime = RuntimeEnv { object_store_registry: registry, ..RuntimeEnv::clone(runtime) };
    SessionStateBuilder::new_from_existing(state.clone())
        .with_runtime_env(Arc::new(runtime))
        .build()
}

#[derive(Debug)]
struct DataOnly {
    inner: Arc<dyn ObjectStoreRegistry>,
}

impl ObjectStoreRegistry for DataOnly {
    fn register_store(
        &self,
        url: &Url,
        store: Arc<dyn ObjectStore>,
    ) -> Option<Arc<dyn ObjectStore>> {
        self.inner.register_store(url, store)
    }

    fn get_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>, DataFusionError> {
        Ok(Arc::new(Visible { inner: self.inner.get_store(url)? }))
    }
}

/// Lists data alone; all else is handed on.
#[derive(Debug)]
struct Visible {
    inner: Arc<dyn ObjectStore>,
}

impl fmt::Display for Visible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

/// Whether what lies at `path` below the folder `above` is data.
fn is_data(path: &Path, above: Option<&Path>) -> bool {
    let depth = above.map_or(0, Path::parts_count);
    path.parts().skip(depth).all(|part| {
        let name = part.as_ref();
        !(name.starts_with('.') || (name.starts_with('_') && !name.contains('=')))
    })
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
        let above = prefix.cloned();
        let listed = self.inner.list(prefix);
        listed
            .try_filter(move |found| std::future::ready(is_data(&found.location, above.as_ref())))
            .boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let mut listed = self.inner.list_with_delimiter(prefix).await?;
        listed.objects.retain(|found| is_data(&found.location, prefix));
        listed.common_prefixes.retain(|found| is_data(found, prefix));
        Ok(listed)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

#[cfg(test)]
mod tests {
    use object_store::ObjectStoreExt;
    use object_store::memory::InMemory;

    use super::*;

    #[tokio::test]
    async fn unfinished_and_private_files_below_a_folder_are_no_data() {
        let inner = InMemory::new();
        let names = ["a.csv", "_a.csv", ".a.csv", "_tmp/0/a.csv", "_y=1/a.csv", "y=1/.a", "y=2/b"];
        for name in names {
            inner.put(&Path::from(format!("_own/t/{name}")), "1".into()).await.unwrap();
        }
        let store = Visible { inner: Arc::new(inner) };
        let folder = Path::from("_own/t");
        let listed: Vec<_> = store.list(Some(&folder)).try_collect().await.unwrap();
        let mut found: Vec<_> = listed.iter().map(|found| found.location.to_string()).collect();
        found.sort();
        assert_eq!(found, ["_own/t/_y=1/a.csv", "_own/t/a.csv", "_own/t/y=2/b"]);
        let listed = store.list_with_delimiter(Some(&folder)).await.unwrap();
        assert_eq!((listed.objects.len(), listed.common_prefixes.len()), (1, 3));
    }
}
