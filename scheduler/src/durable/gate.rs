//! What Ballista's scheduler hears from executors.
//!
//! Its service takes plans from anybody and trusts every number in a message: a task that does not
//! exist makes its event loop panic. This stands before it, lets through the four calls that
//! executors make, and checks what they say.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ballista_core::JobId;
use ballista_core::serde::protobuf::scheduler_grpc_server::SchedulerGrpc;
use ballista_core::serde::protobuf::{
    CancelJobParams, CancelJobResult, CleanJobDataParams, CleanJobDataResult,
    CreateUpdateSessionParams, CreateUpdateSessionResult, ExecuteQueryParams, ExecuteQueryResult,
    ExecutorRegistration, ExecutorStoppedParams, ExecutorStoppedResult, GetJobMetricsParams,
    GetJobMetricsResult, GetJobStatusParams, GetJobStatusResult, HeartBeatParams, HeartBeatResult,
    PollWorkParams, PollWorkResult, RegisterExecutorParams, RegisterExecutorResult,
    RemoveSessionParams, RemoveSessionResult, TaskStatus, UpdateTaskStatusParams,
    UpdateTaskStatusResult,
};
use ballista_core::serde::scheduler::ExecutorSpecification;
use ballista_scheduler::state::execution_stage::ExecutionStage;
use futures::stream::BoxStream;
use lakegate_common::cluster_token::ClusterToken;
use lakegate_engine::task_usage::TaskUsage;
use tonic::{Request, Response, Status};

use super::Scheduler;
use super::costs::Costs;
use super::liveness::{self, Probe};
use super::members::Members;

/// The number of a report within one membership, so that one sent twice counts once.
const REPORT_HEADER: &str = "lakegate-report";
/// Cores that one executor may say it has.
const CORES_MAX: u32 = 4096;
/// How long an executor that joins may take to answer us.
const JOIN_PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// Stands before Ballista's scheduler.
pub(super) struct Gate {
    pub(super) scheduler: Scheduler,
    pub(super) members: Arc<Members>,
    pub(super) costs: Arc<Costs>,
    pub(super) token: ClusterToken,
}

impl Gate {
    /// Asks an executor that wants to join whether it is there and fits.
    async fn try_out(&self, metadata: &ExecutorRegistration) -> Result<Probe, Status> {
        let address =
            format!("{}:{}", metadata.host.as_deref().unwrap_or_default(), metadata.grpc_port);
        let channel = liveness::channel(&address, &self.token)
            .map_err(|reason| Status::invalid_argument(reason.to_string()))?;
        let unreachable = |reason: String| {
            Status::unavailable(format!(
                "the scheduler cannot reach the executor at {address}: {reason}"
            ))
        };
        let probe =
            tokio::time::timeout(JOIN_PROBE_TIMEOUT, liveness::probe(channel, &self.token)).await;
        let probe = probe
            .map_err(|_| unreachable("no answer".to_string()))?
            .map_err(|status| unreachable(status.message().to_string()))?;
        let version = env!("CARGO_PKG_VERSION");
        if probe.version != version {
            return Err(Status::failed_precondition(format!(
                "the scheduler is version {version} and the executor {}",
                probe.version
            )));
        }
        if probe.executor_id != metadata.id {
            return Err(Status::invalid_argument(format!("another executor answers at {address}")));
        }
        Ok(probe)
    }

    /// Checks every number of a report against the job it names, since Ballista does not.
    ///
    /// Measurements that do not fit those of the stage's other tasks are left out: Ballista would
    /// drop the whole report for them, and the job would wait for it.
    async fn check(&self, job: &str, statuses: &mut [TaskStatus]) -> Result<(), Status> {
        let jobs = self.scheduler.state.task_manager.get_running_job_cache();
        let Some(entry) = jobs.get(&JobId::from(job.to_string())) else { return Ok(()) };
        let graph = entry.execution_graph.read().await;
        let mut operators: HashMap<u32, usize> = HashMap::new();
        for status in statuses {
            let stage = graph.stages().get(&(status.stage_id as usize));
            let refused = |what: &str| {
                Status::invalid_argument(format!(
                    "job {job}, stage {}, task {}: {what}",
                    status.stage_id, status.task_id
                ))
            };
            let stage = stage.ok_or_else(|| refused("no such stage"))?;
            if status.status.is_none() {
                return Err(refused("no outcome"));
            }
            // A stage that was rolled back has no tasks; Ballista passes over reports of it.
            if stage.task_infos().is_some_and(|tasks| status.task_id as usize >= tasks.len()) {
                return Err(refused("no such task"));
            }
            let measured = match stage {
                ExecutionStage::Running(stage) => stage.stage_metrics.as_ref().map(Vec::len),
                _ => None,
            };
            if !status.metrics.is_empty() {
                let given = status.metrics.len();
                let expected =
                    *operators.entry(status.stage_id).or_insert(measured.unwrap_or(given));
                if given != expected {
                    status.metrics.clear();
                }
            }
        }
        Ok(())
    }
}

fn check_registration(
    metadata: Option<&ExecutorRegistration>,
) -> Result<&ExecutorRegistration, Status> {
    let refused = |what: &str| Status::invalid_argument(format!("the registration has no {what}"));
    let metadata = metadata.ok_or_else(|| refused("metadata"))?;
    let specification = metadata.specification.clone().ok_or_else(|| refused("specification"))?;
    let specification: ExecutorSpecification = specification.into();
    if metadata.id.is_empty() || metadata.id.len() > 64 {
        return Err(refused("identifier of at most 64 characters"));
    }
    if metadata.host.as_deref().unwrap_or_default().is_empty() {
        return Err(refused("host"));
    }
    if metadata.os_info.is_none() {
        return Err(refused("machine"));
    }
    if !(1..=CORES_MAX).contains(&specification.vcores) {
        return Err(refused("number of cores from 1 to 4096"));
    }
    let is_port = |number: u32| (1..=u32::from(u16::MAX)).contains(&number);
    if !is_port(metadata.port) || !is_port(metadata.grpc_port) {
        return Err(refused("port"));
    }
    Ok(metadata)
}

fn not_for_executors<T>() -> Result<T, Status> {
    Err(Status::permission_denied("the cluster port takes no queries; use the client port"))
}

#[tonic::async_trait]
impl SchedulerGrpc for Gate {
    type ExecuteQueryPushStream = BoxStream<'static, Result<GetJobStatusResult, Status>>;

    async fn register_executor(
        &self,
        request: Request<RegisterExecutorParams>,
    ) -> Result<Response<RegisterExecutorResult>, Status> {
        let metadata = check_registration(request.get_ref().metadata.as_ref())?;
        let (probe, id) = (self.try_out(metadata).await?, metadata.id.clone());
        let joined = SchedulerGrpc::register_executor(&self.scheduler, request).await?;
        self.members.answered(&id, probe.answer, Instant::now());
        tracing::info!(executor_id = id, "executor joined");
        Ok(joined)
    }

    async fn heart_beat_from_executor(
        &self,
        request: Request<HeartBeatParams>,
    ) -> Result<Response<HeartBeatResult>, Status> {
        check_registration(request.get_ref().metadata.as_ref())?;
        if !self.members.knows(&request.get_ref().executor_id) {
            return Ok(Response::new(HeartBeatResult { reregister: true }));
        }
        SchedulerGrpc::heart_beat_from_executor(&self.scheduler, request).await
    }

    async fn update_task_status(
        &self,
        request: Request<UpdateTaskStatusParams>,
    ) -> Result<Response<UpdateTaskStatusResult>, Status> {
        let number = request
            .metadata()
            .get(REPORT_HEADER)
            .and_then(|value| value.to_str().ok())
            .and_then(|text| text.parse().ok());
        let number: u64 =
            number.ok_or_else(|| Status::invalid_argument("the report has no number"))?;
        let UpdateTaskStatusParams { executor_id, task_status } = request.into_inner();
        if !self.members.knows(&executor_id) {
            return Err(Status::not_found("no such member"));
        }
        let mut by_job: HashMap<String, Vec<TaskStatus>> = HashMap::new();
        let mut usages = Vec::new();
        for mut status in task_status {
            usages.push((status.job_id.clone(), TaskUsage::detach(&mut status.metrics)));
            by_job.entry(status.job_id.clone()).or_default().push(status);
        }
        for (job, statuses) in &mut by_job {
            self.check(job, statuses).await?;
        }
        if !self.members.hear(&executor_id, number) {
            return Ok(Response::new(UpdateTaskStatusResult { success: true }));
        }
        for status in by_job.values().flatten() {
            let task = (
                status.job_id.clone(),
                status.stage_id as usize,
                status.stage_attempt_num as usize,
                status.task_id as usize,
            );
            self.members.task_ended(&executor_id, &task);
        }
        for (job, usage) in usages {
            self.costs.end(&job, &executor_id, usage);
        }
        // One at a time: what Ballista cannot make sense of would take the others with it.
        for task_status in by_job.into_values() {
            let report = Request::new(UpdateTaskStatusParams {
                executor_id: executor_id.clone(),
                task_status,
            });
            SchedulerGrpc::update_task_status(&self.scheduler, report).await?;
        }
        Ok(Response::new(UpdateTaskStatusResult { success: true }))
    }

    async fn executor_stopped(
        &self,
        request: Request<ExecutorStoppedParams>,
    ) -> Result<Response<ExecutorStoppedResult>, Status> {
        let ExecutorStoppedParams { executor_id, reason } = request.into_inner();
        self.members.condemn(&executor_id, &reason);
        Ok(Response::new(ExecutorStoppedResult {}))
    }

    async fn poll_work(
        &self,
        _request: Request<PollWorkParams>,
    ) -> Result<Response<PollWorkResult>, Status> {
        not_for_executors()
    }

    async fn create_update_session(
        &self,
        _request: Request<CreateUpdateSessionParams>,
    ) -> Result<Response<CreateUpdateSessionResult>, Status> {
        not_for_executors()
    }

    async fn remove_session(
        &self,
        _request: Request<RemoveSessionParams>,
    ) -> Result<Response<RemoveSessionResult>, Status> {
        not_for_executors()
    }

    async fn execute_query_push(
        &self,
        _request: Request<ExecuteQueryParams>,
    ) -> Result<Response<Self::ExecuteQueryPushStream>, Status> {
        not_for_executors()
    }

    async fn execute_query(
        &self,
        _request: Request<ExecuteQueryParams>,
    ) -> Result<Response<ExecuteQueryResult>, Status> {
        not_for_executors()
    }

    async fn get_job_status(
        &self,
        _request: Request<GetJobStatusParams>,
    ) -> Result<Response<GetJobStatusResult>, Status> {
        not_for_executors()
    }

    async fn get_job_metrics(
        &self,
        _request: Request<GetJobMetricsParams>,
    ) -> Result<Response<GetJobMetricsResult>, Status> {
        not_for_executors()
    }

    async fn cancel_job(
        &self,
        _request: Request<CancelJobParams>,
    ) -> Result<Response<CancelJobResult>, Status> {
        not_for_executors()
    }

    async fn clean_job_data(
        &self,
        _request: Request<CleanJobDataParams>,
    ) -> Result<Response<CleanJobDataResult>, Status> {
        not_for_executors()
    }
}
