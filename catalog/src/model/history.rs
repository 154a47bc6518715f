//! The history of queries, and usage summed from it.

use std::time::{Duration, SystemTime};

use uuid::Uuid;

use crate::ids::PrincipalId;

/// One query that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryRecord {
    /// The query's identifier.
    pub id: Uuid,
    /// Who asked.
    pub principal: PrincipalId,
    /// The name that they had then.
    pub principal_name: String,
    /// The text of the statement, without secrets: whoever hands it over has taken them out.
    pub sql: String,
    /// Where it ran, such as `local`; `None` where it never began to run.
    pub tier: Option<String>,
    /// When it came.
    pub submitted_at: SystemTime,
    /// When it began to run, after waiting its turn; `None` where it never did.
    pub started_at: Option<SystemTime>,
    /// When it ended.
    pub finished_at: SystemTime,
    /// The rows that went to the client.
    pub rows: u64,
    /// The bytes read from files. This and what follows is `None` where it was not measured.
    pub bytes_scanned: Option<u64>,
    /// The bytes that went to the client.
    pub bytes_sent: Option<u64>,
    /// The time on all cores of all executors.
    pub cpu_time: Option<Duration>,
    /// The most memory that it held, in bytes, all executors together.
    pub peak_memory_bytes: Option<u64>,
    /// The bytes that it wrote to scratch space because memory was short.
    pub spilled_bytes: Option<u64>,
    /// The tasks that were run again.
    pub retries: Option<u64>,
    /// How it ended: `ok` or the code of an error.
    pub outcome: String,
}

/// Which queries of the history are asked for. Everything by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HistoryFilter {
    /// Those of one principal.
    pub principal: Option<PrincipalId>,
    /// Those that ended at this time or later.
    pub since: Option<SystemTime>,
    /// Those that ended before this time.
    pub until: Option<SystemTime>,
    /// Whether the texts are left out: they are empty then.
    pub without_text: bool,
}

/// A place in the history, which is ordered from the newest query to the oldest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryPosition {
    /// When the query at this place ended.
    pub finished_at: SystemTime,
    /// The query's identifier.
    pub id: Uuid,
}

impl QueryRecord {
    /// The place of this query: handed in again, it continues the answer after it.
    pub fn position(&self) -> HistoryPosition {
        HistoryPosition { finished_at: self.finished_at, id: self.id }
    }
}

/// What the queries of one principal took on one day (UTC), as far as it was measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// Who asked.
    pub principal: PrincipalId,
    /// The beginning of the day on which the queries ended.
    pub day: SystemTime,
    /// The number of queries.
    pub queries: u64,
    /// The number of those that did not end well.
    pub failed: u64,
    /// The rows that went to clients.
    pub rows: u64,
    /// The bytes read from files.
    pub bytes_scanned: u64,
    /// The bytes that went to clients.
    pub bytes_sent: u64,
    /// The time on all cores of all executors.
    pub cpu_time: Duration,
    /// The bytes written to scratch space.
    pub spilled_bytes: u64,
    /// The tasks that were run again.
    pub retries: u64,
}
