//! The queries that run now and the last ones that ended, for progress, cancelling and `/api`.

mod refused;
mod work;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime};

use lakegate_catalog::PrincipalId;
use lakegate_catalog::limit::QUERY_TEXT_BYTES_MAX;
use lakegate_common::{Coded, ErrorCode, error};
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use super::history::History;
use super::measured::{Measure, Measured, SentBytes};
use super::{QueryId, Tier};
use crate::durable::StageProgress;
use crate::identity::Principal;
pub(super) use refused::Begun;
pub(super) use work::Work;

/// Ended queries that stay visible.
const ENDED_MAX: usize = 1_000;
/// Bytes of a statement's text that are kept.
const SQL_BYTES_MAX: usize = 4_096;

/// Where a query stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum QueryState {
    /// Planned, or waiting for a place.
    Planning,
    /// Rows are being made.
    Running,
    /// The last row was handed over.
    Finished,
    /// It ended with an error.
    Failed,
    /// Its client went away, or someone cancelled it.
    Cancelled,
}

impl QueryState {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Planning => "planning",
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The error of a failed query.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Failure {
    /// The stable code.
    pub code: String,
    /// The cause chain.
    pub message: String,
}

/// A query as `/api/v1/queries` shows it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct QueryStatus {
    /// Its identity.
    #[schema(value_type = String, format = "uuid")]
    pub query_id: QueryId,
    /// Who runs it.
    pub principal: String,
    /// The statement, cut after a few kilobytes.
    pub sql: String,
    /// Where it stands.
    pub state: QueryState,
    /// Where it runs.
    pub tier: Option<Tier>,
    /// Milliseconds since it began, or that it took.
    pub elapsed_ms: u64,
    /// Rows handed to the client.
    pub rows: u64,
    /// Stages of a distributed query.
    pub stages: Vec<StageProgress>,
    /// The error of a failed query.
    pub error: Option<Failure>,
}

/// One query's life as the registry follows it.
#[derive(Debug)]
pub struct QueryRecord {
    id: QueryId,
    principal: Principal,
    sql: String,
    /// The statement as the history keeps it, until it has it, where that is more.
    whole_sql: Mutex<Option<String>>,
    begun_at: SystemTime,
    started: Instant,
    rows: AtomicU64,
    sent: SentBytes,
    cancel: CancellationToken,
    progress: Mutex<Progress>,
}

#[derive(Debug)]
struct Progress {
    state: QueryState,
    tier: Option<Tier>,
    started_at: Option<SystemTime>,
    ended: Option<(Instant, SystemTime)>,
    measure: Option<Measure>,
    measured: Measured,
    stages: Option<watch::Receiver<Vec<StageProgress>>>,
    error: Option<Failure>,
}

impl QueryRecord {
    /// Its identity.
    pub fn id(&self) -> QueryId {
        self.id
    }

    /// Fires when the query is to stop.
    pub(super) fn cancel_token(&self) -> &CancellationToken {
        &self.cancel
    }

    pub(super) fn run_on(&self, tier: Tier, stages: Option<watch::Receiver<Vec<StageProgress>>>) {
        let mut progress = self.progress.lock();
        progress.started_at.get_or_insert_with(SystemTime::now);
        progress.tier = Some(tier);
        progress.stages = stages;
        if progress.state == QueryState::Planning {
            progress.state = QueryState::Running;
        }
    }

    /// How to see what the query takes while it runs.
    pub(super) fn measure_by(&self, measure: Measure) {
        self.progress.lock().measure = Some(measure);
    }

    /// Where to count the bytes that go to the client.
    pub(super) fn sent(&self) -> &SentBytes {
        &self.sent
    }

    pub(super) fn add_rows(&self, rows: usize) {
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
    }

    fn end(&self, state: QueryState, error: Option<Failure>) {
        let mut progress = self.progress.lock();
        if progress.ended.is_none() {
            progress.ended = Some((Instant::now(), SystemTime::now()));
            if let Some(measure) = progress.measure.take() {
                progress.measured = measure.take();
            }
            progress.state = state;
            progress.error = error;
            let stages = progress.stages.take().map(|stages| stages.borrow().clone());
            progress.stages = stages.map(|stages| watch::channel(stages).1);
        }
    }

    fn status(&self) -> QueryStatus {
        let progress = self.progress.lock();
        let elapsed = progress
            .ended
            .map_or_else(|| self.started.elapsed(), |(ended, _)| ended - self.started);
        QueryStatus {
            query_id: self.id,
            principal: self.principal.name.clone(),
            sql: self.sql.clone(),
            state: progress.state,
            tier: progress.tier,
            elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            rows: self.rows.load(Ordering::Relaxed),
            stages: progress
                .stages
                .as_ref()
                .map(|stages| stages.borrow().clone())
                .unwrap_or_default(),
            error: progress.error.clone(),
        }
    }
}

/// The queries of this server, bounded: the running ones and the last that ended.
#[derive(Debug)]
pub struct QueryRegistry {
    queries: Mutex<Queries>,
    history: History,
    ended: tokio::sync::Notify,
}

#[derive(Debug, Default)]
struct Queries {
    running: HashMap<QueryId, Arc<QueryRecord>>,
    ended: VecDeque<Arc<QueryRecord>>,
}

impl QueryRegistry {
    /// No queries yet; those that end are handed in to `history`.
    pub(super) fn new(history: History) -> Self {
        Self { queries: Mutex::default(), history, ended: tokio::sync::Notify::default() }
    }

    /// Begins to follow a query. It counts as running until the returned guard ends it.
    pub(super) fn begin(
        self: &Arc<Self>,
        id: QueryId,
        principal: &Principal,
        sql: &str,
    ) -> QueryGuard {
        self.begin_at(Begun::now(), id, principal, sql)
    }

    fn begin_at(
        self: &Arc<Self>,
        begun: Begun,
        id: QueryId,
        principal: &Principal,
        sql: &str,
    ) -> QueryGuard {
        let shown = &sql[..sql.floor_char_boundary(SQL_BYTES_MAX)];
        let whole = &sql[..sql.floor_char_boundary(QUERY_TEXT_BYTES_MAX)];
        let progress = Progress {
            state: QueryState::Planning,
            tier: None,
            started_at: None,
            ended: None,
            measure: None,
            measured: Measured::default(),
            stages: None,
            error: None,
        };
        let record = Arc::new(QueryRecord {
            id,
            principal: principal.clone(),
            sql: shown.to_string(),
            whole_sql: Mutex::new((whole.len() > shown.len()).then(|| whole.to_string())),
            begun_at: begun.at,
            started: begun.started,
            rows: AtomicU64::new(0),
            sent: SentBytes::default(),
            cancel: CancellationToken::new(),
            progress: Mutex::new(progress),
        });
        self.queries.lock().running.insert(id, Arc::clone(&record));
        metrics::gauge!("lakegate_query_running").increment(1.0);
        QueryGuard { record, registry: Arc::clone(self) }
    }

    /// The principal's queries, latest first; an admin sees everybody's.
    pub fn list(&self, principal: &Principal) -> Vec<QueryStatus> {
        let visible = self.known(|record| may_see(principal, record));
        let mut listed: Vec<_> = visible.iter().map(|record| record.status()).collect();
        listed.sort_by_key(|status| std::cmp::Reverse(status.query_id));
        listed
    }

    /// The queries of principals whose work may be seen, those that have just ended too.
    pub(super) fn work_of(&self, may_see: impl Fn(PrincipalId) -> bool) -> Vec<Work> {
        let visible = self.known(|record| may_see(record.principal.id));
        visible.iter().map(|record| record.work(record.sql.clone())).collect()
    }

    /// The chosen ones of all that are known. To look into one may mean to walk its plan, for which
    /// others must not wait.
    fn known(&self, chosen: impl Fn(&QueryRecord) -> bool) -> Vec<Arc<QueryRecord>> {
        let queries = self.queries.lock();
        let known = queries.running.values().chain(&queries.ended);
        known.filter(|record| chosen(record)).cloned().collect()
    }

    /// One query, if the principal may see it and it is not forgotten.
    pub fn get(&self, principal: &Principal, id: QueryId) -> Option<QueryStatus> {
        self.find(principal, id).map(|record| record.status())
    }

    /// Stops a query; whether there was one that the principal may stop.
    pub fn cancel(&self, principal: &Principal, id: QueryId) -> bool {
        let found = self.find(principal, id);
        if let Some(record) = &found {
            record.cancel.cancel();
        }
        found.is_some()
    }

    /// The number of queries that run now.
    pub fn running(&self) -> usize {
        self.queries.lock().running.len()
    }

    /// Waits until no query runs.
    pub(super) async fn idle(&self) {
        loop {
            let ended = self.ended.notified();
            if self.running() == 0 {
                return;
            }
            ended.await;
        }
    }

    /// Stops every query.
    pub(super) fn cancel_all(&self) {
        self.queries.lock().running.values().for_each(|record| record.cancel.cancel());
    }

    fn find(&self, principal: &Principal, id: QueryId) -> Option<Arc<QueryRecord>> {
        let queries = self.queries.lock();
        let ended = || queries.ended.iter().find(|record| record.id == id);
        let record = queries.running.get(&id).or_else(ended)?;
        may_see(principal, record).then(|| Arc::clone(record))
    }

    fn retire(&self, record: &Arc<QueryRecord>) {
        let mut queries = self.queries.lock();
        if queries.running.remove(&record.id).is_some() {
            if queries.ended.len() == ENDED_MAX {
                queries.ended.pop_front();
            }
            queries.ended.push_back(Arc::clone(record));
            drop(queries);
            let whole = record.whole_sql.lock().take();
            let work = record.work(whole.unwrap_or_else(|| record.sql.clone()));
            let tier = work.record.tier.clone().unwrap_or_else(|| "none".to_string());
            self.history.hand_in(work.record);
            metrics::gauge!("lakegate_query_running").decrement(1.0);
            metrics::counter!("lakegate_query_ended_total", "tier" => tier, "state" => work.state.as_str())
                .increment(1);
            self.ended.notify_waiters();
        }
    }
}

fn may_see(principal: &Principal, record: &QueryRecord) -> bool {
    principal.is_admin || principal.id == record.principal.id
}

/// Holds a query's place in the registry; dropped before an end is told, it counts as cancelled.
#[derive(Debug)]
pub(super) struct QueryGuard {
    record: Arc<QueryRecord>,
    registry: Arc<QueryRegistry>,
}

impl QueryGuard {
    pub(super) fn record(&self) -> &Arc<QueryRecord> {
        &self.record
    }

    pub(super) fn finished(&self) {
        self.record.end(QueryState::Finished, None);
    }

    pub(super) fn failed(&self, failure: &super::Error) {
        let code = failure.code();
        let state = if code == ErrorCode::QueryCancelled {
            QueryState::Cancelled
        } else {
            QueryState::Failed
        };
        self.record.end(
            state,
            Some(Failure { code: code.to_string(), message: error::Chain(failure).to_string() }),
        );
    }
}

impl Drop for QueryGuard {
    fn drop(&mut self) {
        self.record.end(QueryState::Cancelled, None);
        self.record.cancel.cancel();
        self.registry.retire(&self.record);
    }
}
