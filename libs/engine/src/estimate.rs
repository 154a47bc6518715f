//! How much a physical plan will read, for the router.

use std::sync::Arc;

use datafusion::common::stats::Precision;
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::ExecutionPlan;

/// What a plan will read, as far as its leaves tell before it runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Estimate {
    /// Bytes of the files left after pruning, in the share of the columns that are read.
    pub bytes: u64,
    /// Rows of those files where statistics tell them.
    pub rows: u64,
    /// Number of file scans; zero for a plan that reads no file.
    pub scans: usize,
}

impl Estimate {
    /// Adds up the leaves of `plan`.
    pub fn of(plan: &Arc<dyn ExecutionPlan>) -> Self {
        let mut total = plan.children().into_iter().map(Self::of).fold(Self::default(), Self::plus);
        if let Some(scan) = file_scan(plan) {
            total = total.plus(Self::of_scan(scan));
        }
        total
    }

    fn of_scan(scan: &FileScanConfig) -> Self {
        let files = scan.file_groups.iter().flat_map(|group| group.files());
        let bytes: u64 = files
            .map(|file| {
                file.range.as_ref().map_or(file.object_meta.size, |range| {
                    range.end.saturating_sub(range.start).unsigned_abs()
                })
            })
            .sum();
        let all_columns = scan.file_schema().fields().len().max(1);
        let read_columns = scan
            .projected_schema()
            .map_or(all_columns, |schema| schema.fields().len())
            .clamp(1, all_columns);
        let rows = match scan.statistics().num_rows {
            Precision::Exact(rows) | Precision::Inexact(rows) => rows as u64,
            Precision::Absent => 0,
        };
        Self { bytes: bytes * read_columns as u64 / all_columns as u64, rows, scans: 1 }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_add(other.bytes),
            rows: self.rows.saturating_add(other.rows),
            scans: self.scans + other.scans,
        }
    }
}

/// The file scan that `plan` is, if it is one.
fn file_scan(plan: &Arc<dyn ExecutionPlan>) -> Option<&FileScanConfig> {
    let source = plan.downcast_ref::<DataSourceExec>()?;
    source.data_source().downcast_ref::<FileScanConfig>()
}
