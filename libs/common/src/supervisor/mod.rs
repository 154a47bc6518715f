//! The tasks of a process: named, watched, and stopped in order.
//!
//! Everything that lives as long as the process is started with [`Supervisor::spawn`]. A task
//! belongs to a [`Stage`] of the stop and gets that stage's token; when the token is cancelled the
//! task ends on its own. A task that fails or panics is logged, and stops the process where its
//! rule says so. Work of one query is no such task: it belongs to the query, in a `JoinSet`.
//!
//! ```
//! # use lakegate_common::supervisor::{OnFailure, Stage, Supervisor};
//! # use std::time::Duration;
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let supervisor = Supervisor::new();
//! supervisor.spawn("sweeper", Stage::Upkeep, OnFailure::Log, |stop| async move {
//!     stop.cancelled().await;
//!     Ok::<(), std::io::Error>(())
//! });
//! // … a process waits here for `shutdown_signal()` or `supervisor.failed()` …
//! supervisor.shutdown(Duration::from_secs(30)).await
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod registry;
mod signal;

use std::error::Error as StdError;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::{Chain, Coded, ErrorCode};

use registry::Registry;

pub use signal::shutdown_signal;

/// While a stop waits, it says this often who has not ended.
const REPORT_EVERY: Duration = Duration::from_secs(5);

/// How long an aborted task may take to give way. It does so at its next await, so this is only
/// used up by a task that blocks its thread.
const ABORT_GRACE: Duration = Duration::from_secs(1);

/// The stages of a stop, in order. A stage begins when all tasks of the one before have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// Takes new work in: polls for tasks, accepts statements, announces readiness.
    Intake,
    /// Does the work that was taken in.
    Work,
    /// Keeps the process and its place in the cluster alive: heartbeats, sweepers, watchdogs.
    Upkeep,
    /// Listeners. They close last, so that the last answers still go out.
    Front,
}

impl Stage {
    const ALL: [Self; 4] = [Self::Intake, Self::Work, Self::Upkeep, Self::Front];
}

/// What the failure of a task means for the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// The process cannot do its work without this task and stops.
    StopProcess,
    /// The process goes on; the failure is logged.
    Log,
}

/// A task without which the process cannot go on has failed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("task {task:?} failed: {reason}")]
pub struct TaskFailed {
    /// The name of the task.
    pub task: &'static str,
    /// Its error with all causes, or the text of its panic.
    pub reason: String,
}

impl Coded for TaskFailed {
    fn code(&self) -> ErrorCode {
        ErrorCode::Internal
    }
}

/// Tasks did not end in time and were aborted.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("tasks did not stop within {deadline:?}: {}", .tasks.join(", "))]
pub struct StopTimedOut {
    /// The names of the tasks.
    pub tasks: Vec<&'static str>,
    /// The time they had.
    pub deadline: Duration,
}

impl Coded for StopTimedOut {
    fn code(&self) -> ErrorCode {
        ErrorCode::Unavailable
    }
}

/// Starts, watches and stops the tasks of a process. Clones are handles to the same tasks.
#[derive(Debug, Clone)]
pub struct Supervisor {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    registry: Registry,
    stopping: CancellationToken,
    stages: [CancellationToken; Stage::ALL.len()],
    failure: tokio::sync::watch::Sender<Option<TaskFailed>>,
}

impl Supervisor {
    /// A supervisor without tasks.
    pub fn new() -> Self {
        let inner = Inner {
            registry: Registry::default(),
            stopping: CancellationToken::new(),
            stages: std::array::from_fn(|_| CancellationToken::new()),
            failure: tokio::sync::watch::Sender::new(None),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Cancelled as soon as the process begins to stop: what waits or polls may give up.
    pub fn stopping(&self) -> CancellationToken {
        self.inner.stopping.clone()
    }

    /// Cancelled when the stop reaches this stage.
    pub fn stage(&self, stage: Stage) -> CancellationToken {
        self.inner.stages[stage as usize].clone()
    }

    /// The names of the tasks that run now.
    pub fn running(&self) -> Vec<&'static str> {
        self.inner.registry.names(None)
    }

    /// Starts a task. `make` gets the token of the stage; when that is cancelled, the task ends.
    /// A task that is started after the stop has passed its stage sees its token cancelled at once.
    ///
    /// Ending with `Ok` is never a failure.
    pub fn spawn<M, F, E>(&self, name: &'static str, stage: Stage, on_failure: OnFailure, make: M)
    where
        M: FnOnce(CancellationToken) -> F,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: StdError + Send + 'static,
    {
        let task = tokio::spawn(make(self.stage(stage)));
        let entry = self.inner.registry.enter(name, stage, task.abort_handle());
        let inner = Arc::clone(&self.inner);
        // The watcher ends with its task, so it needs no watching itself.
        tokio::spawn(async move {
            let outcome = task.await;
            inner.settle(name, on_failure, outcome);
            inner.registry.leave(entry);
        });
    }

    /// Resolves when a task with [`OnFailure::StopProcess`] has failed; at once if it has already.
    pub async fn failed(&self) -> TaskFailed {
        let mut failure = self.inner.failure.subscribe();
        loop {
            if let Some(failed) = failure.borrow_and_update().clone() {
                return failed;
            }
            if failure.changed().await.is_err() {
                // The sender lives in `self`, so it is never gone here; never resolving is right.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Stops all tasks, stage after stage, and returns when none runs. Past the deadline, which
    /// counts for all stages together, the rest is aborted.
    ///
    /// # Errors
    /// Tasks had to be aborted.
    pub async fn shutdown(&self, deadline: Duration) -> Result<(), StopTimedOut> {
        self.inner.stopping.cancel();
        let ends_at = Instant::now() + deadline;
        for stage in Stage::ALL {
            self.inner.stages[stage as usize].cancel();
            if self.wait_for(stage, ends_at).await.is_err() {
                return self.abort(deadline).await;
            }
        }
        // A task of an early stage may have been started while a later one was stopping.
        if self.running().is_empty() { Ok(()) } else { self.abort(deadline).await }
    }

    async fn wait_for(&self, stage: Stage, ends_at: Instant) -> Result<(), ()> {
        loop {
            let report_at = (Instant::now() + REPORT_EVERY).min(ends_at);
            let empty = self.inner.registry.empty(stage);
            if tokio::time::timeout_at(report_at, empty).await.is_ok() {
                return Ok(());
            }
            if report_at == ends_at {
                return Err(());
            }
            let tasks = self.inner.registry.names(Some(stage));
            tracing::info!(?stage, ?tasks, "waiting for tasks to stop");
        }
    }

    async fn abort(&self, deadline: Duration) -> Result<(), StopTimedOut> {
        let tasks = self.running();
        tracing::warn!(?tasks, "aborting tasks that did not stop in time");
        for stage in &self.inner.stages {
            stage.cancel();
        }
        self.inner.registry.abort_all();
        let ends_at = Instant::now() + ABORT_GRACE;
        for stage in Stage::ALL {
            if tokio::time::timeout_at(ends_at, self.inner.registry.empty(stage)).await.is_err() {
                tracing::error!(?stage, "a task blocks its thread and cannot be aborted");
            }
        }
        Err(StopTimedOut { tasks, deadline })
    }
}

impl Default for Supervisor {
    fn default() -> Self {
        Self::new()
    }
}

impl Inner {
    /// Notes how a task ended.
    fn settle<E: StdError + 'static>(
        &self,
        name: &'static str,
        on_failure: OnFailure,
        outcome: Result<Result<(), E>, JoinError>,
    ) {
        let reason = match outcome {
            Ok(Ok(())) => return,
            Ok(Err(error)) => Chain(&error).to_string(),
            Err(join) if join.is_cancelled() => return,
            Err(join) => panic_text(join),
        };
        tracing::error!(task = name, error = reason, "task failed");
        if on_failure == OnFailure::StopProcess {
            let failed = TaskFailed { task: name, reason };
            self.failure.send_if_modified(|first| {
                let is_first = first.is_none();
                first.get_or_insert(failed);
                is_first
            });
        }
    }
}

fn panic_text(join: JoinError) -> String {
    let Ok(payload) = join.try_into_panic() else {
        return "aborted".to_string();
    };
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    format!("panicked: {}", text.unwrap_or("no text"))
}

#[cfg(test)]
mod tests;
