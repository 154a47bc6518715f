//! Takes tasks from the scheduler, aborts them, and removes files that nobody needs any more.

use std::sync::Arc;

use ballista_core::serde::protobuf::executor_grpc_server::ExecutorGrpc;
use ballista_core::serde::protobuf::{
    CancelTasksParams, CancelTasksResult, LaunchMultiTaskParams, LaunchMultiTaskResult,
    LaunchTaskParams, LaunchTaskResult, RemoveJobDataParams, RemoveJobDataResult,
    StopExecutorParams, StopExecutorResult,
};
use tonic::{Request, Response, Status};

use crate::membership::Membership;
use crate::scratch::Scratch;
use crate::tasks::TaskRunner;

/// Ballista's service of executors, for push scheduling.
pub(crate) struct TaskService {
    pub(crate) membership: Arc<Membership>,
    pub(crate) tasks: Arc<TaskRunner>,
    pub(crate) scratch: Arc<Scratch>,
}

#[tonic::async_trait]
impl ExecutorGrpc for TaskService {
    async fn launch_task(
        &self,
        _request: Request<LaunchTaskParams>,
    ) -> Result<Response<LaunchTaskResult>, Status> {
        Err(Status::unimplemented("tasks come several at a time"))
    }

    async fn launch_multi_task(
        &self,
        request: Request<LaunchMultiTaskParams>,
    ) -> Result<Response<LaunchMultiTaskResult>, Status> {
        let executor_id = self
            .membership
            .id()
            .ok_or_else(|| Status::unavailable("this executor is no member now"))?;
        for definition in request.into_inner().multi_tasks {
            self.tasks.launch(&executor_id, definition).await;
        }
        Ok(Response::new(LaunchMultiTaskResult { failed_jobs: Vec::new() }))
    }

    async fn stop_executor(
        &self,
        request: Request<StopExecutorParams>,
    ) -> Result<Response<StopExecutorResult>, Status> {
        // The scheduler has given this membership up. The process goes on and joins anew.
        let StopExecutorParams { executor_id, reason, .. } = request.into_inner();
        tracing::warn!(executor_id, reason, "the scheduler ends this membership");
        self.membership.lose(&executor_id);
        Ok(Response::new(StopExecutorResult {}))
    }

    async fn cancel_tasks(
        &self,
        request: Request<CancelTasksParams>,
    ) -> Result<Response<CancelTasksResult>, Status> {
        for task in request.into_inner().task_infos {
            self.tasks.cancel(&task.job_id, task.stage_id as usize, task.task_id as usize);
        }
        Ok(Response::new(CancelTasksResult { cancelled: true }))
    }

    async fn remove_job_data(
        &self,
        request: Request<RemoveJobDataParams>,
    ) -> Result<Response<RemoveJobDataResult>, Status> {
        let RemoveJobDataParams { job_id, remove_stage_ids } = request.into_inner();
        if remove_stage_ids.is_empty() {
            // A task that still runs would make the folder again.
            self.tasks.cancel_job(&job_id).await;
        }
        let scratch = Arc::clone(&self.scratch);
        let removed =
            tokio::task::spawn_blocking(move || scratch.remove(&job_id, &remove_stage_ids)).await;
        match removed {
            Ok(Ok(())) => Ok(Response::new(RemoveJobDataResult {})),
            Ok(Err(error)) => Err(Status::invalid_argument(error.to_string())),
            Err(error) => Err(Status::internal(error.to_string())),
        }
    }
}
