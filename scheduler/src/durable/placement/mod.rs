//! Gives tasks to executors: parts of a scan of objects to the executor that read them before, as
//! long as it has free cores, and all others in turn.
//!
//! An executor keeps what it reads of objects. Which executor a part belongs to is decided by
//! [`homes`], from the files alone; no core stays idle for it.

#[cfg(test)]
mod carried;
mod homes;

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use ballista_core::JobId;
use ballista_core::config::BallistaConfig;
use ballista_core::execution_plans::{RangeShuffleReaderExec, ShuffleReaderExec};
use ballista_core::serde::protobuf::AvailableVcores;
use ballista_core::serde::protobuf::job_status::Status;
use ballista_core::serde::scheduler::TaskKey;
use ballista_scheduler::cluster::{BoundTask, DistributionPolicy};
use ballista_scheduler::state::execution_graph::{TaskDescription, create_task_info};
use ballista_scheduler::state::execution_stage::RunningStage;
use ballista_scheduler::state::task_manager::JobInfoCache;
use datafusion::error::Result;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};

/// The policy for one round of giving out tasks.
#[derive(Debug)]
pub(super) struct Placement {
    /// Those that take tasks, busy or not, with all their cores.
    executors: Vec<(String, u32)>,
}

impl Placement {
    pub(super) fn new(executors: Vec<(String, u32)>) -> Self {
        Self { executors }
    }
}

#[async_trait]
impl DistributionPolicy for Placement {
    async fn bind_tasks(
        &self,
        mut budgets: Vec<&mut AvailableVcores>,
        running_jobs: Arc<HashMap<JobId, JobInfoCache>>,
    ) -> Result<Vec<BoundTask>> {
        // The one with most free cores comes first, and equal ones always in the same order.
        budgets.sort_by(|a, b| {
            b.vcores.cmp(&a.vcores).then_with(|| a.executor_id.cmp(&b.executor_id))
        });
        let mut round = Round { budgets, turn: 0, bound: Vec::new() };
        for (job, info) in running_jobs.iter() {
            if !matches!(info.status, Some(Status::Running(_))) {
                continue;
            }
            let mut graph = info.execution_graph.write().await;
            let session = graph.session_id().to_string();
            while let Some(stage) = graph.fetch_running_stage(&[]) {
                round.bind(stage, job, &session, &self.executors);
                if !stage.pending.is_empty() {
                    // No core is free any more.
                    return Ok(round.bound);
                }
            }
        }
        Ok(round.bound)
    }

    fn name(&self) -> &str {
        "placement"
    }
}

/// One round: free cores that become fewer, and tasks that become more.
struct Round<'a> {
    budgets: Vec<&'a mut AvailableVcores>,
    /// Who is next.
    turn: usize,
    bound: Vec<BoundTask>,
}

impl Round<'_> {
    /// Gives out the parts of a stage until there are no more, or no free core.
    fn bind(
        &mut self,
        stage: &mut RunningStage,
        job: &JobId,
        session: &str,
        executors: &[(String, u32)],
    ) {
        let is_collapse = collapses(&stage.plan);
        if !is_collapse && let Some(parts) = homes::scanned(&stage.plan, stage.partitions) {
            let homes = homes::homes(&parts, executors);
            for place in 0..self.budgets.len() {
                if self.budgets[place].vcores == 0 {
                    continue;
                }
                let id = &self.budgets[place].executor_id;
                let is_home = |part: usize| {
                    homes.get(part).copied().flatten().is_some_and(|home| executors[home].0 == *id)
                };
                let count = slice(stage, self.budgets[place].vcores);
                let parts = take(stage, count, is_home);
                self.give(stage, place, parts, 1, job, session);
            }
        }
        while let Some(place) = self.next_free() {
            let count = match is_collapse {
                true => usize::MAX,
                false => slice(stage, self.budgets[place].vcores),
            };
            let parts = stage.pending.next_slice(count);
            if parts.is_empty() {
                return;
            }
            // What collapses its input is one stream, however many parts it reads.
            let cores_a_part = u32::from(!is_collapse);
            self.give(stage, place, parts, cores_a_part, job, session);
            self.turn = (place + 1) % self.budgets.len();
        }
    }

    /// The next executor in turn that has a free core.
    fn next_free(&self) -> Option<usize> {
        let count = self.budgets.len();
        let mut in_turn = (0..count).map(|step| (self.turn + step) % count);
        in_turn.find(|&place| self.budgets[place].vcores > 0)
    }

    /// Makes a task of some parts for an executor; nothing for none.
    fn give(
        &mut self,
        stage: &mut RunningStage,
        place: usize,
        parts: Vec<usize>,
        cores_a_part: u32,
        job: &JobId,
        session: &str,
    ) {
        if parts.is_empty() {
            return;
        }
        let budget = &mut self.budgets[place];
        let cores = u32::try_from(parts.len()).unwrap_or(u32::MAX).saturating_mul(cores_a_part);
        let cores = cores.max(1);
        let task_id = stage.task_infos.len();
        let failures = parts.iter().filter_map(|part| stage.task_failure_numbers.get(*part));
        let task_attempt = failures.max().copied().unwrap_or(0);
        let mut info = create_task_info(budget.executor_id.clone(), task_id);
        info.global_input_partition_ids = parts.clone();
        info.vcores_consumed = cores;
        stage.task_infos.push(info);
        budget.vcores = budget.vcores.saturating_sub(cores);
        let task = TaskDescription {
            session_id: session.to_string(),
            key: TaskKey { job_id: job.clone(), stage_id: stage.stage_id, task_id },
            stage_attempt_num: stage.stage_attempt_num,
            task_attempt,
            global_input_partition_ids: parts,
            vcores_consumed: cores,
            plan: Arc::clone(&stage.plan),
            session_config: Arc::clone(&stage.session_config),
        };
        self.bound.push((budget.executor_id.clone(), task));
    }
}

/// Parts that one task takes at most, on an executor with so many free cores.
fn slice(stage: &RunningStage, free: u32) -> usize {
    let extensions = &stage.session_config.options().extensions;
    let limit = extensions.get::<BallistaConfig>().map(BallistaConfig::max_partitions_per_task);
    let limit = limit.filter(|&limit| limit > 0).unwrap_or(usize::MAX);
    usize::try_from(free).unwrap_or(usize::MAX).min(limit)
}

/// Takes up to `count` of the waiting parts that are wanted; the others stay in their order.
fn take(stage: &mut RunningStage, count: usize, is_wanted: impl Fn(usize) -> bool) -> Vec<usize> {
    let mut taken = Vec::new();
    let mut left = Vec::new();
    for part in stage.pending.next_slice(usize::MAX) {
        match taken.len() < count && is_wanted(part) {
            true => taken.push(part),
            false => left.push(part),
        }
    }
    stage.pending.reschedule(left);
    taken
}

/// Whether a stage brings all its input together, as a sort or a sum over everything does. Then one
/// task must have all its parts: two would each bring a half together. A reader of another stage's
/// output ends the stage, whatever it is made of.
fn collapses(root: &Arc<dyn ExecutionPlan>) -> bool {
    fn walk(node: &Arc<dyn ExecutionPlan>) -> bool {
        let is_reader = node.downcast_ref::<ShuffleReaderExec>().is_some()
            || node.downcast_ref::<RangeShuffleReaderExec>().is_some();
        match node.children().as_slice() {
            _ if is_reader => false,
            _ if node.output_partitioning().partition_count() == 1 => true,
            [child] => walk(child),
            _ => false,
        }
    }
    matches!(root.children().as_slice(), [child] if walk(child))
}
