//! What queries take on executors, attempts that were in vain among it.
//!
//! Ballista keeps only what the last attempt of a stage measured, and nothing of a job that failed.
//! So tasks are counted when they are given out, and what they took when their end is told.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use lakegate_engine::task_usage::TaskUsage;
use parking_lot::Mutex;

/// What a query took on executors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Processor time of all tasks whose end was told.
    pub cpu_time: Duration,
    /// The most memory that it held on each executor, added up, in bytes.
    pub peak_memory_bytes: u64,
    /// Tasks with a part that was given out before.
    pub retries: u64,
}

/// The queries that run, and the jobs that each of them is.
#[derive(Default)]
pub(super) struct Costs(Mutex<Known>);

#[derive(Default)]
struct Known {
    queries: HashMap<String, Account>,
    jobs: HashMap<String, Account>,
}

/// What one query took so far.
#[derive(Clone, Default)]
pub(super) struct Account(Arc<Mutex<Taken>>);

#[derive(Default)]
struct Taken {
    cpu_time: Duration,
    /// By executor.
    peaks: HashMap<String, u64>,
    /// Stages and partitions that were given out.
    parts: HashSet<(usize, usize)>,
    retries: u64,
}

impl Account {
    /// What was told so far.
    pub(super) fn cost(&self) -> Cost {
        let taken = self.0.lock();
        let peaks = taken.peaks.values();
        Cost {
            cpu_time: taken.cpu_time,
            peak_memory_bytes: peaks.fold(0, |sum, peak| sum.saturating_add(*peak)),
            retries: taken.retries,
        }
    }

    fn give(&self, stage: usize, partitions: &[usize]) {
        let mut taken = self.0.lock();
        let mut is_again = false;
        for partition in partitions {
            is_again |= !taken.parts.insert((stage, *partition));
        }
        taken.retries += u64::from(is_again);
    }

    fn add(&self, executor: &str, usage: TaskUsage) {
        let mut taken = self.0.lock();
        taken.cpu_time = taken.cpu_time.saturating_add(usage.cpu_time);
        let peak = taken.peaks.entry(executor.to_string()).or_default();
        *peak = usage.peak_memory_bytes.max(*peak);
    }
}

impl Costs {
    /// Opens the account of a query, until the result is dropped. Its jobs have its name.
    pub(super) fn open(self: &Arc<Self>, query: &str) -> OpenAccount {
        let account = Account::default();
        self.0.lock().queries.insert(query.to_string(), account.clone());
        OpenAccount { costs: Arc::clone(self), query: query.to_string(), account }
    }

    /// A task of a query's job is given out, for these partitions of a stage.
    pub(super) fn give(&self, query: &str, job: &str, stage: usize, partitions: &[usize]) {
        let mut known = self.0.lock();
        let Some(account) = known.queries.get(query).cloned() else { return };
        known.jobs.entry(job.to_string()).or_insert_with(|| account.clone());
        drop(known);
        account.give(stage, partitions);
    }

    /// An executor has told the end of a task of a job.
    pub(super) fn end(&self, job: &str, executor: &str, usage: TaskUsage) {
        let account = self.0.lock().jobs.get(job).cloned();
        if let Some(account) = account {
            account.add(executor, usage);
        }
    }
}

/// A query whose costs are written down.
pub(super) struct OpenAccount {
    costs: Arc<Costs>,
    query: String,
    account: Account,
}

impl OpenAccount {
    /// What can be looked at, also when it is closed.
    pub(super) fn account(&self) -> &Account {
        &self.account
    }
}

impl Drop for OpenAccount {
    fn drop(&mut self) {
        let mut known = self.costs.0.lock();
        known.queries.remove(&self.query);
        known.jobs.retain(|_, account| !Arc::ptr_eq(&account.0, &self.account.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(seconds: u64, peak_memory_bytes: u64) -> TaskUsage {
        TaskUsage { cpu_time: Duration::from_secs(seconds), peak_memory_bytes }
    }

    #[test]
    fn every_attempt_counts_and_each_executor_with_its_peak() {
        let costs = Arc::new(Costs::default());
        let open = costs.open("query");
        costs.give("query", "job", 1, &[0, 1]);
        costs.give("query", "job", 1, &[2]);
        costs.give("query", "job", 2, &[0]);
        costs.end("job", "a", usage(1, 10));
        costs.end("job", "a", usage(2, 30));
        costs.end("job", "b", usage(3, 5));
        let cost = Cost { cpu_time: Duration::from_secs(6), peak_memory_bytes: 35, retries: 0 };
        assert_eq!(open.account().cost(), cost);
        // A part that is given out again in another cut, and the query run anew as another job.
        costs.give("query", "job", 1, &[1]);
        costs.give("query", "anew", 2, &[0]);
        costs.end("anew", "b", usage(1, 50));
        let cost = Cost { cpu_time: Duration::from_secs(7), peak_memory_bytes: 80, retries: 2 };
        assert_eq!(open.account().cost(), cost);
    }

    #[test]
    fn nothing_is_kept_of_a_query_that_has_ended() {
        let costs = Arc::new(Costs::default());
        let (open, other) = (costs.open("query"), costs.open("other"));
        costs.give("query", "job", 1, &[0]);
        costs.give("other", "its job", 1, &[0]);
        let account = open.account().clone();
        drop(open);
        costs.give("query", "job", 1, &[0]);
        costs.end("job", "a", usage(1, 1));
        assert_eq!(account.cost(), Cost::default());
        let known = || {
            let known = costs.0.lock();
            (known.queries.len(), known.jobs.len())
        };
        assert_eq!(known(), (1, 1));
        drop(other);
        assert_eq!(known(), (0, 0));
    }
}
