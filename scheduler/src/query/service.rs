//! The one query path: every statement of every surface goes through here.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arrow::array::RecordBatch;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::session_state::SessionState;
use datafusion::sql::parser::Statement as ParsedStatement;
use futures::{StreamExt, stream};
use lakegate_catalog::{Catalog, PrincipalId, Snapshot, VisibleSnapshot};
use lakegate_common::ByteSize;
use lakegate_engine::passthrough::passes_rows_through;
use lakegate_engine::runtime::{RuntimeLimits, runtime};
use lakegate_engine::schema;
use lakegate_engine::statement::{self, Command, Statement as Read};
use lakegate_lake::StringLayout;
use lakegate_lake::delta::{Commits, DeltaTables, TakenVersions};
use lakegate_lake::store::Stores;
use lakegate_lake::write::WriteLimits;

use super::admission::Admission;
use super::described::Described;
use super::history::history;
use super::local::LocalThreads;
use super::names::Resolver;
use super::registry::{Begun, QueryGuard};
use super::result::{Batches, Deadline, watch};
use super::scope_states::ScopeStates;
use super::statement::{Planned, Scope, Work};
use super::system::{Sources, System};
use super::write::Background;
use super::{
    Error, HistoryConfig, HistoryWriter, QueryId, QueryRegistry, RunningQuery, Statement, Tier,
    describe,
};
use crate::durable::Durable;
use crate::session::Session;

/// How long the end of the server waits for stores to give up unfinished files.
const UPLOADS_TIME: Duration = Duration::from_secs(5);

/// Limits of the query path.
#[derive(Debug, Clone)]
pub struct Config {
    /// Threads of the local tier, and partitions of its plans.
    pub cores: usize,
    /// Memory that local queries share before they spill.
    pub memory_limit: ByteSize,
    /// Disk space for what local queries spill.
    pub spill_limit: ByteSize,
    /// Memory for Parquet footers.
    pub metadata_cache: ByteSize,
    /// Memory for the states of Delta tables.
    pub delta_cache: ByteSize,
    /// What one writer of a statement may hold.
    pub write_limits: WriteLimits,
    /// Files that one statement writes.
    pub written_files_max: usize,
    /// How often a commit is tried while other writers come first.
    pub commit_attempts: NonZeroUsize,
    /// What one call of a function makes.
    pub function_bytes: ByteSize,
    /// Scans up to this size run locally though there are executors.
    pub local_bytes_max: ByteSize,
    /// Queries that run at once.
    pub running_max: usize,
    /// Queries that wait for a place.
    pub waiting_max: usize,
    /// Longest wait for a place.
    pub wait_max: Duration,
    /// Time limit of a query whose session sets none; `None` for no limit.
    pub timeout: Option<Duration>,
    /// What is kept of queries that have ended.
    pub history: HistoryConfig,
}

/// The query path of one server.
pub struct QueryService {
    pub(super) config: Config,
    pub(super) catalog: Catalog,
    pub(super) durable: Option<Arc<Durable>>,
    pub(super) runtime: Arc<RuntimeEnv>,
    pub(super) stores: Arc<Stores>,
    pub(super) threads: LocalThreads,
    pub(super) admission: Admission,
    /// What is known of Delta tables.
    pub(super) delta: Arc<DeltaTables>,
    /// What changes Delta tables.
    pub(super) commits: Arc<Commits>,
    /// Work that statements leave behind.
    pub(super) background: Arc<Background>,
    /// Where tables lie whose project does not say.
    pub(super) tables_folder: String,
    registry: Arc<QueryRegistry>,
    sources: Arc<Sources>,
    states: ScopeStates,
    /// Any snapshot, for statements that name no dataset: they need not ask the database.
    nameless: Arc<Snapshot>,
    draining: AtomicBool,
}

impl QueryService {
    /// The query path over `catalog`, spilling below `scratch`, with tables that belong to no
    /// location below `tables`, and what writes its history, which is to run as long as there may be
    /// queries.
    ///
    /// # Errors
    /// The scratch folder or the threads cannot be had.
    pub async fn new(
        config: Config,
        catalog: Catalog,
        durable: Option<Arc<Durable>>,
        stores: Arc<Stores>,
        scratch: &Path,
        tables: &Path,
    ) -> Result<(Arc<Self>, HistoryWriter), Error> {
        let limits = RuntimeLimits {
            memory: config.memory_limit,
            spill: config.spill_limit,
            metadata_cache: config.metadata_cache,
        };
        let runtime = runtime(limits, scratch, Arc::clone(&stores)).map_err(Error::Running)?;
        let states = ScopeStates::new(config.cores, Arc::clone(&runtime), config.function_bytes);
        let threads = LocalThreads::start(config.cores)?;
        let admission = Admission::new(config.running_max, config.waiting_max, config.wait_max);
        let (history, writer) = history(catalog.clone(), config.history);
        let registry = Arc::new(QueryRegistry::new(history));
        let sources = Arc::new(Sources {
            catalog: catalog.clone(),
            registry: Arc::clone(&registry),
            durable: durable.clone(),
        });
        let draining = AtomicBool::new(false);
        let nameless = catalog.snapshot().await?;
        let delta = Arc::new(DeltaTables::new(config.delta_cache.as_usize()));
        let service = Arc::new(Self {
            nameless,
            commits: Arc::new(Commits::new(Arc::clone(&delta), config.commit_attempts)),
            background: Background::new(),
            tables_folder: tables.to_string_lossy().into_owned(),
            delta,
            config,
            catalog,
            durable,
            runtime,
            stores,
            threads,
            admission,
            registry,
            sources,
            states,
            draining,
        });
        Ok((service, writer))
    }

    /// Reads, resolves and plans a statement; nothing runs. One that is refused stands in the
    /// history like one that ran.
    ///
    /// # Errors
    /// Whatever is wrong with its text, its names or its types.
    pub async fn prepare(&self, session: &Session, sql: &str) -> Result<Arc<Statement>, Error> {
        self.refuse_when_draining()?;
        let begun = Begun::now();
        let prepared = self.read_and_plan(session, sql).await;
        if let Err(refusal) = &prepared {
            self.registry.refused(&session.principal, sql, begun, refusal);
        }
        prepared
    }

    async fn read_and_plan(&self, session: &Session, sql: &str) -> Result<Arc<Statement>, Error> {
        let scope = Scope::of(session);
        match statement::parse_in(&scope.project, sql, scope.settings.folds_identifiers())? {
            Read::Command(command) => {
                let shown = command.shown();
                Ok(Statement::command(shown.as_deref().unwrap_or(sql), command))
            }
            Read::ShowSetting(key) => {
                describe::show(&scope.settings, key.as_deref())?;
                Ok(Statement::with_rows(sql, Arc::clone(&describe::SHOW), Work::ShowSetting(key)))
            }
            Read::Describe(name) => {
                let seen = self.seen_by(scope.principal).await?;
                self.described(&scope, &seen, &name).await?;
                Ok(Statement::with_rows(sql, Arc::clone(&describe::DESCRIBE), Work::Describe(name)))
            }
            Read::Inspect { what, name } => {
                let seen = self.seen_by(scope.principal).await?;
                self.described(&scope, &seen, &name).await?;
                let schema = Self::inspection_schema(&what)?;
                Ok(Statement::with_rows(sql, schema, Work::Inspect { what, name }))
            }
            Read::ShowGrants(of) => {
                let schema = self.grants(session, &of).await?.schema();
                Ok(Statement::with_rows(sql, schema, Work::ShowGrants(of)))
            }
            Read::Query(parsed) => {
                let planned = self.plan(*parsed, scope).await?;
                let schema = schema::canonical(planned.plan.schema().as_arrow());
                Ok(Statement::with_rows(sql, schema, Work::Query(Arc::new(planned))))
            }
            Read::Explain { options, statement } => {
                let Read::Query(parsed) = *statement else {
                    return Err(Error::Statement(statement::Error::Unsupported {
                        what: "EXPLAIN of this statement".to_string(),
                        instead: None,
                    }));
                };
                let planned = Arc::new(self.plan(*parsed, scope).await?);
                Ok(Statement::with_rows(
                    sql,
                    Arc::clone(&describe::EXPLAIN),
                    Work::Explain { options, planned },
                ))
            }
        }
    }

    /// Starts a statement. It runs until its batches are read, dropped, cancelled or out of time.
    ///
    /// # Errors
    /// A change of session or catalog that was refused, a plan that does not fit its tier, no place
    /// to run in time.
    pub async fn execute(
        &self,
        session: &Arc<Session>,
        statement: &Arc<Statement>,
        id: QueryId,
    ) -> Result<RunningQuery, Error> {
        self.refuse_when_draining()?;
        let guard = self.registry.begin(id, &session.principal, statement.shown());
        let limit = session.settings().timeout.or(self.config.timeout);
        let deadline = limit.map(Deadline::after);
        let cancelled = guard.record().cancel_token().clone();
        let started = tokio::select! {
            biased;
            () = cancelled.cancelled() => Err(Error::Cancelled),
            error = Deadline::over(deadline) => Err(error),
            started = self.start(session, statement, &guard) => started,
        };
        match started {
            Ok((batches, written)) => {
                let sent = guard.record().sent().clone();
                let rows_affected = statement.is_update.then_some(written);
                let batches = watch(batches, guard, deadline);
                Ok(RunningQuery {
                    id,
                    schema: Arc::clone(&statement.schema),
                    rows_affected,
                    sent,
                    batches,
                })
            }
            Err(error) => {
                guard.failed(&error);
                Err(error)
            }
        }
    }

    async fn start(
        &self,
        session: &Arc<Session>,
        statement: &Arc<Statement>,
        guard: &QueryGuard,
    ) -> Result<(Batches, i64), Error> {
        if let Work::Command(Command::Write(write)) = &statement.work {
            let written = self.write(session, write, statement.shown(), guard).await?;
            return Ok((stream::empty().boxed(), i64::try_from(written).unwrap_or(i64::MAX)));
        }
        self.start_rows(session, statement, guard).await.map(|batches| (batches, 0))
    }

    async fn start_rows(
        &self,
        session: &Arc<Session>,
        statement: &Arc<Statement>,
        guard: &QueryGuard,
    ) -> Result<Batches, Error> {
        match &statement.work {
            Work::Query(planned) => {
                self.run_query(planned, &statement.schema, session.settings(), guard).await
            }
            Work::Explain { options, planned } => {
                let batch = self.explain(options, planned, session.settings(), guard).await?;
                Ok(one(batch))
            }
            Work::Describe(name) => {
                guard.record().run_on(Tier::Metadata, None);
                let scope = Scope::of(session);
                let seen = self.seen_by(scope.principal).await?;
                let columns = match self.described(&scope, &seen, name).await?.1 {
                    Described::Dataset(dataset) => {
                        self.columns_now(&scope, &seen, &dataset).await?
                    }
                    Described::Own(columns) => columns,
                };
                Ok(one(describe::describe(&columns)?))
            }
            Work::Inspect { what, name } => {
                guard.record().run_on(Tier::Metadata, None);
                Ok(one(self.inspect(&Scope::of(session), what, name).await?))
            }
            Work::ShowGrants(of) => {
                guard.record().run_on(Tier::Metadata, None);
                Ok(one(self.grants(session, of).await?))
            }
            Work::ShowSetting(key) => {
                guard.record().run_on(Tier::Metadata, None);
                Ok(one(describe::show(&session.settings(), key.as_deref())?))
            }
            Work::Command(command) => {
                guard.record().run_on(Tier::Metadata, None);
                self.carry_out(session, command, statement.shown()).await?;
                Ok(stream::empty().boxed())
            }
        }
    }

    /// Plans a parsed query in the caller's scope for the local tier.
    pub(super) async fn plan(
        &self,
        parsed: ParsedStatement,
        scope: Scope,
    ) -> Result<Planned, Error> {
        let state = self.state(&scope);
        let names = state.resolve_table_references(&parsed).map_err(Error::Planning)?;
        let needs_catalog = !names.is_empty() || statement::asks_for_user(&parsed);
        let snapshot = match needs_catalog {
            true => self.catalog.snapshot().await?,
            false => Arc::clone(&self.nameless),
        };
        let catalog_version = needs_catalog.then(|| snapshot.version());
        let seen = snapshot.for_principal(scope.principal);
        let versions = Arc::new(TakenVersions::new(Arc::clone(&self.delta)));
        let system = self.system(&scope);
        let resolver = |strings| Resolver {
            seen: seen.clone(),
            caller: seen.clone(),
            principal: scope.principal,
            versions: Arc::clone(&versions),
            system: system.clone(),
            strings,
        };
        let mut planned = resolver(StringLayout::View).plan(state, parsed.clone()).await?;
        if passes_rows_through(&planned.1) {
            // Views would only be copied back into plain text on the way to the client.
            planned =
                resolver(StringLayout::Plain).plan(self.state(&scope), parsed.clone()).await?;
        }
        let (state, plan) = planned;
        if !plan.get_parameter_names().map_err(Error::Planning)?.is_empty() {
            let what = "a statement with parameters".to_string();
            return Err(Error::Statement(statement::Error::Unsupported { what, instead: None }));
        }
        Ok(Planned { parsed, state, plan, catalog_version, scope, versions, sink: None })
    }

    /// What the service knows of itself, for a session.
    pub(super) fn system(&self, scope: &Scope) -> System {
        System { sources: Arc::clone(&self.sources), settings: scope.settings.clone() }
    }

    /// The catalog as a principal sees it now.
    ///
    /// # Errors
    /// The catalog cannot be read.
    pub async fn seen_by(&self, principal: PrincipalId) -> Result<VisibleSnapshot, Error> {
        Ok(self.catalog.snapshot().await?.for_principal(principal))
    }

    /// A local session in the caller's scope, without tables.
    pub(super) fn state(&self, scope: &Scope) -> Arc<SessionState> {
        self.states.of(scope)
    }

    /// The queries of this server.
    pub fn registry(&self) -> &Arc<QueryRegistry> {
        &self.registry
    }

    /// The catalog of this server.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Refuses new statements, then waits for the running ones.
    pub async fn drain(&self) {
        self.draining.store(true, Ordering::Release);
        self.registry.idle().await;
        self.background.drain().await;
        self.stores.settled(UPLOADS_TIME).await;
    }

    /// Stops every running statement.
    pub fn cancel_all(&self) {
        self.registry.cancel_all();
    }

    pub(super) fn refuse_when_draining(&self) -> Result<(), Error> {
        if self.draining.load(Ordering::Acquire) { Err(Error::Draining) } else { Ok(()) }
    }
}

fn one(batch: RecordBatch) -> Batches {
    stream::iter([Ok(batch)]).boxed()
}
