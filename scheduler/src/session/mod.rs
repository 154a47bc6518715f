//! Sessions: the state of one client's connection, from login to close.
//!
//! A session holds settings, the default project and schema, prepared statements, and statements
//! whose rows have been announced but not fetched. All of it is bounded.

mod bounded;
mod store;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use datafusion::arrow::datatypes::SchemaRef;
use parking_lot::{Mutex, RwLock};
use uuid::Uuid;

use crate::identity::Principal;
use crate::query::{QueryId, Settings, Statement};

pub use bounded::BoundedMap;
pub use store::{Limits, SessionStore};

/// Identifies a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId(Uuid);

impl SessionId {
    /// A new identity that nobody can guess.
    #[expect(clippy::new_without_default, reason = "each call gives another value")]
    pub fn new() -> Self {
        Self(Uuid::new_v4())
    }

    /// The identity as bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The identity with these bytes; `None` when they are not as many as one has.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Uuid::from_slice(bytes).ok().map(Self)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A prepared statement of a session.
pub struct Prepared {
    /// Its text.
    pub sql: String,
    /// Schema of its rows, as it was told to the client.
    pub schema: SchemaRef,
    /// Whether it changes something instead of having rows.
    pub is_update: bool,
    /// The plan from its preparation and when that was made, until it is used.
    pub plan: Mutex<Option<(Arc<Statement>, Instant)>>,
}

/// A statement whose ticket has been handed out.
struct Announced {
    sql: String,
    /// Schema of its rows, as it was told to the client.
    schema: SchemaRef,
    /// The plan from the announcement, until it is used.
    plan: Option<Arc<Statement>>,
    /// The query of the latest run.
    latest: QueryId,
}

/// What to run for a ticket.
pub struct Run {
    /// The text of the statement.
    pub sql: String,
    /// Schema of its rows, as it was told to the client.
    pub schema: SchemaRef,
    /// Its plan, for the first run.
    pub plan: Option<Arc<Statement>>,
    /// The query that this run is.
    pub id: QueryId,
}

/// The state of one client's connection.
pub struct Session {
    /// Its identity.
    pub id: SessionId,
    /// Whose session it is.
    pub principal: Principal,
    started_at: Instant,
    /// Milliseconds from `started_at` to the last use.
    last_used_ms: AtomicU64,
    state: RwLock<State>,
    prepared: Mutex<BoundedMap<Uuid, Arc<Prepared>>>,
    announced: Mutex<BoundedMap<QueryId, Announced>>,
}

struct State {
    settings: Settings,
    project: String,
    schema: String,
}

impl Session {
    /// A new session of `principal` in the default project and schema.
    pub fn new(principal: Principal, limits: &Limits) -> Self {
        Self {
            id: SessionId::new(),
            principal,
            started_at: Instant::now(),
            last_used_ms: AtomicU64::new(0),
            state: RwLock::new(State {
                settings: Settings::default(),
                project: lakegate_catalog::DEFAULT_PROJECT.to_string(),
                schema: lakegate_catalog::DEFAULT_SCHEMA.to_string(),
            }),
            prepared: Mutex::new(BoundedMap::new(limits.prepared_statements_per_session)),
            announced: Mutex::new(BoundedMap::new(limits.tickets_per_session)),
        }
    }

    /// A copy of the settings.
    pub fn settings(&self) -> Settings {
        self.state.read().settings.clone()
    }

    /// Changes the settings; `change` runs under the session's lock and must not block.
    pub fn update_settings<R>(&self, change: impl FnOnce(&mut Settings) -> R) -> R {
        change(&mut self.state.write().settings)
    }

    /// The project of names that do not tell theirs.
    pub fn project(&self) -> String {
        self.state.read().project.clone()
    }

    /// The schema of names that do not tell theirs.
    pub fn schema(&self) -> String {
        self.state.read().schema.clone()
    }

    /// Makes `project` and `schema` those of names that do not tell theirs. Whether they exist is for
    /// the caller to find out.
    pub fn use_schema(&self, project: impl Into<String>, schema: impl Into<String>) {
        let mut state = self.state.write();
        state.project = project.into();
        state.schema = schema.into();
    }

    /// Keeps a prepared statement; the least recently used one goes when there are too many.
    pub fn keep_prepared(&self, prepared: Prepared) -> Uuid {
        let id = Uuid::new_v4();
        self.prepared.lock().insert(id, Arc::new(prepared));
        id
    }

    /// The prepared statement of that identifier, when the session still keeps it.
    pub fn prepared(&self, id: Uuid) -> Option<Arc<Prepared>> {
        self.prepared.lock().get_mut(&id).map(|prepared| Arc::clone(prepared))
    }

    /// Forgets a prepared statement; nothing happens when it is not there.
    pub fn forget_prepared(&self, id: Uuid) {
        self.prepared.lock().remove(&id);
    }

    /// Keeps a statement whose rows have been announced; the ticket names it by `id`, which is also
    /// the query of its first run. The least recently used one goes when there are too many.
    pub fn announce(&self, id: QueryId, statement: Arc<Statement>) {
        let (sql, schema) = (statement.sql.clone(), Arc::clone(&statement.schema));
        self.announced
            .lock()
            .insert(id, Announced { sql, schema, plan: Some(statement), latest: id });
    }

    /// What to run for the ticket of `id`. The first run has the announced plan and identifier, later
    /// ones have identifiers of their own.
    pub fn begin_run(&self, id: QueryId) -> Option<Run> {
        let mut announced = self.announced.lock();
        let kept = announced.get_mut(&id)?;
        let plan = kept.plan.take();
        if plan.is_none() {
            kept.latest = QueryId::new();
        }
        Some(Run { sql: kept.sql.clone(), schema: Arc::clone(&kept.schema), plan, id: kept.latest })
    }

    /// Makes the ticket of `id` useless and answers the query of its latest run; `None` when the
    /// session does not keep it.
    pub fn withdraw(&self, id: QueryId) -> Option<QueryId> {
        self.announced.lock().remove(&id).map(|announced| announced.latest)
    }

    /// Forgets all statements.
    pub fn clear(&self) {
        self.prepared.lock().clear();
        self.announced.lock().clear();
    }

    /// Notes that the session is in use.
    pub fn touch(&self) {
        let elapsed = u64::try_from(self.started_at.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_used_ms.store(elapsed, Ordering::Relaxed);
    }

    /// How long the session has not been used.
    pub fn idle(&self) -> Duration {
        let last_used = Duration::from_millis(self.last_used_ms.load(Ordering::Relaxed));
        self.started_at.elapsed().saturating_sub(last_used)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("principal", &self.principal.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A session of a principal of that name.
    pub(crate) fn session_of(name: &str) -> Session {
        Session::new(crate::identity::tests::principal(name), &Limits::default())
    }

    #[test]
    fn new_session_starts_in_the_default_schema() {
        let session = session_of("ada");
        assert_eq!((session.project(), session.schema()), ("lakegate".into(), "public".into()));
        session.use_schema("lab", "raw");
        assert_eq!((session.project(), session.schema()), ("lab".into(), "raw".into()));
    }
}
