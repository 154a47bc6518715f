//! Running a planned query on the tier that the router picks.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::format::ExplainStatementOptions;
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::DataFusionError;
use datafusion::execution::TaskContext;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::streaming::StreamingTableExec;
use datafusion::prelude::SessionContext;
use futures::{StreamExt, TryStreamExt};
use lakegate_common::{Chain, Coded, ErrorCode};
use lakegate_engine::constant_result::is_constant;
use lakegate_engine::cpu_time::CpuTime;
use lakegate_engine::distributable::{self, NotDistributable};
use lakegate_engine::estimate::Estimate;
use lakegate_engine::peak_memory::PeakPool;
use lakegate_engine::runtime::for_query;
use lakegate_engine::schema::{canonical, conform};
use lakegate_engine::security_barrier::views_in;
use lakegate_engine::session;
use lakegate_lake::StringLayout;
use lakegate_lake::delta::TakenVersions;
use lakegate_lake::store::QueryStores;
use lakegate_lake::write::FileWriteExec;
use object_store::path::Path;

use super::explain::Explanation;
use super::measured::{Measure, Measured, tells_bytes_scanned};
use super::names::Resolver;
use super::planning::physical_plan;
use super::registry::QueryGuard;
use super::result::Batches;
use super::route::{Fleet, Route, Tier, route};
use super::service::QueryService;
use super::statement::{Planned, Scope};
use super::{Error, Settings, TierChoice, local};
use crate::durable::{Durable, DurableQuery};

/// A plan that is ready to run on its tier.
pub(super) struct Physical {
    route: Route,
    state: Arc<SessionState>,
    logical: LogicalPlan,
    plan: Arc<dyn ExecutionPlan>,
    /// What the plan reads objects by in this process.
    stores: Arc<QueryStores>,
    /// The versions of Delta tables that it reads.
    versions: Arc<TakenVersions>,
}

impl Physical {
    /// Where it will run.
    pub(super) fn tier(&self) -> Tier {
        self.route.tier
    }
}

impl QueryService {
    pub(super) async fn run_query(
        &self,
        planned: &Arc<Planned>,
        schema: &SchemaRef,
        settings: Settings,
        guard: &QueryGuard,
    ) -> Result<Batches, Error> {
        let physical = self.physical(planned, schema, settings).await?;
        self.run_physical(physical, schema, guard).await
    }

    /// Starts a plan on its tier.
    pub(super) async fn run_physical(
        &self,
        physical: Physical,
        schema: &SchemaRef,
        guard: &QueryGuard,
    ) -> Result<Batches, Error> {
        let versions = Arc::clone(&physical.versions);
        let batches = self.run_on_tier(physical, schema, guard).await?;
        Ok(batches.map_err(move |error| of_version(error, &versions)).boxed())
    }

    async fn run_on_tier(
        &self,
        physical: Physical,
        schema: &SchemaRef,
        guard: &QueryGuard,
    ) -> Result<Batches, Error> {
        match &self.durable {
            Some(durable) if physical.route.tier == Tier::Durable => {
                let query = self.start_durable(durable, physical, guard).await?;
                let schema = Arc::clone(schema);
                let batches = query.batches.map_err(Error::Durable);
                Ok(batches
                    .and_then(move |batch| {
                        std::future::ready(conform(&batch, &schema).map_err(Error::Result))
                    })
                    .boxed())
            }
            _ => {
                let permit = self.admission.admit().await?;
                guard.record().run_on(Tier::Local, None);
                let execution = execution(&physical, Arc::clone(schema), guard);
                if is_constant(physical.plan.as_ref()) {
                    return local::run_here(execution);
                }
                Ok(self.threads.run(execution, permit))
            }
        }
    }

    pub(super) async fn explain(
        &self,
        options: &ExplainStatementOptions,
        planned: &Arc<Planned>,
        settings: Settings,
        guard: &QueryGuard,
    ) -> Result<RecordBatch, Error> {
        let schema = canonical(planned.plan.schema().as_arrow());
        let physical = self.physical(planned, &schema, settings).await?;
        let mut explanation = Explanation::new(&physical.route, &physical.logical);
        if !options.analyze {
            guard.record().run_on(Tier::Metadata, None);
            explanation.logical(&physical.logical)?;
            explanation.physical(&physical.plan, options);
            return explanation.into_batch();
        }
        let begun = Instant::now();
        match &self.durable {
            Some(durable) if physical.route.tier == Tier::Durable => {
                let mut query = self.start_durable(durable, physical, guard).await?;
                let mut rows = 0;
                while let Some(batch) = query.batches.next().await {
                    rows += batch.map_err(Error::Durable)?.num_rows() as u64;
                }
                let stages = query.stage_metrics();
                explanation.object_stores(stages.iter().map(|stage| stage.used).sum());
                explanation.stages(stages);
                explanation.outcome(rows, begun.elapsed());
            }
            _ => {
                let permit = self.admission.admit().await?;
                guard.record().run_on(Tier::Local, None);
                let plan = Arc::clone(&physical.plan);
                let batches = self.threads.run(execution(&physical, schema, guard), permit);
                let rows = batches
                    .try_fold(0, |rows, batch| {
                        std::future::ready(Ok(rows + batch.num_rows() as u64))
                    })
                    .await?;
                explanation.measured(&plan, options.verbose);
                explanation.object_stores(physical.stores.take_used());
                explanation.outcome(rows, begun.elapsed());
            }
        }
        explanation.into_batch()
    }

    /// Optimises, estimates and routes; plans again where the tier or the catalog asks for it.
    pub(super) async fn physical(
        &self,
        planned: &Arc<Planned>,
        schema: &SchemaRef,
        settings: Settings,
    ) -> Result<Physical, Error> {
        let stores = self.stores.for_query();
        let planning = Box::pin(self.physical_by(Arc::clone(&stores), planned, schema, settings));
        stores.planning(planning).await
    }

    async fn physical_by(
        &self,
        stores: Arc<QueryStores>,
        planned: &Arc<Planned>,
        schema: &SchemaRef,
        settings: Settings,
    ) -> Result<Physical, Error> {
        let planned = self.current(planned, schema, settings).await?;
        let state = Arc::clone(&planned.state);
        let (logical, plan) = physical_plan(&state, planned.plan.clone()).await?;
        let choice = planned.scope.settings.tier;
        let route = route(choice, Estimate::of(&plan), self.fleet(), self.config.local_bytes_max)?;
        let versions = Arc::clone(&planned.versions);
        let local = Physical { route, state, logical, plan, stores, versions };
        match &self.durable {
            Some(durable) if local.route.tier == Tier::Durable => {
                match self.durable_plan(durable, &planned, &local).await {
                    Err(Error::NotDistributable(obstacle)) if choice == TierChoice::Auto => {
                        let reason = format!("executors cannot run it, because {obstacle}");
                        Ok(Physical { route: Route { tier: Tier::Local, reason }, ..local })
                    }
                    physical => physical,
                }
            }
            _ => Ok(local),
        }
    }

    /// `planned` itself, or planned anew where settings or datasets have changed since.
    async fn current(
        &self,
        planned: &Arc<Planned>,
        schema: &SchemaRef,
        settings: Settings,
    ) -> Result<Arc<Planned>, Error> {
        let same_names = match planned.catalog_version {
            Some(version) => self.catalog.snapshot().await?.version() == version,
            None => true,
        };
        if same_names && settings == planned.scope.settings {
            return Ok(Arc::clone(planned));
        }
        let scope = Scope { settings, ..planned.scope.clone() };
        let sink = planned.sink.clone();
        let mut planned = self.plan(planned.parsed.clone(), scope).await?;
        if let Some(sink) = sink {
            planned.plan = sink.over(planned.plan)?;
            planned.sink = Some(sink);
        }
        if canonical(planned.plan.schema().as_arrow()) != *schema {
            return Err(Error::StalePreparation);
        }
        Ok(Arc::new(planned))
    }

    async fn durable_plan(
        &self,
        durable: &Durable,
        planned: &Arc<Planned>,
        local: &Physical,
    ) -> Result<Physical, Error> {
        let Scope { principal, settings, project, schema } = &planned.scope;
        let base = session::local_config(self.config.cores)
            .with_default_catalog_and_schema(project, schema);
        let config = settings.apply(durable.session_config(base));
        let mut state = durable.session_state(config, Arc::clone(&self.runtime));
        state.mark_start_execution();
        let seen = self.seen_by(*principal).await?;
        let caller = seen.clone();
        let versions = Arc::clone(&planned.versions);
        let system = self.system(&planned.scope);
        let strings = StringLayout::Plain;
        let resolver = Resolver { seen, caller, principal: *principal, versions, system, strings };
        let (state, mut plan) = resolver.plan(Arc::new(state), planned.parsed.clone()).await?;
        let views = views_in(&plan);
        let view = views.first().map(|(view, _)| view.as_str());
        distributable::check_subqueries(&plan).map_err(|obstacle| shown(obstacle, view))?;
        if let Some(sink) = &planned.sink {
            plan = sink.over(plan)?;
        }
        let (logical, plan) = physical_plan(&state, plan).await?;
        distributable::check(&plan).map_err(|obstacle| shown(obstacle, view))?;
        // Executors know of no locations.
        let files = local_files(plan.as_ref());
        let checked = self.stores.check_local(&files).await;
        checked.map_err(|source| Error::Running(DataFusionError::ObjectStore(Box::new(source))))?;
        let (route, stores) = (local.route.clone(), Arc::clone(&local.stores));
        let versions = Arc::clone(&local.versions);
        Ok(Physical { route, state, logical, plan, stores, versions })
    }

    async fn start_durable(
        &self,
        durable: &Arc<Durable>,
        physical: Physical,
        guard: &QueryGuard,
    ) -> Result<DurableQuery, Error> {
        let context =
            Arc::new(SessionContext::new_with_state(SessionState::clone(&physical.state)));
        let tells_bytes = tells_bytes_scanned(physical.plan.as_ref());
        let query = durable.run(guard.record().id(), context, physical.plan).await?;
        let stages = query.measure();
        guard.record().measure_by(Measure::new(move || {
            let measured = stages();
            let bytes_scanned = measured.bytes_scanned.filter(|_| tells_bytes);
            Measured { bytes_scanned, ..measured }
        }));
        guard.record().run_on(Tier::Durable, Some(query.progress.clone()));
        Ok(query)
    }

    fn fleet(&self) -> Fleet {
        let executors =
            self.durable.as_ref().map(|durable| durable.executors()).unwrap_or_default();
        let active = executors.iter().filter(|executor| executor.is_active());
        active.fold(Fleet::default(), |fleet, executor| Fleet {
            executors: fleet.executors + 1,
            cores: fleet.cores + executor.cores,
        })
    }
}

/// `error`, with the version of a Delta table whose file is gone.
fn of_version(error: Error, versions: &TakenVersions) -> Error {
    if error.code() != ErrorCode::FileGone {
        return error;
    }
    match versions.whose(&Chain(&error).to_string()) {
        Some((table, version, is_asked_for)) => Error::VersionIncomplete {
            table: table.to_string(),
            version,
            is_asked_for,
            source: Box::new(error),
        },
        None => error,
    }
}

/// The files of this machine that a plan reads, and the folders where it writes.
fn local_files(plan: &dyn ExecutionPlan) -> Vec<Path> {
    let mut files: Vec<_> =
        plan.children().into_iter().flat_map(|child| local_files(child.as_ref())).collect();
    if let Some(write) = plan.downcast_ref::<FileWriteExec>() {
        let root = &write.write().root;
        files.extend(root.local_path().map(|_| root.folder().clone()));
    }
    let scan = plan.downcast_ref::<DataSourceExec>();
    let scan = scan.and_then(|scan| scan.data_source().downcast_ref::<FileScanConfig>());
    if let Some(scan) = scan.filter(|scan| scan.object_store_url.as_str().starts_with("file:")) {
        let scanned = scan.file_groups.iter().flat_map(|group| group.files());
        files.extend(scanned.map(|file| file.path().clone()));
    }
    files
}

/// The obstacle as it is told to one who may not see the inside of a view.
fn shown(obstacle: NotDistributable, view: Option<&str>) -> NotDistributable {
    match (obstacle, view) {
        (NotDistributable::Selection { .. }, Some(view)) => {
            NotDistributable::Selection { file: view.to_string() }
        }
        (NotDistributable::UncheckedSubquery { .. }, Some(view)) => {
            NotDistributable::UncheckedSubquery { subquery: format!("beside or in {view}") }
        }
        (obstacle, _) => obstacle,
    }
}

/// The plan as it runs in this process, where it is seen what it takes.
fn execution(physical: &Physical, schema: SchemaRef, guard: &QueryGuard) -> local::Execution {
    let runtime = for_query(physical.state.runtime_env(), &physical.stores);
    let (pool, cpu) = (PeakPool::over(&runtime), CpuTime::default());
    let lists_functions = reads_made_tables(physical.plan.as_ref());
    let context = task_context(&physical.state, pool.in_runtime(&runtime), lists_functions);
    guard.record().measure_by(Measure::of_local(&physical.plan, pool, cpu.clone()));
    local::Execution { plan: Arc::clone(&physical.plan), context, schema, cpu }
}

/// The context of a plan that runs in this process. It carries functions only where they may be
/// listed: else only a plan that is decoded from bytes looks them up there.
fn task_context(
    state: &SessionState,
    runtime: Arc<RuntimeEnv>,
    lists_functions: bool,
) -> Arc<TaskContext> {
    let id = state.session_id().to_string();
    let config = state.config().clone();
    let (scalar, aggregate, window) = match lists_functions {
        true => (
            state.scalar_functions().clone(),
            state.aggregate_functions().clone(),
            state.window_functions().clone(),
        ),
        false => Default::default(),
    };
    let context =
        TaskContext::new(None, id, config, scalar, HashMap::new(), aggregate, window, runtime);
    Arc::new(context)
}

/// Whether a plan reads tables that are made while it runs, as those of `information_schema` are.
fn reads_made_tables(plan: &dyn ExecutionPlan) -> bool {
    plan.is::<StreamingTableExec>()
        || plan.children().into_iter().any(|child| reads_made_tables(child.as_ref()))
}
