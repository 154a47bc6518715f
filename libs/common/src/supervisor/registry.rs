//! Which tasks run now.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::Stage;

/// The tasks that run, by the number of their start.
#[derive(Debug, Default)]
pub(super) struct Registry {
    tasks: Mutex<Tasks>,
    /// Changes whenever a task ends.
    ended: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Tasks {
    started: u64,
    running: BTreeMap<u64, Task>,
}

#[derive(Debug)]
struct Task {
    name: &'static str,
    stage: Stage,
    abort: AbortHandle,
}

impl Registry {
    /// Notes a task; the number is for [`Registry::leave`].
    pub(super) fn enter(&self, name: &'static str, stage: Stage, abort: AbortHandle) -> u64 {
        let mut tasks = self.lock();
        tasks.started += 1;
        let number = tasks.started;
        tasks.running.insert(number, Task { name, stage, abort });
        number
    }

    /// Forgets a task that has ended.
    pub(super) fn leave(&self, number: u64) {
        self.lock().running.remove(&number);
        self.ended.send_modify(|count| *count += 1);
    }

    /// The names of the tasks of one stage, or of all.
    pub(super) fn names(&self, stage: Option<Stage>) -> Vec<&'static str> {
        let tasks = self.lock();
        let wanted = tasks.running.values().filter(|task| stage.is_none_or(|s| s == task.stage));
        wanted.map(|task| task.name).collect()
    }

    /// Resolves when no task of the stage runs.
    pub(super) async fn empty(&self, stage: Stage) {
        let mut ended = self.ended.subscribe();
        while !self.names(Some(stage)).is_empty() {
            if ended.changed().await.is_err() {
                return;
            }
        }
    }

    /// Aborts every task that runs.
    pub(super) fn abort_all(&self) {
        for task in self.lock().running.values() {
            task.abort.abort();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Tasks> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
