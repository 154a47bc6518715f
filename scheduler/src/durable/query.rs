//! One query of the durable tier, from its plan to its last row.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use ballista_core::JobId;
use ballista_core::serde::protobuf::JobStatus;
use ballista_scheduler::cluster::JobState;
use ballista_scheduler::state::execution_graph::ExecutionGraphBox;
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use futures::StreamExt;
use futures::stream::BoxStream;
use lakegate_engine::security_barrier::view_in;
use lakegate_lake::store::Side;
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;

use super::costs::{Account, Cost, OpenAccount};
use super::outcome::{End, Next, decide};
use super::results::{self, Interrupted};
use super::{Core, Error, StageProgress, StageReport, cancel, follow, hidden, integrity, progress};
use crate::query::{Measured, QueryId};

/// Statuses of a job that may wait for us; Ballista drops what is more.
const STATUSES_MAX: usize = 1024;
/// Batches that wait for the client.
const BATCHES_MAX: usize = 4;
/// How often and how long apart an ended job's stages are looked for.
const GRAPH_LOOKS: u32 = 1000;
const GRAPH_LOOK: Duration = Duration::from_millis(1);

/// A plan in the form that Ballista gets it.
pub(super) enum Plan {
    /// Divided into stages once.
    Physical(Arc<dyn ExecutionPlan>),
    /// Planned anew after every stage.
    Adaptive(LogicalPlan),
}

/// A query that runs on executors. Dropping its batches cancels it and removes its files.
pub struct DurableQuery {
    /// The schema of the batches: that of the plan.
    pub schema: SchemaRef,
    /// The rows, in the order of partitions.
    pub batches: BoxStream<'static, Result<RecordBatch, Error>>,
    /// How far its stages are.
    pub progress: watch::Receiver<Vec<StageProgress>>,
    graph: Arc<Mutex<Option<ExecutionGraphBox>>>,
    account: Account,
}

impl DurableQuery {
    /// What it took so far, as far as executors have told.
    pub fn cost(&self) -> Cost {
        self.account.cost()
    }

    /// What its stages did; empty until the last batch was read.
    pub fn stage_metrics(&self) -> Vec<StageReport> {
        self.graph
            .lock()
            .as_ref()
            .map(|graph| progress::reports(graph.as_ref()))
            .unwrap_or_default()
    }

    /// What looks at what its executors took. What its operators measured is known once all stages
    /// have ended.
    pub(crate) fn measure(&self) -> impl Fn() -> Measured + Send + Sync + 'static {
        let (graph, account) = (Arc::clone(&self.graph), self.account.clone());
        move || {
            let ended = graph.lock().as_ref().map(|graph| progress::taken(graph.as_ref()));
            let Cost { cpu_time, peak_memory_bytes, retries } = account.cost();
            Measured {
                cpu_time: Some(cpu_time),
                peak_memory_bytes: Some(peak_memory_bytes),
                retries: Some(retries),
                ..ended.unwrap_or_default()
            }
        }
    }
}

/// Starts a query and returns at once.
///
/// # Errors
/// Nobody is there to run it.
pub(super) fn start(
    core: &Arc<Core>,
    id: QueryId,
    session: &SessionContext,
    plan: Plan,
    schema: SchemaRef,
) -> Result<DurableQuery, Error> {
    if core.members.active_cores() == 0 {
        return Err(Error::NoExecutors);
    }
    let context = core.settings.job_context(id, session, matches!(plan, Plan::Adaptive(_)));
    let (client, batches) = mpsc::channel(BATCHES_MAX);
    let (stages, progress) = watch::channel(Vec::new());
    let graph = Arc::default();
    let open = core.costs.open(&id.to_string());
    let account = open.account().clone();
    let run = Run {
        core: Arc::clone(core),
        id,
        context,
        plan,
        schema: Arc::clone(&schema),
        stages,
        graph: Arc::clone(&graph),
        _open: open,
    };
    core.threads.spawn(run.run(client));
    Ok(DurableQuery {
        schema,
        batches: ReceiverStream::new(batches).boxed(),
        progress,
        graph,
        account,
    })
}

type Client = mpsc::Sender<Result<RecordBatch, Error>>;

/// A query under way.
struct Run {
    core: Arc<Core>,
    id: QueryId,
    context: Arc<SessionContext>,
    plan: Plan,
    schema: SchemaRef,
    stages: watch::Sender<Vec<StageProgress>>,
    graph: Arc<Mutex<Option<ExecutionGraphBox>>>,
    _open: OpenAccount,
}

impl Run {
    async fn run(self, client: Client) {
        let mut attempts = 0;
        let error = loop {
            attempts += 1;
            match self.attempt(&client).await {
                Ok(()) => return,
                Err(Stop::Fail(error)) => break error,
                Err(Stop::Hide(end, view)) => {
                    match decide(end, attempts, self.core.config.reruns_max) {
                        Next::Fail(error) => break hidden::told(error, &view),
                        Next::Rerun(reason) => self.note_rerun(attempts, &reason),
                    }
                }
                Err(Stop::End(end)) => match decide(end, attempts, self.core.config.reruns_max) {
                    Next::Fail(error) => break error,
                    Next::Rerun(reason) => self.note_rerun(attempts, &reason),
                },
            }
        };
        // The client may have gone.
        let _ = client.send(Err(error)).await;
    }

    fn note_rerun(&self, attempt: usize, reason: &str) {
        tracing::warn!(query_id = %self.id, attempt, reason, "the query is run again");
    }

    /// Runs the plan as one job. Whatever happens, the job has ended and its files are gone
    /// afterwards.
    async fn attempt(&self, client: &Client) -> Result<(), Stop> {
        let (sender, statuses) = mpsc::channel(STATUSES_MAX);
        let job =
            self.submit(sender).await.map_err(|source| Stop::Fail(Error::Submit { source }))?;
        let lease = self.core.jobs.need(&job);
        let outcome = tokio::select! {
            biased;
            () = self.core.closing.cancelled() => Err(Stop::Fail(Error::Cancelled)),
            () = client.closed() => Err(Stop::Fail(Error::Cancelled)),
            outcome = self.finish(&job, statuses, client) => outcome,
        };
        let core = Arc::clone(&self.core);
        // The client need not wait for this.
        self.core.threads.spawn(async move {
            cancel::cancel(&core, &job).await;
            core.scheduler.state.executor_manager.clean_up_job_data(job.clone());
            if let Err(error) = core.jobs.remove_job(&job).await {
                tracing::warn!(job = %job, error = %error, "an ended job is kept for a while");
            }
            drop(lease);
        });
        outcome
    }

    async fn submit(
        &self,
        statuses: mpsc::Sender<JobStatus>,
    ) -> Result<JobId, ballista_core::error::BallistaError> {
        let name = self.id.to_string();
        let context = Arc::clone(&self.context);
        match &self.plan {
            Plan::Physical(plan) => {
                self.core
                    .scheduler
                    .submit_physical_plan(&name, context, Arc::clone(plan), Some(statuses))
                    .await
            }
            Plan::Adaptive(plan) => {
                self.core.scheduler.submit_job(&name, context, plan, Some(statuses)).await
            }
        }
    }

    /// The stages of a job that has succeeded. Ballista tells us of the success just before it puts
    /// them away.
    async fn ended_graph(&self, job: &JobId) -> Option<ExecutionGraphBox> {
        for _ in 0..GRAPH_LOOKS {
            if let Ok(Some(graph)) = self.core.jobs.get_execution_graph(job).await {
                return Some(graph);
            }
            tokio::time::sleep(GRAPH_LOOK).await;
        }
        None
    }

    /// How an attempt stops whose job has ended without rows.
    async fn stopped(&self, job: &JobId, end: End) -> Stop {
        let view = match &self.plan {
            Plan::Physical(plan) => view_in(plan.as_ref()),
            Plan::Adaptive(_) => None,
        };
        match view {
            Some(view) if hidden::is_hidden(&self.core, job).await => Stop::Hide(end, view),
            _ => Stop::End(end),
        }
    }

    async fn finish(
        &self,
        job: &JobId,
        statuses: mpsc::Receiver<JobStatus>,
        client: &Client,
    ) -> Result<(), Stop> {
        let Core { clients, config, .. } = self.core.as_ref();
        let is_checked = matches!(self.plan, Plan::Physical(_));
        let followed = follow::follow(&self.core, job, statuses, &self.stages, is_checked).await;
        let locations = match followed {
            Ok(locations) => locations,
            Err(end) => return Err(self.stopped(job, end).await),
        };
        let graph = self.ended_graph(job).await.ok_or(Stop::End(End::Forgotten))?;
        if is_checked {
            integrity::check_ended(graph.as_ref(), &locations)
                .map_err(|reason| Stop::End(End::Inconsistent(reason)))?;
        }
        progress::reports(graph.as_ref())
            .into_iter()
            .for_each(|stage| stage.used.record(Side::Executors));
        *self.graph.lock() = Some(graph);
        self.stages.send_modify(|stages| {
            stages.iter_mut().for_each(|stage| stage.tasks_done = stage.tasks)
        });
        match results::deliver(clients, locations, &self.schema, config.hold_back, client).await {
            Ok(()) => Ok(()),
            Err(Interrupted::Gone) => Err(Stop::Fail(Error::Cancelled)),
            Err(Interrupted::Lost { reason, seen: true }) => {
                Err(Stop::Fail(Error::ResultsLost { reason }))
            }
            Err(Interrupted::Lost { reason, seen: false }) => {
                Err(Stop::End(End::ResultsLost(reason)))
            }
        }
    }
}

/// Why an attempt gave not all rows.
enum Stop {
    /// The query ends with this.
    Fail(Error),
    /// The job ended so; another may do better.
    End(End),
    /// As before, and why may tell of what lies below this view, which its reader may not see.
    Hide(End, String),
}
