//! A store that takes its time, and knows how much it was asked for at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, PutOptions, PutPayload, PutResult, Result};

use crate::store::interposed::{Interposed, Interposer};

const PUT_TIME: Duration = Duration::from_millis(5);

#[derive(Debug, Default)]
pub(super) struct Slow {
    now: AtomicUsize,
    /// Objects that were on their way at one time.
    pub(super) most: AtomicUsize,
}

impl Slow {
    pub(super) fn store() -> Arc<Interposed<Self>> {
        Interposed::new(InMemory::new(), Self::default())
    }
}

#[async_trait]
impl Interposer for Slow {
    async fn put(
        &self,
        inner: &dyn ObjectStore,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(now, Ordering::Relaxed);
        tokio::time::sleep(PUT_TIME).await;
        let done = inner.put_opts(path, payload, options).await;
        self.now.fetch_sub(1, Ordering::Relaxed);
        done
    }
}
