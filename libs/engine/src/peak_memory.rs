//! Memory of one query out of the pool of all, with the most that it held.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::error::Result;
use datafusion::execution::memory_pool::{
    MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};
use datafusion::execution::runtime_env::RuntimeEnv;

/// A pool that hands everything on to a shared one and notes the most that went through it.
#[derive(Debug)]
pub struct PeakPool {
    shared: Arc<dyn MemoryPool>,
    held: AtomicUsize,
    peak: AtomicUsize,
}

impl PeakPool {
    /// A pool over that of `runtime`.
    pub fn over(runtime: &RuntimeEnv) -> Arc<Self> {
        Arc::new(Self {
            shared: Arc::clone(&runtime.memory_pool),
            held: AtomicUsize::new(0),
            peak: AtomicUsize::new(0),
        })
    }

    /// `runtime` with this pool in it.
    pub fn in_runtime(self: &Arc<Self>, runtime: &RuntimeEnv) -> Arc<RuntimeEnv> {
        let pool = Arc::clone(self) as _;
        Arc::new(RuntimeEnv { memory_pool: pool, ..RuntimeEnv::clone(runtime) })
    }

    /// The most bytes that were held at a time.
    pub fn peak_bytes(&self) -> u64 {
        self.peak.load(Ordering::Relaxed) as u64
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

#[cfg(test)]
mod tests {
    use datafusion::execution::memory_pool::GreedyMemoryPool;
    use datafusion::execution::runtime_env::RuntimeEnvBuilder;

    use super::*;

    #[test]
    fn the_most_that_was_held_is_kept_and_the_bound_is_that_of_all() {
        let shared = Arc::new(GreedyMemoryPool::new(100));
        let runtime = RuntimeEnvBuilder::new().with_memory_pool(shared).build().unwrap();
        let (peak, other) = (PeakPool::over(&runtime), PeakPool::over(&runtime));
        let (first, second) = (peak.in_runtime(&runtime), other.in_runtime(&runtime));
        let one = MemoryConsumer::new("one").register(&first.memory_pool);
        let two = MemoryConsumer::new("two").register(&second.memory_pool);
        one.try_grow(60).unwrap();
        one.shrink(50);
        one.try_grow(20).unwrap();
        two.try_grow(60).unwrap();
        assert!(one.try_grow(20).is_err());
        assert_eq!(peak.peak_bytes(), 60);
        assert_eq!(runtime.memory_pool.reserved(), 90);
        drop((one, two));
        assert_eq!(runtime.memory_pool.reserved(), 0);
    }
}
