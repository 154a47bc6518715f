//! Changes that stand in each other's way.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use lakegate_common::{Coded, ErrorCode};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use parking_lot::Mutex;
use serde_json::json;

use super::commits::written;
use super::support::{Lake, column};
use crate::delta::{AsOf, Commits, DeltaLog, DeltaTables};

/// Files of this machine, but that somebody else is always first to make a new one.
#[derive(Debug, Default)]
struct Crowded {
    inner: LocalFileSystem,
    refused: Mutex<usize>,
}

impl fmt::Display for Crowded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("crowded")
    }
}

#[async_trait]
impl ObjectStore for Crowded {
    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        if options.mode == PutMode::Create {
            *self.refused.lock() += 1;
            let source = "somebody was first".into();
            return Err(object_store::Error::AlreadyExists { path: path.to_string(), source });
        }
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

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_tried_as_often_as_it_may_be() {
    let lake = Lake::plain(json!([column("n", "long")]));
    let known = Arc::new(DeltaTables::new(1 << 20));
    let commits = Commits::new(Arc::clone(&known), NonZeroUsize::new(3).unwrap());
    let base = known.state(&lake.log(), AsOf::Latest).await.unwrap();
    let files = written(&base, "SELECT 1").await;
    let store = Arc::new(Crowded::default());
    let log = DeltaLog::new(Arc::clone(&store) as _, lake.root());
    let refused = commits.append(&log, &base, files, true).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::CatalogConflict, "{refused}");
    assert_eq!(*store.refused.lock(), 3);
}
