//! Who belongs to the cluster.
//!
//! Ballista keeps cores and heartbeats; this stands before it and adds what it does not know: that an
//! executor drains, that a probe found it dead, how much memory it has, which reports of it were
//! heard already.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use ballista_core::JobId;
use ballista_core::error::{BallistaError, Result};
use ballista_core::serde::protobuf::executor_status::Status as Heard;
use ballista_core::serde::protobuf::{ExecutorHeartbeat, ExecutorStatus as HeardStatus};
use ballista_core::serde::scheduler::{
    ExecutorData, ExecutorMetadata, ExecutorOperatingSystemSpecification, ExecutorSpecification,
};
use ballista_scheduler::cluster::memory::InMemoryClusterState;
use ballista_scheduler::cluster::{BoundTask, ClusterState, ClusterStateEventStream, ExecutorSlot};
use ballista_scheduler::config::TaskDistributionPolicy;
use ballista_scheduler::state::task_manager::JobInfoCache;
use parking_lot::{Mutex, RwLock};
use serde::Serialize;
use utoipa::ToSchema;

use super::costs::Costs;
use super::placement::Placement;
use super::pulse::{PULSE_ID, Pulse};
use super::slots::{Key, Slots};

/// How long a lost executor stays in the list.
const LOST_SHOWN: Duration = Duration::from_secs(300);
/// Lost executors in the list.
const LOST_MAX: usize = 64;

/// What an executor does, as far as queries are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExecutorState {
    /// Takes tasks.
    Active,
    /// Takes no new tasks and leaves when its files are not needed any more.
    Draining,
    /// Gone.
    Lost,
}

/// One executor as people see it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ExecutorStatus {
    /// Its identifier; a new one whenever it joins.
    pub id: String,
    /// `HOST:PORT` where members reach it.
    pub address: String,
    /// Tasks it takes at a time.
    pub cores: usize,
    /// Memory for queries, in bytes.
    pub memory_bytes: u64,
    /// What it does.
    pub state: ExecutorState,
    /// Tasks that run on it now.
    pub running_tasks: u32,
}

impl ExecutorStatus {
    /// Whether it takes tasks.
    pub fn is_active(&self) -> bool {
        self.state == ExecutorState::Active
    }
}

/// What an executor said of itself when it was asked.
#[derive(Debug, Clone, Default)]
pub(super) struct Answer {
    pub(super) memory_bytes: u64,
    pub(super) running_tasks: u32,
    pub(super) busy_jobs: Vec<String>,
}

#[derive(Debug)]
struct Member {
    metadata: ExecutorMetadata,
    state: ExecutorState,
    /// Found dead or said good-bye; Ballista removes it at its next look.
    condemned: Option<String>,
    lost_at: Option<Instant>,
    answer: Answer,
    last_report: u64,
}

/// The members of a cluster.
pub(super) struct Members {
    inner: InMemoryClusterState,
    table: RwLock<BTreeMap<String, Member>>,
    slots: Mutex<Slots>,
    costs: Arc<Costs>,
    pulse: Arc<Pulse>,
}

impl Members {
    pub(super) fn new(pulse: Arc<Pulse>, costs: Arc<Costs>) -> Arc<Self> {
        Arc::new(Self {
            inner: InMemoryClusterState::default(),
            table: RwLock::default(),
            slots: Mutex::default(),
            costs,
            pulse,
        })
    }

    /// Everyone, with those lost lately.
    pub(super) fn list(&self) -> Vec<ExecutorStatus> {
        let table = self.table.read();
        let shown = table
            .iter()
            .filter(|(_, member)| member.lost_at.is_none_or(|lost| lost.elapsed() < LOST_SHOWN));
        shown
            .map(|(id, member)| ExecutorStatus {
                id: id.clone(),
                address: format!("{}:{}", member.metadata.host, member.metadata.port),
                cores: member.metadata.specification.vcores as usize,
                memory_bytes: member.answer.memory_bytes,
                state: member.state,
                running_tasks: if member.lost_at.is_some() {
                    0
                } else {
                    member.answer.running_tasks
                },
            })
            .collect()
    }

    /// Cores of those that take tasks.
    pub(super) fn active_cores(&self) -> usize {
        let table = self.table.read();
        table
            .values()
            .filter(|member| member.takes_tasks())
            .map(|member| member.metadata.specification.vcores as usize)
            .sum()
    }

    /// Whether this is a member now.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.table
            .read()
            .get(id)
            .is_some_and(|member| member.is_present() && member.condemned.is_none())
    }

    /// Those present, with where they are reached.
    pub(super) fn present(&self) -> Vec<(String, ExecutorMetadata)> {
        let table = self.table.read();
        let present =
            table.iter().filter(|(_, member)| member.is_present() && member.condemned.is_none());
        present.map(|(id, member)| (id.clone(), member.metadata.clone())).collect()
    }

    /// Whether somebody has a task of the job, or the outcome of one that we have not heard.
    pub(super) fn is_busy_with(&self, job: &str) -> bool {
        let table = self.table.read();
        table
            .values()
            .filter(|member| member.is_present())
            .any(|member| member.answer.busy_jobs.iter().any(|busy| busy == job))
    }

    /// A member has told the end of a task.
    pub(super) fn task_ended(&self, id: &str, task: &Key) {
        self.slots.lock().end(id, task);
    }

    /// Keeps what an executor said of itself when it was asked at this moment.
    pub(super) fn answered(&self, id: &str, answer: Answer, asked: Instant) {
        self.slots.lock().compare(id, &answer.busy_jobs, asked);
        if let Some(member) = self.table.write().get_mut(id) {
            member.answer = answer;
        }
    }

    /// Gives an executor up. Ballista then hears that it was lost.
    pub(super) fn condemn(&self, id: &str, reason: &str) {
        if let Some(member) = self.table.write().get_mut(id)
            && member.is_present()
            && member.condemned.is_none()
        {
            tracing::warn!(executor_id = id, reason, "executor lost");
            member.condemned = Some(reason.to_string());
        }
    }

    /// Whether a report of a member is new; then it counts as heard.
    pub(super) fn hear(&self, id: &str, number: u64) -> bool {
        let mut table = self.table.write();
        let Some(member) = table.get_mut(id) else { return false };
        let is_new = number > member.last_report;
        member.last_report = member.last_report.max(number);
        is_new
    }

    /// Counts the tasks that are given out for the queries that they belong to.
    async fn count(&self, bound: &[BoundTask], jobs: &HashMap<JobId, JobInfoCache>) {
        for (_, task) in bound {
            let Some(job) = jobs.get(&task.key.job_id) else { continue };
            let query = job.execution_graph.read().await.job_name().to_string();
            let partitions = &task.global_input_partition_ids;
            self.costs.give(&query, task.key.job_id.as_str(), task.key.stage_id, partitions);
        }
    }

    fn lost(&self, id: &str) {
        let mut table = self.table.write();
        if let Some(member) = table.get_mut(id) {
            if member.lost_at.is_none() {
                tracing::info!(
                    executor_id = id,
                    reason = member.condemned.as_deref().unwrap_or("Ballista gave it up"),
                    "executor removed"
                );
            }
            member.state = ExecutorState::Lost;
            member.lost_at = Some(Instant::now());
            member.answer.busy_jobs.clear();
        }
        let mut lost: Vec<(Instant, String)> =
            table.iter().filter_map(|(id, member)| Some((member.lost_at?, id.clone()))).collect();
        lost.sort_unstable();
        let surplus = lost.len().saturating_sub(LOST_MAX);
        for (_, id) in lost.into_iter().take(surplus) {
            table.remove(&id);
        }
    }
}

impl Member {
    fn is_present(&self) -> bool {
        self.lost_at.is_none()
    }

    fn takes_tasks(&self) -> bool {
        self.state == ExecutorState::Active && self.condemned.is_none()
    }
}

#[async_trait]
impl ClusterState for Members {
    async fn bind_schedulable_tasks(
        &self,
        _distribution: TaskDistributionPolicy,
        active_jobs: Arc<HashMap<JobId, JobInfoCache>>,
        executors: Option<HashSet<String>>,
    ) -> Result<Vec<BoundTask>> {
        let takes_tasks: HashSet<String> = {
            let table = self.table.read();
            table
                .iter()
                .filter(|(_, member)| member.takes_tasks())
                .map(|(id, _)| id.clone())
                .collect()
        };
        let executors = executors.map_or_else(
            || takes_tasks.clone(),
            |named| named.intersection(&takes_tasks).cloned().collect(),
        );
        let (credits, cores) = {
            let mut slots = self.slots.lock();
            (slots.credits(), slots.cores(&takes_tasks))
        };
        self.inner.unbind_tasks(credits).await?;
        let placement = TaskDistributionPolicy::Custom(Arc::new(Placement::new(cores)));
        let jobs = Arc::clone(&active_jobs);
        let bound = self.inner.bind_schedulable_tasks(placement, jobs, Some(executors)).await?;
        self.count(&bound, &active_jobs).await;
        let now = Instant::now();
        let mut slots = self.slots.lock();
        for (executor_id, task) in &bound {
            let key = (
                task.key.job_id.to_string(),
                task.key.stage_id,
                task.stage_attempt_num,
                task.key.task_id,
            );
            slots.give(executor_id, key, task.vcores_consumed, now);
        }
        Ok(bound)
    }

    async fn unbind_tasks(&self, _executor_slots: Vec<ExecutorSlot>) -> Result<()> {
        // Called for every report, the empty ones of the pulse among them. What is free is known
        // better by `slots`.
        self.pulse.beat();
        Ok(())
    }

    async fn register_executor(
        &self,
        metadata: ExecutorMetadata,
        spec: ExecutorData,
    ) -> Result<()> {
        let id = metadata.id.clone();
        if self.table.read().contains_key(&id) {
            return Err(BallistaError::Configuration(format!(
                "executor {id} is already registered"
            )));
        }
        let cores = spec.available_vcores;
        self.inner.register_executor(metadata.clone(), spec).await?;
        self.slots.lock().join(&id, cores);
        let member = Member {
            metadata,
            state: ExecutorState::Active,
            condemned: None,
            lost_at: None,
            answer: Answer::default(),
            last_report: 0,
        };
        self.table.write().insert(id, member);
        Ok(())
    }

    async fn save_executor_metadata(&self, metadata: ExecutorMetadata) -> Result<()> {
        self.inner.save_executor_metadata(metadata).await
    }

    async fn get_executor_metadata(&self, executor_id: &str) -> Result<ExecutorMetadata> {
        if executor_id == PULSE_ID {
            return Ok(nobody());
        }
        self.inner.get_executor_metadata(executor_id).await
    }

    async fn registered_executor_metadata(&self) -> Vec<ExecutorMetadata> {
        self.inner.registered_executor_metadata().await
    }

    async fn save_executor_heartbeat(&self, heartbeat: ExecutorHeartbeat) -> Result<()> {
        let state = match heartbeat.status.as_ref().and_then(|status| status.status.as_ref()) {
            Some(Heard::Terminating(_) | Heard::Dead(_)) => ExecutorState::Draining,
            _ => ExecutorState::Active,
        };
        {
            let mut table = self.table.write();
            let Some(member) =
                table.get_mut(&heartbeat.executor_id).filter(|member| member.is_present())
            else {
                // Removed meanwhile; a heartbeat without the rest would keep it half alive.
                return Ok(());
            };
            member.state = state;
        }
        self.inner.save_executor_heartbeat(heartbeat).await
    }

    async fn remove_executor(&self, executor_id: &str) -> Result<()> {
        self.lost(executor_id);
        self.slots.lock().leave(executor_id);
        self.inner.remove_executor(executor_id).await
    }

    fn executor_heartbeats(&self) -> HashMap<String, ExecutorHeartbeat> {
        let mut heartbeats = self.inner.executor_heartbeats();
        let table = self.table.read();
        for (id, heartbeat) in &mut heartbeats {
            if table.get(id).is_some_and(|member| member.condemned.is_some()) {
                // Terminating and long silent: Ballista removes it and does not call it.
                heartbeat.timestamp = 0;
                heartbeat.status =
                    Some(HeardStatus { status: Some(Heard::Terminating(String::new())) });
            }
        }
        heartbeats
    }

    fn get_executor_heartbeat(&self, executor_id: &str) -> Option<ExecutorHeartbeat> {
        if executor_id == PULSE_ID {
            return Some(ExecutorHeartbeat {
                executor_id: PULSE_ID.to_string(),
                timestamp: now_secs(),
                metrics: Vec::new(),
                status: Some(HeardStatus { status: Some(Heard::Active(String::new())) }),
                peak_proc_physical_memory: 0,
                peak_proc_virtual_memory: 0,
            });
        }
        self.inner.get_executor_heartbeat(executor_id)
    }

    async fn cluster_state_events(&self) -> Result<ClusterStateEventStream> {
        self.inner.cluster_state_events().await
    }
}

/// The executor that does not exist.
fn nobody() -> ExecutorMetadata {
    ExecutorMetadata {
        id: PULSE_ID.to_string(),
        host: String::new(),
        port: 0,
        grpc_port: 0,
        specification: ExecutorSpecification { vcores: 0 },
        os_info: ExecutorOperatingSystemSpecification::default(),
    }
}

fn now_secs() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(id: &str) -> ExecutorMetadata {
        ExecutorMetadata {
            id: id.to_string(),
            host: "10.0.0.1".to_string(),
            port: 1,
            specification: ExecutorSpecification { vcores: 2 },
            ..nobody()
        }
    }

    async fn members() -> Arc<Members> {
        let members = Members::new(Pulse::new(), Arc::default());
        let data =
            ExecutorData { executor_id: "a".to_string(), total_vcores: 2, available_vcores: 2 };
        members.register_executor(metadata("a"), data).await.unwrap();
        members
    }

    fn heartbeat(status: Heard) -> ExecutorHeartbeat {
        ExecutorHeartbeat {
            executor_id: "a".to_string(),
            timestamp: now_secs(),
            metrics: Vec::new(),
            status: Some(HeardStatus { status: Some(status) }),
            peak_proc_physical_memory: 0,
            peak_proc_virtual_memory: 0,
        }
    }

    #[tokio::test]
    async fn a_draining_executor_is_present_and_takes_no_tasks() {
        let members = members().await;
        assert_eq!(members.active_cores(), 2);
        members
            .save_executor_heartbeat(heartbeat(Heard::Terminating(String::new())))
            .await
            .unwrap();
        assert_eq!(members.active_cores(), 0);
        assert!(members.knows("a"));
        assert_eq!(members.list()[0].state, ExecutorState::Draining);
    }

    #[tokio::test]
    async fn an_executor_that_was_found_dead_looks_expired_to_ballista() {
        let members = members().await;
        members.condemn("a", "connection refused");
        assert!(!members.knows("a"));
        assert_eq!(members.executor_heartbeats()["a"].timestamp, 0);
        members.remove_executor("a").await.unwrap();
        assert_eq!(members.list()[0].state, ExecutorState::Lost);
    }

    #[tokio::test]
    async fn a_late_heartbeat_does_not_bring_a_lost_executor_back() {
        let members = members().await;
        members.remove_executor("a").await.unwrap();
        members.save_executor_heartbeat(heartbeat(Heard::Active(String::new()))).await.unwrap();
        assert!(members.executor_heartbeats().is_empty());
        let data =
            ExecutorData { executor_id: "a".to_string(), total_vcores: 2, available_vcores: 2 };
        assert!(members.register_executor(metadata("a"), data).await.is_err());
    }

    #[tokio::test]
    async fn a_report_counts_once() {
        let members = members().await;
        assert!(members.hear("a", 1));
        assert!(!members.hear("a", 1));
        assert!(members.hear("a", 2));
        assert!(!members.hear("stranger", 1));
    }

    #[tokio::test]
    async fn lost_executors_are_kept_up_to_a_number() {
        let members = members().await;
        for number in 0..LOST_MAX + 10 {
            let id = format!("e{number}");
            let data =
                ExecutorData { executor_id: id.clone(), total_vcores: 1, available_vcores: 1 };
            members.register_executor(metadata(&id), data).await.unwrap();
            members.remove_executor(&id).await.unwrap();
        }
        assert_eq!(members.list().len(), LOST_MAX + 1);
    }
}
