//! Changes that stand in each other's way.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use lakegate_common::{Coded, ErrorCode};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, PutMode, PutOptions, PutPayload, PutResult, Result};
use serde_json::json;

use super::commits::written;
use super::support::{Lake, column};
use crate::delta::{AsOf, Commits, DeltaLog, DeltaTables};
use crate::store::interposed::{Interposed, Interposer};

/// Somebody else is always first to make a new file.
#[derive(Debug, Default)]
struct Crowded {
    refused: AtomicUsize,
}

#[async_trait]
impl Interposer for Crowded {
    async fn put(
        &self,
        inner: &dyn ObjectStore,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        if options.mode == PutMode::Create {
            self.refused.fetch_add(1, Ordering::Relaxed);
            let source = "somebody was first".into();
            return Err(object_store::Error::AlreadyExists { path: path.to_string(), source });
        }
        inner.put_opts(path, payload, options).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_tried_as_often_as_it_may_be() {
    let lake = Lake::plain(json!([column("n", "long")]));
    let known = Arc::new(DeltaTables::new(1 << 20));
    let commits = Commits::new(Arc::clone(&known), NonZeroUsize::new(3).unwrap());
    let base = known.state(&lake.log(), AsOf::Latest).await.unwrap();
    let files = written(&base, "SELECT 1").await;
    let store = Interposed::new(LocalFileSystem::new(), Crowded::default());
    let log = DeltaLog::new(Arc::clone(&store) as _, lake.root());
    let refused = commits.append(&log, &base, files, true).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::CatalogConflict, "{refused}");
    assert_eq!(store.between.refused.load(Ordering::Relaxed), 3);
}
