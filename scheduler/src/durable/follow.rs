//! Follows a job to its end.

use std::time::{Duration, Instant};

use ballista_core::JobId;
use ballista_core::serde::protobuf::job_status::Status;
use ballista_core::serde::protobuf::{JobStatus, PartitionLocation};
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};

use super::outcome::End;
use super::watchdog::{Sight, Verdict, Watchdog};
use super::{Core, StageProgress, integrity, progress};

/// How often progress is looked at, and the job with it: Ballista drops a status when its receiver
/// is slow.
const LOOK: Duration = Duration::from_millis(250);

/// Follows a job until it has results or has ended without. `is_checked` is false for adaptive jobs,
/// which are not put together as the check expects.
///
/// # Errors
/// How it ended without results.
pub(super) async fn follow(
    core: &Core,
    job: &JobId,
    mut statuses: mpsc::Receiver<JobStatus>,
    stages: &watch::Sender<Vec<StageProgress>>,
    is_checked: bool,
) -> Result<Vec<PartitionLocation>, End> {
    let mut watchdog =
        Watchdog::new(core.config.stuck_after, core.config.executors_grace, Instant::now());
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut absent = 0_u32;
    loop {
        let status = tokio::select! {
            Some(status) = statuses.recv() => Some(status),
            _ = looks.tick() => {
                let status = core.scheduler.state.task_manager.get_job_status(job).await.ok().flatten();
                absent = if status.is_none() { absent + 1 } else { 0 };
                status
            }
        };
        if let Some(outcome) = status.and_then(|status| ended(status.status)) {
            return outcome;
        }
        // Its submission may wait in the event loop, and its failure may be on its way to us.
        if Duration::from_millis(250) * absent
            >= core.config.stuck_after.min(Duration::from_secs(10))
        {
            return Err(End::Forgotten);
        }
        let sight = look(core, job, stages, is_checked).await.map_err(End::Inconsistent)?;
        match watchdog.judge(sight, Instant::now()) {
            Verdict::Moves => {}
            Verdict::Stuck => return Err(End::Stuck(core.config.stuck_after)),
            Verdict::Forsaken => return Err(End::Forsaken(core.config.executors_grace)),
        }
    }
}

/// The outcome of a job that has ended.
fn ended(status: Option<Status>) -> Option<Result<Vec<PartitionLocation>, End>> {
    match status? {
        Status::Successful(job) => Some(Ok(job.partition_location)),
        Status::Failed(job) => Some(Err(End::Failed(job.error))),
        Status::Queued(_) | Status::Running(_) => None,
    }
}

/// Looks at the stages and at who works on them.
///
/// # Errors
/// The job would give wrong rows.
async fn look(
    core: &Core,
    job: &JobId,
    stages: &watch::Sender<Vec<StageProgress>>,
    is_checked: bool,
) -> Result<Sight, String> {
    let jobs = core.scheduler.state.task_manager.get_running_job_cache();
    let mut fingerprint = 0;
    if let Some(entry) = jobs.get(job) {
        let graph = entry.execution_graph.read().await;
        fingerprint = progress::fingerprint(graph.as_ref());
        stages.send_replace(progress::stages(graph.as_ref()));
        if is_checked {
            integrity::check_running(graph.as_ref())?;
        }
    }
    Ok(Sight {
        stages: fingerprint,
        is_busy: core.members.is_busy_with(job.as_str()),
        has_executors: core.members.active_cores() > 0,
    })
}
