//! What a query took, as far as its tier tells it exactly.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::execution::memory_pool::{
    MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::physical_plan::ExecutionPlan;

/// The measure of bytes that a scan of Parquet files read. Other formats have none.
pub(crate) const BYTES_SCANNED: &str = "bytes_scanned";

/// What a query took; `None` where nobody measured it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Measured {
    /// Bytes read from files.
    pub(crate) bytes_scanned: Option<u64>,
    /// Time on all cores.
    pub(crate) cpu_time: Option<Duration>,
    /// The most memory that its operators held.
    pub(crate) peak_memory_bytes: Option<u64>,
    /// Bytes written because memory was short.
    pub(crate) spilled_bytes: Option<u64>,
    /// Tasks that were run again.
    pub(crate) retries: Option<u64>,
}

/// Looks at a query that runs.
pub(super) struct Measure(Box<dyn Fn() -> Measured + Send + Sync>);

impl Measure {
    pub(super) fn new(look: impl Fn() -> Measured + Send + Sync + 'static) -> Self {
        Self(Box::new(look))
    }

    pub(super) fn take(&self) -> Measured {
        (self.0)()
    }

    /// What a plan in this process takes, whose operators have their memory from `pool`.
    pub(super) fn of_local(plan: &Arc<dyn ExecutionPlan>, pool: Arc<PeakPool>) -> Self {
        let (plan, tells) = (Arc::clone(plan), tells_bytes_scanned(plan.as_ref()));
        Self::new(move || Measured {
            bytes_scanned: tells.then(|| sum(plan.as_ref(), BYTES_SCANNED)),
            cpu_time: None,
            peak_memory_bytes: Some(pool.peak.load(Ordering::Relaxed) as u64),
            spilled_bytes: Some(sum(plan.as_ref(), "spilled_bytes")),
            retries: Some(0),
        })
    }
}

impl fmt::Debug for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Measure")
    }
}

/// The sum of one measure over all operators of a plan.
fn sum(plan: &dyn ExecutionPlan, name: &str) -> u64 {
    let own = plan.metrics().and_then(|metrics| metrics.sum_by_name(name));
    let own = own.map_or(0, |value| value.as_usize() as u64);
    plan.children()
        .into_iter()
        .fold(own, |sum_so_far, child| sum_so_far.saturating_add(sum(child.as_ref(), name)))
}

/// Whether all files that a plan reads are of a format whose scan counts its bytes.
pub(super) fn tells_bytes_scanned(plan: &dyn ExecutionPlan) -> bool {
    let own = match plan.downcast_ref::<DataSourceExec>() {
        Some(scan) => {
            let source: &dyn std::any::Any = scan.data_source().as_ref();
            source
                .downcast_ref::<FileScanConfig>()
                .is_none_or(|files| files.file_source().file_type() == "parquet")
        }
        // A feed of changes reads files by itself.
        None => plan.name() != "StreamingTableExec",
    };
    own && plan.children().into_iter().all(|child| tells_bytes_scanned(child.as_ref()))
}

/// Memory of one query out of the pool of all, with the most that it held.
#[derive(Debug)]
pub(super) struct PeakPool {
    shared: Arc<dyn MemoryPool>,
    held: AtomicUsize,
    peak: AtomicUsize,
}

impl PeakPool {
    /// `runtime` for one query, and the pool of it.
    pub(super) fn in_runtime(runtime: &RuntimeEnv) -> (Arc<RuntimeEnv>, Arc<Self>) {
        let pool = Arc::new(Self {
            shared: Arc::clone(&runtime.memory_pool),
            held: AtomicUsize::new(0),
            peak: AtomicUsize::new(0),
        });
        let own = RuntimeEnv { memory_pool: Arc::clone(&pool) as _, ..RuntimeEnv::clone(runtime) };
        (Arc::new(own), pool)
    }

    fn grown(&self, additional: usize) {
        let held = self.held.fetch_add(additional, Ordering::Relaxed).saturating_add(additional);
        self.peak.fetch_max(held, Ordering::Relaxed);
    }
}

impl fmt::Display for PeakPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.fmt(f)
    }
}

impl MemoryPool for PeakPool {
    fn name(&self) -> &str {
        self.shared.name()
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.shared.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.shared.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.shared.grow(reservation, additional);
        self.grown(additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.shared.shrink(reservation, shrink);
        self.held.fetch_sub(shrink, Ordering::Relaxed);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        self.shared.try_grow(reservation, additional)?;
        self.grown(additional);
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.shared.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.shared.memory_limit()
    }
}

/// Bytes that go to a client, as the surface that sends them counts.
#[derive(Debug, Clone)]
pub struct SentBytes {
    counted: Arc<AtomicU64>,
}

/// While nobody counts.
const UNCOUNTED: u64 = u64::MAX;

impl Default for SentBytes {
    fn default() -> Self {
        Self { counted: Arc::new(AtomicU64::new(UNCOUNTED)) }
    }
}

impl SentBytes {
    /// Counts a message.
    pub fn add(&self, bytes: usize) {
        let _ = self.counted.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |counted| {
            let so_far = if counted == UNCOUNTED { 0 } else { counted };
            Some(so_far.saturating_add(bytes as u64))
        });
    }

    /// What was counted; `None` where nobody did.
    pub(super) fn get(&self) -> Option<u64> {
        Some(self.counted.load(Ordering::Relaxed)).filter(|counted| *counted != UNCOUNTED)
    }
}

#[cfg(test)]
mod tests {
    use datafusion::execution::memory_pool::GreedyMemoryPool;
    use datafusion::execution::runtime_env::RuntimeEnvBuilder;

    use super::*;

    #[test]
    fn the_most_that_was_held_is_kept_and_the_bound_is_that_of_all() {
        let shared = Arc::new(GreedyMemoryPool::new(100));
        let runtime = RuntimeEnvBuilder::new().with_memory_pool(shared).build().unwrap();
        let (first, peak) = PeakPool::in_runtime(&runtime);
        let (second, _) = PeakPool::in_runtime(&runtime);
        let one = MemoryConsumer::new("one").register(&first.memory_pool);
        let two = MemoryConsumer::new("two").register(&second.memory_pool);
        one.try_grow(60).unwrap();
        one.shrink(50);
        one.try_grow(20).unwrap();
        two.try_grow(60).unwrap();
        assert!(one.try_grow(20).is_err());
        assert_eq!(peak.peak.load(Ordering::Relaxed), 60);
        assert_eq!(runtime.memory_pool.reserved(), 90);
        drop((one, two));
        assert_eq!(runtime.memory_pool.reserved(), 0);
    }

    #[test]
    fn bytes_that_nobody_counts_are_not_known() {
        let sent = SentBytes::default();
        assert_eq!(sent.get(), None);
        sent.clone().add(3);
        sent.add(4);
        assert_eq!(sent.get(), Some(7));
    }
}
