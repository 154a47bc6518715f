//! The stores of one query: what is asked of them is counted, and read through the cache.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use ::url::Url;
use datafusion::error::DataFusionError;
use datafusion::execution::object_store::ObjectStoreRegistry;
use object_store::ObjectStore;
use parking_lot::Mutex;

use super::cached::Cached;
use super::counted::Counted;
use super::{StoreUrl, Stores, Usage, Used};

tokio::task_local! {
    /// The query that is being planned.
    static PLANNED: Arc<QueryStores>;
}

/// The stores of a process as one query, or the tasks of one launch, use them.
///
/// An object is looked at once and then read at that version, so this must not outlive the query.
pub struct QueryStores {
    stores: Arc<Stores>,
    usage: Arc<Usage>,
    /// By bucket.
    opened: Mutex<HashMap<String, Arc<dyn ObjectStore>>>,
}

impl QueryStores {
    pub(super) fn new(stores: Arc<Stores>) -> Arc<Self> {
        Arc::new(Self { stores, usage: Arc::default(), opened: Mutex::default() })
    }

    /// Does `work` with plans bound to this query: a Parquet scan takes its store when it is
    /// planned, not when it runs, and a plan is made in a session that others share.
    pub async fn planning<F: Future>(self: &Arc<Self>, work: F) -> F::Output {
        PLANNED.scope(Arc::clone(self), work).await
    }

    /// What was asked of object stores since the last call.
    pub fn take_used(&self) -> Used {
        self.usage.take()
    }

    /// The store of the query that is being planned in `stores`, if one is.
    pub(super) fn of_planned(stores: &Stores, url: &StoreUrl) -> Option<Arc<dyn ObjectStore>> {
        let found = PLANNED.try_with(|query| {
            std::ptr::eq(Arc::as_ptr(&query.stores), stores).then(|| query.open(url))
        });
        found.ok().flatten()
    }

    fn open(&self, url: &StoreUrl) -> Arc<dyn ObjectStore> {
        let mut opened = self.opened.lock();
        if let Some(store) = opened.get(url.bucket()) {
            return Arc::clone(store);
        }
        let counted = Counted::new(self.stores.bucket(url), Arc::clone(&self.usage));
        let store: Arc<dyn ObjectStore> = match self.stores.cache() {
            Some(cache) => Arc::new(Cached::new(counted, url, cache, Arc::clone(&self.usage))),
            None => Arc::new(counted),
        };
        opened.insert(url.bucket().to_string(), Arc::clone(&store));
        store
    }
}

impl fmt::Debug for QueryStores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryStores").field("usage", &self.usage).finish_non_exhaustive()
    }
}

impl ObjectStoreRegistry for QueryStores {
    /// As in [`Stores`], what is registered is not used.
    fn register_store(
        &self,
        _url: &Url,
        _store: Arc<dyn ObjectStore>,
    ) -> Option<Arc<dyn ObjectStore>> {
        None
    }

    fn get_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>, DataFusionError> {
        match self.stores.parsed(url)? {
            Some(url) => Ok(self.open(&url)),
            None => Ok(self.stores.local()),
        }
    }
}
