//! The stores of a process, as DataFusion asks for them.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use ::url::Url;
use datafusion::error::DataFusionError;
use datafusion::execution::object_store::ObjectStoreRegistry;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use parking_lot::Mutex;

use super::bucket::BucketStore;
use super::kept::KeptAccess;
use super::{AccessSource, Bounds, StoreUrl};

/// Buckets whose stores are kept.
const BUCKETS_KEPT: usize = 1024;

/// The stores of a process: the local file system, and buckets as they are asked for.
pub struct Stores {
    local: Arc<dyn ObjectStore>,
    source: Arc<dyn AccessSource>,
    bounds: Bounds,
    buckets: Mutex<HashMap<String, Arc<dyn ObjectStore>>>,
}

impl Stores {
    /// Stores that get access from `source`, which is asked again when an answer no longer holds.
    pub fn new(source: Arc<dyn AccessSource>, bounds: Bounds) -> Arc<Self> {
        Arc::new(Self {
            local: Arc::new(LocalFileSystem::new()),
            source: Arc::new(KeptAccess::new(source)),
            bounds,
            buckets: Mutex::default(),
        })
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
        let external = |error: crate::Error| DataFusionError::External(Box::new(error));
        let Some(url) = StoreUrl::parse(url.as_str()).map_err(external)? else {
            return Ok(Arc::clone(&self.local));
        };
        let mut buckets = self.buckets.lock();
        if let Some(store) = buckets.get(url.bucket()) {
            return Ok(Arc::clone(store));
        }
        if buckets.len() >= BUCKETS_KEPT {
            buckets.clear();
        }
        let store: Arc<dyn ObjectStore> = Arc::new(BucketStore::new(
            url.bucket().to_string(),
            Arc::clone(&self.source),
            self.bounds,
        ));
        buckets.insert(url.bucket().to_string(), Arc::clone(&store));
        Ok(store)
    }
}
