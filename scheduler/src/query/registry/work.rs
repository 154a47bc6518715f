//! A query as the history has it.

use std::sync::atomic::Ordering;

use lakegate_common::ErrorCode;

use super::{QueryRecord, QueryState};

/// A query of this server as the history has it, and where it stands. Of one that runs the outcome
/// and the time of its end mean nothing.
pub(in crate::query) struct Work {
    pub(in crate::query) record: lakegate_catalog::QueryRecord,
    pub(in crate::query) state: QueryState,
}

impl QueryRecord {
    /// The query as the history has it, with this much of its text.
    pub(super) fn work(&self, sql: String) -> Work {
        let progress = self.progress.lock();
        let measured = match &progress.measure {
            Some(measure) => measure.take(),
            None => progress.measured,
        };
        let outcome = match (&progress.error, progress.state) {
            (Some(failure), _) => failure.code.clone(),
            (None, QueryState::Cancelled) => ErrorCode::QueryCancelled.to_string(),
            (None, _) => "ok".to_string(),
        };
        let record = lakegate_catalog::QueryRecord {
            id: self.id.uuid(),
            principal: self.principal.id,
            principal_name: self.principal.name.clone(),
            sql,
            tier: progress.tier.map(|tier| tier.to_string()),
            submitted_at: self.begun_at,
            started_at: progress.started_at,
            finished_at: progress.ended.map_or(self.begun_at, |(_, at)| at),
            rows: self.rows.load(Ordering::Relaxed),
            bytes_scanned: measured.bytes_scanned,
            bytes_sent: self.sent.get(),
            cpu_time: measured.cpu_time,
            peak_memory_bytes: measured.peak_memory_bytes,
            spilled_bytes: measured.spilled_bytes,
            retries: measured.retries,
            outcome,
        };
        Work { record, state: progress.state }
    }
}
