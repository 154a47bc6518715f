//! How far a job is, and what its stages cost.

use std::hash::{DefaultHasher, Hash, Hasher};

use ballista_core::serde::protobuf::task_status::Status;
use ballista_scheduler::display::format_stage_metrics;
use ballista_scheduler::state::execution_graph::ExecutionGraph;
use ballista_scheduler::state::execution_stage::{ExecutionStage, TaskInfo};
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use lakegate_lake::store::Used;
use serde::Serialize;

use crate::query::{BYTES_SCANNED, Measured};

/// How far one stage is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, utoipa::ToSchema)]
pub struct StageProgress {
    /// The stage's number within its query.
    pub stage_id: usize,
    /// Parts that the stage has.
    pub tasks: usize,
    /// Those that are done.
    pub tasks_done: usize,
}

/// What one stage did, when its query has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageReport {
    /// The stage's number within its query.
    pub stage_id: usize,
    /// Tasks that ran, repeated ones among them.
    pub tasks: usize,
    /// The stage's plan with what its operators measured.
    pub plan_with_metrics: String,
    /// What its tasks asked of object stores.
    pub used: Used,
}

/// The stages of a job, by number.
pub(super) fn stages(graph: &dyn ExecutionGraph) -> Vec<StageProgress> {
    let mut stages: Vec<StageProgress> =
        graph.stages().iter().map(|(stage_id, stage)| progress(*stage_id, stage)).collect();
    stages.sort_unstable_by_key(|stage| stage.stage_id);
    stages
}

/// A number that changes whenever a stage does.
pub(super) fn fingerprint(graph: &dyn ExecutionGraph) -> u64 {
    let mut hasher = DefaultHasher::new();
    stages(graph).hash(&mut hasher);
    let mut tasks: Vec<(usize, usize)> = graph
        .stages()
        .iter()
        .map(|(id, stage)| (*id, stage.task_infos().map_or(0, <[TaskInfo]>::len)))
        .collect();
    tasks.sort_unstable();
    tasks.hash(&mut hasher);
    hasher.finish()
}

/// What the stages of an ended job did.
pub(super) fn reports(graph: &dyn ExecutionGraph) -> Vec<StageReport> {
    let reported = graph.stages().iter().filter_map(|(stage_id, stage)| match stage {
        ExecutionStage::Successful(stage) => Some(StageReport {
            stage_id: *stage_id,
            tasks: stage.task_infos.len(),
            plan_with_metrics: format_stage_metrics(stage.plan.as_ref(), &stage.stage_metrics),
            used: used(&stage.stage_metrics),
        }),
        _ => None,
    });
    let mut reports: Vec<StageReport> = reported.collect();
    reports.sort_unstable_by_key(|report| report.stage_id);
    reports
}

/// What the tasks of a stage told of object stores, which stands among the metrics of its first
/// operator.
fn used(metrics: &[MetricsSet]) -> Used {
    let first = metrics.first();
    Used::by_name(|name| {
        let sum = first.and_then(|metrics| metrics.sum_by_name(name));
        sum.map_or(0, |sum| sum.as_usize() as u64)
    })
}

/// What the operators of an ended job's stages measured together.
pub(super) fn taken(graph: &dyn ExecutionGraph) -> Measured {
    let (mut scanned, mut spilled) = (0_u64, 0_u64);
    for stage in graph.stages().values() {
        let ExecutionStage::Successful(stage) = stage else { continue };
        for operator in &stage.stage_metrics {
            let sum = |name| operator.sum_by_name(name).map_or(0, |sum| sum.as_usize() as u64);
            scanned = scanned.saturating_add(sum(BYTES_SCANNED));
            spilled = spilled.saturating_add(sum("spilled_bytes"));
        }
    }
    Measured { bytes_scanned: Some(scanned), spilled_bytes: Some(spilled), ..Measured::default() }
}

fn progress(stage_id: usize, stage: &ExecutionStage) -> StageProgress {
    let (tasks, tasks_done) = match stage {
        ExecutionStage::UnResolved(stage) => (inputs(stage.plan.as_ref()), 0),
        ExecutionStage::Resolved(stage) => (stage.partitions, 0),
        ExecutionStage::Running(stage) => {
            (stage.partitions, done(&stage.task_infos).min(stage.partitions))
        }
        ExecutionStage::Successful(stage) => (stage.partitions, stage.partitions),
        ExecutionStage::Failed(stage) => {
            (stage.partitions, done(&stage.task_infos).min(stage.partitions))
        }
    };
    StageProgress { stage_id, tasks, tasks_done }
}

/// Parts of a stage that were done at least once.
fn done(tasks: &[TaskInfo]) -> usize {
    let successful = tasks.iter().filter(|task| matches!(task.task_status, Status::Successful(_)));
    successful.map(|task| task.global_input_partition_ids.len()).sum()
}

/// Parts that a stage will have whose inputs are not there yet.
fn inputs(plan: &dyn ExecutionPlan) -> usize {
    plan.children().first().map_or(1, |child| child.output_partitioning().partition_count())
}
