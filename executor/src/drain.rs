//! Leaving without harm, and files that nobody needs any more.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::membership::Membership;
use crate::node::Node;
use crate::reporter::Reports;
use crate::scratch::Scratch;
use crate::tasks::TaskRunner;

/// How often a draining executor asks whether its files are needed.
const ASK_WHILE_DRAINING: Duration = Duration::from_millis(500);
/// How often the cleaner looks for files that nobody needs.
const CLEAN_INTERVAL: Duration = Duration::from_secs(60);
/// Files younger than this are left alone: the scheduler may not have written the job down yet.
const AGE_MIN: Duration = Duration::from_secs(60);

/// Brings a node to the point where it can be ended.
pub(crate) async fn drain(node: &Node) {
    node.membership.drain().await;
    let running = node.tasks.running_count();
    tracing::info!(running_tasks = running, "draining: no new tasks, running ones are finished");
    node.tasks.idle().await;
    let deadline = Instant::now() + node.config.drain_grace;
    loop {
        let unheard = node.reports.unheard_jobs();
        let needed = node.membership.needed(node.scratch.jobs()).await;
        match needed {
            Ok(jobs) if jobs.is_empty() && unheard.is_empty() => break,
            Ok(jobs) if Instant::now() >= deadline => {
                tracing::warn!(
                    jobs = jobs.len(),
                    "leaving although queries need files from here; they will be made again"
                );
                break;
            }
            Err(status) if Instant::now() >= deadline || node.membership.id().is_none() => {
                tracing::warn!(
                    error = status.message(),
                    "leaving without knowing whether files are needed"
                );
                break;
            }
            _ => tokio::time::sleep(ASK_WHILE_DRAINING).await,
        }
        // A task may have been on its way when the drain began.
        node.tasks.idle().await;
    }
    node.membership.leave("drained").await;
    tracing::info!("drained");
}

/// Removes files of jobs that the scheduler no longer knows.
pub(crate) struct Cleaner {
    membership: Arc<Membership>,
    tasks: Arc<TaskRunner>,
    reports: Reports,
    scratch: Arc<Scratch>,
    age_max: Duration,
}

impl Cleaner {
    /// For the files of this node.
    pub(crate) fn of(node: &Node) -> Self {
        Self {
            membership: Arc::clone(&node.membership),
            tasks: Arc::clone(&node.tasks),
            reports: node.reports.clone(),
            scratch: Arc::clone(&node.scratch),
            age_max: node.config.file_age_max,
        }
    }

    /// Looks from time to time, for ever.
    pub(crate) async fn run(self) {
        loop {
            tokio::time::sleep(CLEAN_INTERVAL).await;
            self.clean().await;
        }
    }

    async fn clean(&self) {
        let scratch = Arc::clone(&self.scratch);
        let candidates = tokio::task::spawn_blocking(move || scratch.jobs_older_than(AGE_MIN))
            .await
            .unwrap_or_default();
        let busy = [self.tasks.running_jobs(), self.reports.unheard_jobs()].concat();
        let candidates: Vec<String> =
            candidates.into_iter().filter(|job| !busy.contains(job)).collect();
        if candidates.is_empty() {
            return;
        }
        let scratch = Arc::clone(&self.scratch);
        let (needed, age_max) =
            (self.membership.needed(candidates.clone()).await.ok(), self.age_max);
        let removal = tokio::task::spawn_blocking(move || {
            let doomed = match needed {
                Some(needed) => {
                    candidates.into_iter().filter(|job| !needed.contains(job)).collect()
                }
                None => scratch.jobs_older_than(age_max),
            };
            for job in doomed {
                if let Err(error) = scratch.remove(&job, &[]) {
                    tracing::warn!(job, error = %error, "files that nobody needs stay");
                }
            }
        });
        let _ = removal.await;
    }
}
