//! Jobs as Ballista keeps them, without those it would keep for ever, and which of them somebody
//! still needs.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use ballista_core::error::Result;
use ballista_core::serde::protobuf::JobStatus;
use ballista_core::{JobId, JobStatusSubscriber};
use ballista_scheduler::cluster::memory::InMemoryJobState;
use ballista_scheduler::cluster::{JobState, JobStateEventStream};
use ballista_scheduler::state::execution_graph::ExecutionGraphBox;
use datafusion::execution::context::SessionContext;
use datafusion::prelude::SessionConfig;
use tokio::sync::watch;

/// The jobs of one scheduler.
pub(super) struct Jobs {
    inner: InMemoryJobState,
    needed: watch::Sender<HashSet<String>>,
}

impl Jobs {
    pub(super) fn new(inner: InMemoryJobState) -> Arc<Self> {
        Arc::new(Self { inner, needed: watch::Sender::new(HashSet::new()) })
    }

    /// Notes that somebody needs a job's files, until the lease is dropped.
    pub(super) fn need(self: &Arc<Self>, job: &JobId) -> Lease {
        self.needed.send_modify(|needed| {
            needed.insert(job.to_string());
        });
        Lease { jobs: Arc::clone(self), job: job.to_string() }
    }

    /// Those of the jobs that somebody needs.
    pub(super) fn needed_of(&self, jobs: Vec<String>) -> Vec<String> {
        let needed = self.needed.borrow();
        jobs.into_iter().filter(|job| needed.contains(job)).collect()
    }

    /// Returns once nobody needs any job.
    pub(super) async fn idle(&self) {
        let mut changes = self.needed.subscribe();
        let _ = changes.wait_for(HashSet::is_empty).await;
    }
}

/// Somebody's need of a job's files.
pub(super) struct Lease {
    jobs: Arc<Jobs>,
    job: String,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.jobs.needed.send_modify(|needed| {
            needed.remove(&self.job);
        });
    }
}

#[async_trait]
impl JobState for Jobs {
    fn accept_job(&self, job_id: &JobId, job_name: &str, queued_at: u64) -> Result<()> {
        self.inner.accept_job(job_id, job_name, queued_at)
    }

    fn pending_job_number(&self) -> usize {
        self.inner.pending_job_number()
    }

    async fn submit_job(
        &self,
        job_id: JobId,
        graph: &ExecutionGraphBox,
        subscriber: Option<JobStatusSubscriber>,
    ) -> Result<()> {
        self.inner.submit_job(job_id, graph, subscriber).await
    }

    async fn get_jobs(&self) -> Result<HashSet<JobId>> {
        self.inner.get_jobs().await
    }

    async fn get_all_jobs(&self) -> Result<HashSet<JobId>> {
        self.inner.get_all_jobs().await
    }

    async fn get_job_status(&self, job_id: &JobId) -> Result<Option<JobStatus>> {
        self.inner.get_job_status(job_id).await
    }

    async fn get_execution_graph(&self, job_id: &JobId) -> Result<Option<ExecutionGraphBox>> {
        self.inner.get_execution_graph(job_id).await
    }

    async fn save_job(&self, job_id: &JobId, graph: &ExecutionGraphBox) -> Result<()> {
        self.inner.save_job(job_id, graph).await
    }

    async fn fail_unscheduled_job(&self, job_id: &JobId, reason: String) -> Result<()> {
        self.inner.fail_unscheduled_job(job_id, reason).await?;
        // The subscriber has heard; Ballista would keep it as long as it runs.
        self.inner.remove_job(job_id).await
    }

    async fn remove_job(&self, job_id: &JobId) -> Result<()> {
        // Ballista removes a job some time after its end, we as soon as its results were read.
        match self.inner.get_job_status(job_id).await? {
            Some(_) => self.inner.remove_job(job_id).await,
            None => Ok(()),
        }
    }

    async fn try_acquire_job(&self, job_id: &JobId) -> Result<Option<ExecutionGraphBox>> {
        self.inner.try_acquire_job(job_id).await
    }

    async fn job_state_events(&self) -> Result<JobStateEventStream> {
        self.inner.job_state_events().await
    }

    async fn create_or_update_session(
        &self,
        session_id: &str,
        config: &SessionConfig,
    ) -> Result<Arc<SessionContext>> {
        self.inner.create_or_update_session(session_id, config).await
    }

    async fn remove_session(&self, session_id: &str) -> Result<()> {
        self.inner.remove_session(session_id).await
    }

    fn produce_config(&self) -> SessionConfig {
        self.inner.produce_config()
    }
}
