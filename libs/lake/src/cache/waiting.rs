//! Blocks on their way to the disk.

use std::collections::{HashMap, VecDeque};

use parking_lot::{Condvar, Mutex};

use super::{BlockKey, Part};

/// Bytes that wait to be written; what would be more is not kept. The disk is then slower than the
/// store, and of no use.
pub(super) const BYTES_MAX: usize = 32 << 20;

/// Blocks that are parts of one answer of a store, which they hold in memory as a whole.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) blocks: Vec<(BlockKey, Part)>,
    /// Bytes of the answer.
    pub(super) held: usize,
}

/// The queue. What waits in it can be read.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    jobs: VecDeque<Job>,
    parts: HashMap<BlockKey, Part>,
    bytes: usize,
    is_closed: bool,
}

impl Waiting {
    /// Queues blocks, or drops them where too many wait.
    pub(super) fn push(&self, job: Job) {
        let mut queue = self.queue.lock();
        if queue.bytes.saturating_add(job.held) > BYTES_MAX {
            return;
        }
        queue.bytes += job.held;
        queue.parts.extend(job.blocks.iter().cloned());
        queue.jobs.push_back(job);
        drop(queue);
        self.changed.notify_one();
    }

    /// A block that waits.
    pub(super) fn get(&self, key: &BlockKey) -> Option<Part> {
        self.queue.lock().parts.get(key).cloned()
    }

    /// The next blocks; waits for them, and is `None` when there will be no more.
    pub(super) fn next(&self) -> Option<Job> {
        let mut queue = self.queue.lock();
        loop {
            match queue.jobs.pop_front() {
                Some(job) => return Some(job),
                None if queue.is_closed => return None,
                None => self.changed.wait(&mut queue),
            }
        }
    }

    /// Blocks that wait no more.
    pub(super) fn done(&self, job: &Job) {
        let mut queue = self.queue.lock();
        queue.bytes -= job.held;
        for (key, part) in &job.blocks {
            // Another part of the same block may wait behind.
            if queue.parts.get(key).is_some_and(|waiting| waiting.range() == part.range()) {
                queue.parts.remove(key);
            }
        }
    }

    /// Has [`Waiting::next`] end after what waits.
    pub(super) fn close(&self) {
        self.queue.lock().is_closed = true;
        self.changed.notify_one();
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.queue.lock().bytes
    }
}
