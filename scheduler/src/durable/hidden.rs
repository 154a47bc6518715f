//! What a client is told of a failed job that reads a view whose inside is not for their eyes.
//!
//! A barrier hides what fails below it in its own stage. Below it may be stages of their own, and
//! what fails there comes past the barrier.

use std::time::Duration;

use ballista_core::JobId;
use ballista_scheduler::cluster::JobState;
use ballista_scheduler::state::execution_graph::ExecutionGraphBox;
use ballista_scheduler::state::execution_stage::ExecutionStage;
use lakegate_common::Coded;
use lakegate_engine::security_barrier::{Stage, ViewFailure, is_below_barrier, view_in};

use super::{Core, Error};

/// How often the stages of a failed job are looked for, while Ballista puts them away.
const LOOKS_MAX: u32 = 100;
const LOOK: Duration = Duration::from_millis(1);

/// Whether what failed a job may tell of what lies below a barrier. It may where nobody knows.
pub(super) async fn is_hidden(core: &Core, job: &JobId) -> bool {
    match failed_graph(core, job).await {
        Some(graph) => is_below(&graph),
        None => true,
    }
}

async fn failed_graph(core: &Core, job: &JobId) -> Option<ExecutionGraphBox> {
    for _ in 0..LOOKS_MAX {
        if let Ok(Some(graph)) = core.jobs.get_execution_graph(job).await {
            return Some(graph);
        }
        tokio::time::sleep(LOOK).await;
    }
    None
}

fn is_below(graph: &ExecutionGraphBox) -> bool {
    let seen = |stage: &ExecutionStage| Stage {
        has_barrier: view_in(stage.plan()).is_some(),
        readers: stage.output_links().to_vec(),
    };
    let stages = graph.stages().iter().map(|(id, stage)| (*id, seen(stage))).collect();
    let is_failed = |stage: &&ExecutionStage| matches!(stage, ExecutionStage::Failed(_));
    let mut failed = graph.stages().iter().filter(|(_, stage)| is_failed(stage)).peekable();
    failed.peek().is_none() || failed.any(|(id, _)| is_below_barrier(*id, &stages))
}

/// The error without what an executor said.
pub(super) fn told(error: Error, view: &str) -> Error {
    match error {
        Error::Task { .. }
        | Error::Job { .. }
        | Error::Stages { .. }
        | Error::ResultsLost { .. }
        | Error::ExecutorLost { .. } => {
            Error::View(ViewFailure::hiding(view, error.code(), &error))
        }
        error => error,
    }
}
