//! The stores of a process, as DataFusion asks for them.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::url::Url;
use datafusion::error::DataFusionError;
use datafusion::execution::object_store::ObjectStoreRegistry;
use object_store::ObjectStore;
use object_store::path::Path;
use parking_lot::Mutex;
use tokio::runtime::Handle;

use super::bucket::BucketStore;
use super::kept::KeptAccess;
use super::local_files::{LocalFiles, PrivateFolder};
use super::uploads::Uploads;
use super::{AccessSource, Bounds, QueryStores, StoreUrl};
use crate::Error;
use crate::cache::DataCache;

/// Buckets whose stores are kept.
const BUCKETS_KEPT: usize = 1024;

/// The stores of a process: the local file system, and buckets as they are asked for.
pub struct Stores {
    local: Arc<LocalFiles>,
    source: Arc<dyn AccessSource>,
    bounds: Bounds,
    runtime: Option<Handle>,
    cache: Option<Arc<DataCache>>,
    uploads: Uploads,
    buckets: Mutex<HashMap<String, Arc<dyn ObjectStore>>>,
}

impl Stores {
    /// Stores that get access from `source`, which is asked again when an answer no longer holds.
    /// Queries read through `cache`, if there is one. Requests are made on the runtime that this is
    /// called on, if it is one, wherever queries run.
    pub fn new(
        source: Arc<dyn AccessSource>,
        bounds: Bounds,
        cache: Option<Arc<DataCache>>,
    ) -> Arc<Self> {
        let source: Arc<dyn AccessSource> = Arc::new(KeptAccess::new(source));
        Arc::new(Self {
            local: Arc::new(LocalFiles::new(Arc::clone(&source))),
            source,
            bounds,
            runtime: Handle::try_current().ok(),
            cache,
            uploads: Uploads::default(),
            buckets: Mutex::default(),
        })
    }

    /// The same stores for one query.
    pub fn for_query(self: &Arc<Self>) -> Arc<QueryStores> {
        QueryStores::new(Arc::clone(self))
    }

    /// Waits, no longer than `limit`, until stores have given up the files that writers began and
    /// did not finish. For the end of the process.
    pub async fn settled(&self, limit: Duration) {
        self.uploads.settled(limit).await;
    }

    pub(super) fn cache(&self) -> Option<&Arc<DataCache>> {
        self.cache.as_ref()
    }

    pub(super) fn local(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.local) as _
    }

    /// Leaves a folder of this machine alone from now on. For the start of a process: a second call
    /// does nothing.
    pub fn keep_out_of(&self, folder: PrivateFolder) {
        self.local.keep_out_of(folder);
    }

    /// Refuses a local path that leads into the folder that stores leave alone, once links are
    /// followed, also to what is open to them there.
    ///
    /// # Errors
    /// [`Error::OutOfBounds`].
    pub fn check_in_bounds(&self, path: &std::path::Path) -> Result<(), Error> {
        self.local.check_in_bounds(path)
    }

    /// Refuses files of this machine that stores must not use.
    ///
    /// # Errors
    /// [`Error::LeadsOut`] and [`Error::OutOfBounds`], inside of an error of a store.
    pub async fn check_local(&self, paths: &[Path]) -> Result<(), object_store::Error> {
        self.local.check_all(paths).await
    }

    /// The URL of an object store; `None` for one of local files.
    pub(super) fn parsed(&self, url: &Url) -> Result<Option<StoreUrl>, DataFusionError> {
        StoreUrl::parse(url.as_str()).map_err(|error| DataFusionError::External(Box::new(error)))
    }

    pub(super) fn bucket(&self, url: &StoreUrl) -> Arc<dyn ObjectStore> {
        let mut buckets = self.buckets.lock();
        if let Some(store) = buckets.get(url.bucket()) {
            return Arc::clone(store);
        }
        if buckets.len() >= BUCKETS_KEPT {
            buckets.clear();
        }
        let bucket = url.bucket().to_string();
        let (source, uploads) = (Arc::clone(&self.source), self.uploads.clone());
        let runtime = self.runtime.clone();
        let store: Arc<dyn ObjectStore> =
            Arc::new(BucketStore::new(bucket.clone(), source, self.bounds, runtime, uploads));
        buckets.insert(bucket, Arc::clone(&store));
        store
    }
}

impl fmt::Debug for Stores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stores")
            .field("buckets", &self.buckets.lock().len())
            .finish_non_exhaustive()
    }
}

impl ObjectStoreRegistry for Stores {
    /// Stores are found by their URL alone; what is registered is not used.
    fn register_store(
        &self,
        _url: &Url,
        _store: Arc<dyn ObjectStore>,
    ) -> Option<Arc<dyn ObjectStore>> {
        None
    }

    fn get_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>, DataFusionError> {
        let Some(url) = self.parsed(url)? else { return Ok(self.local()) };
        Ok(QueryStores::of_planned(self, &url).unwrap_or_else(|| self.bucket(&url)))
    }
}
