//! Answers the scheduler's question whether this executor lives and what it does.

use std::sync::Arc;

use lakegate_common::ByteSize;
use lakegate_proto::cluster::v1::executor_server::Executor;
use lakegate_proto::cluster::v1::{ProbeRequest, ProbeResponse};
use tonic::{Request, Response, Status};

use crate::membership::Membership;
use crate::reporter::Reports;
use crate::tasks::TaskRunner;

/// Answers probes.
pub(crate) struct LivenessService {
    pub(crate) membership: Arc<Membership>,
    pub(crate) tasks: Arc<TaskRunner>,
    pub(crate) reports: Reports,
    pub(crate) memory: ByteSize,
}

#[tonic::async_trait]
impl Executor for LivenessService {
    async fn probe(
        &self,
        _request: Request<ProbeRequest>,
    ) -> Result<Response<ProbeResponse>, Status> {
        let mut busy_jobs = self.tasks.running_jobs();
        busy_jobs.extend(self.reports.unheard_jobs());
        Ok(Response::new(ProbeResponse {
            executor_id: self.membership.id().unwrap_or_default(),
            version: env!("CARGO_PKG_VERSION").to_string(),
            memory_bytes: self.memory.bytes(),
            running_tasks: u32::try_from(self.tasks.running_count()).unwrap_or(u32::MAX),
            busy_jobs,
        }))
    }
}
