//! Whether every stage of a job reads exactly what its inputs wrote.
//!
//! When Ballista rolls back a stage of which some tasks were done, all its tasks run again, but what
//! the first ones wrote stays among the inputs of the next stage (or among the job's results), and
//! rows come twice. Nothing in Ballista notices. Here it is noticed, and the query is run anew.

use std::collections::BTreeMap;

use ballista_core::serde::protobuf;
use ballista_core::serde::protobuf::task_status::Status;
use ballista_core::serde::scheduler::PartitionLocation;
use ballista_scheduler::state::execution_graph::ExecutionGraph;
use ballista_scheduler::state::execution_stage::{ExecutionStage, StageOutput, TaskInfo};

/// A written part: task, partition, executor.
type Part = (usize, usize, String);
/// Parts with how often they are there.
type Parts = BTreeMap<Part, usize>;

/// Checks a job that runs: no stage that has not ended may read what its input no longer stands for.
///
/// # Errors
/// Which stage does, in words for the log.
pub(super) fn check_running(graph: &dyn ExecutionGraph) -> Result<(), String> {
    for (reader, stage) in graph.stages() {
        let inputs = match stage {
            ExecutionStage::UnResolved(stage) => &stage.inputs,
            ExecutionStage::Resolved(stage) => &stage.inputs,
            ExecutionStage::Running(stage) => &stage.inputs,
            ExecutionStage::Successful(_) | ExecutionStage::Failed(_) => continue,
        };
        for (input, output) in inputs {
            let written = written(graph, *input);
            let read = read(output);
            if read
                .iter()
                .any(|(part, count)| written.get(part).is_none_or(|written| written < count))
            {
                return Err(format!(
                    "stage {reader} would read parts of stage {input} that were written again"
                ));
            }
        }
    }
    Ok(())
}

/// Checks a job that has succeeded with these results.
///
/// # Errors
/// Which stage read something else than its input wrote.
pub(super) fn check_ended(
    graph: &dyn ExecutionGraph,
    results: &[protobuf::PartitionLocation],
) -> Result<(), String> {
    for (reader, stage) in graph.stages() {
        let ExecutionStage::Successful(stage) = stage else {
            return Err(format!("stage {reader} has not ended though the job has"));
        };
        for (input, output) in &stage.inputs {
            if read(output) != written(graph, *input) {
                return Err(format!("stage {reader} read something else than stage {input} wrote"));
            }
        }
        if stage.output_links.is_empty() && results_of(results) != parts_of(&stage.task_infos) {
            return Err("the results are something else than the last stage wrote".to_string());
        }
    }
    Ok(())
}

fn written(graph: &dyn ExecutionGraph, stage: usize) -> Parts {
    graph
        .stages()
        .get(&stage)
        .and_then(|stage| stage.task_infos())
        .map(parts_of)
        .unwrap_or_default()
}

fn parts_of(tasks: &[TaskInfo]) -> Parts {
    let mut parts = Parts::new();
    for (task_id, task) in tasks.iter().enumerate() {
        if let Status::Successful(done) = &task.task_status {
            for partition in &done.partitions {
                let partition_id = usize::try_from(partition.partition_id).unwrap_or(usize::MAX);
                *parts.entry((task_id, partition_id, done.executor_id.clone())).or_default() += 1;
            }
        }
    }
    parts
}

fn read(output: &StageOutput) -> Parts {
    let mut parts = Parts::new();
    for PartitionLocation { map_partition_id, partition_id, executor_meta, .. } in
        output.partition_locations.values().flatten()
    {
        *parts
            .entry((*map_partition_id, partition_id.partition_id, executor_meta.id.clone()))
            .or_default() += 1;
    }
    parts
}

fn results_of(results: &[protobuf::PartitionLocation]) -> Parts {
    let mut parts = Parts::new();
    for location in results {
        let partition_id = location
            .partition_id
            .as_ref()
            .map_or(usize::MAX, |partition| partition.partition_id as usize);
        let executor_id =
            location.executor_meta.as_ref().map(|executor| executor.id.clone()).unwrap_or_default();
        *parts
            .entry((location.map_partition_id as usize, partition_id, executor_id))
            .or_default() += 1;
    }
    parts
}
