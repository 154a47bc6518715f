//! Which cores of the executors are taken, and by which tasks.
//!
//! Ballista gives a core back when it hears the end of a task whose stage it still has. A stage that
//! was rolled back meanwhile has no tasks, so the core is never given back, and an executor with one
//! core never gets a task again. Here every task is kept until its executor tells its end, or does
//! not know it.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// How long after a task was given out its executor may not know it yet.
const ON_ITS_WAY: Duration = Duration::from_secs(5);

/// One attempt of a task: job, stage, attempt of the stage, task.
pub(super) type Key = (String, usize, usize, usize);

/// The cores of the executors.
#[derive(Debug, Default)]
pub(super) struct Slots {
    executors: HashMap<String, Executor>,
}

#[derive(Debug)]
struct Executor {
    cores: u32,
    /// What Ballista believes to be free.
    believed: u32,
    tasks: HashMap<Key, Task>,
}

#[derive(Debug)]
struct Task {
    cores: u32,
    given: Instant,
}

impl Slots {
    /// An executor has joined; Ballista knows its cores.
    pub(super) fn join(&mut self, id: &str, cores: u32) {
        self.executors
            .insert(id.to_string(), Executor { cores, believed: cores, tasks: HashMap::new() });
    }

    /// An executor is gone.
    pub(super) fn leave(&mut self, id: &str) {
        self.executors.remove(id);
    }

    /// Ballista has given a task to an executor.
    pub(super) fn give(&mut self, id: &str, task: Key, cores: u32, now: Instant) {
        if let Some(executor) = self.executors.get_mut(id) {
            executor.believed = executor.believed.saturating_sub(cores);
            executor.tasks.insert(task, Task { cores, given: now });
        }
    }

    /// An executor has told the end of a task.
    pub(super) fn end(&mut self, id: &str, task: &Key) {
        if let Some(executor) = self.executors.get_mut(id) {
            executor.tasks.remove(task);
        }
    }

    /// An executor was asked at this moment, and these are the jobs it has to do with. Tasks of
    /// others are not there: their launch failed, or their end was lost.
    pub(super) fn compare(&mut self, id: &str, busy_jobs: &[String], asked: Instant) {
        if let Some(executor) = self.executors.get_mut(id) {
            executor.tasks.retain(|(job, ..), task| {
                asked < task.given + ON_ITS_WAY || busy_jobs.contains(job)
            });
        }
    }

    /// All cores of some executors, in the order of their names.
    pub(super) fn cores(&self, of: &HashSet<String>) -> Vec<(String, u32)> {
        let named = self.executors.iter().filter(|(id, _)| of.contains(*id));
        let mut cores: Vec<_> = named.map(|(id, executor)| (id.clone(), executor.cores)).collect();
        cores.sort_unstable();
        cores
    }

    /// What is free beyond what Ballista believes, which it then believes too.
    pub(super) fn credits(&mut self) -> Vec<(String, u32)> {
        let mut credits = Vec::new();
        for (id, executor) in &mut self.executors {
            let taken: u32 = executor.tasks.values().map(|task| task.cores).sum();
            let free = executor.cores.saturating_sub(taken);
            if free > executor.believed {
                credits.push((id.clone(), free - executor.believed));
                executor.believed = free;
            }
        }
        credits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(task: usize) -> Key {
        ("job".to_string(), 1, 0, task)
    }

    fn slots(now: Instant) -> Slots {
        let mut slots = Slots::default();
        slots.join("a", 2);
        slots.give("a", key(0), 1, now);
        slots
    }

    #[test]
    fn a_core_is_free_again_when_its_task_has_ended_whatever_became_of_the_stage() {
        let mut slots = slots(Instant::now());
        assert!(slots.credits().is_empty());
        slots.end("a", &key(0));
        assert_eq!(slots.credits(), [("a".to_string(), 1)]);
        assert!(slots.credits().is_empty());
    }

    #[test]
    fn an_end_that_is_told_twice_frees_one_core() {
        let mut slots = slots(Instant::now());
        slots.end("a", &key(0));
        slots.end("a", &key(0));
        assert_eq!(slots.credits(), [("a".to_string(), 1)]);
    }

    #[test]
    fn a_task_that_its_executor_does_not_know_holds_no_core() {
        let now = Instant::now();
        let mut slots = slots(now);
        slots.compare("a", &[], now);
        assert!(slots.credits().is_empty(), "it may be on its way");
        slots.compare("a", &["job".to_string()], now + ON_ITS_WAY);
        assert!(slots.credits().is_empty(), "the executor has it");
        slots.compare("a", &[], now + ON_ITS_WAY);
        assert_eq!(slots.credits(), [("a".to_string(), 1)]);
    }

    #[test]
    fn an_executor_that_left_has_no_cores() {
        let mut slots = slots(Instant::now());
        slots.leave("a");
        slots.end("a", &key(0));
        assert!(slots.credits().is_empty());
    }
}
