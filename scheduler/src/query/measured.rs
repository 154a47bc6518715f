//! What a query took, as far as its tier tells it exactly.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::ExecutionPlan;
use lakegate_engine::cpu_time::CpuTime;
use lakegate_engine::peak_memory::PeakPool;

/// The measure of bytes that a scan of Parquet files read. Other formats have none.
pub(crate) const BYTES_SCANNED: &str = "bytes_scanned";

/// What a query took; `None` where nobody measured it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Measured {
    /// Bytes read from files.
    pub(crate) bytes_scanned: Option<u64>,
    /// Time on all cores, without planning.
    pub(crate) cpu_time: Option<Duration>,
    /// The most memory that its operators held. On executors the most on each, added up.
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

    /// What a plan in this process takes, whose operators have their memory from `pool` and whose
    /// work is charged to `cpu`.
    pub(super) fn of_local(
        plan: &Arc<dyn ExecutionPlan>,
        pool: Arc<PeakPool>,
        cpu: CpuTime,
    ) -> Self {
        let (plan, tells) = (Arc::clone(plan), tells_bytes_scanned(plan.as_ref()));
        Self::new(move || Measured {
            bytes_scanned: tells.then(|| sum(plan.as_ref(), BYTES_SCANNED)),
            cpu_time: Some(cpu.get()),
            peak_memory_bytes: Some(pool.peak_bytes()),
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
    use super::*;

    #[test]
    fn bytes_that_nobody_counts_are_not_known() {
        let sent = SentBytes::default();
        assert_eq!(sent.get(), None);
        sent.clone().add(3);
        sent.add(4);
        assert_eq!(sent.get(), Some(7));
    }
}
