//! Limits and times of the durable tier.

use std::time::Duration;

use lakegate_common::ByteSize;

/// Limits and times of the durable tier.
#[derive(Debug, Clone)]
pub struct Config {
    /// Threads for Ballista's scheduler, the cluster port and the fetching of results. At least
    /// four: Ballista holds a lock over a wait when an executor is lost.
    pub threads: usize,
    /// How often a query may be run anew when executors take its results or its progress with them.
    pub reruns_max: usize,
    /// How long a query may stand still, though executors are there, before it counts as stuck.
    pub stuck_after: Duration,
    /// How long a query waits for an executor when none is left.
    pub executors_grace: Duration,
    /// Results that are held back, so that a query can be run again unseen when an executor is lost
    /// while they are fetched.
    pub hold_back: ByteSize,
    /// Build sides of joins up to this size are sent to every task instead of dividing both sides.
    pub broadcast_max: ByteSize,
    /// What one call of a function makes while a query is planned. Executors have a limit of their
    /// own.
    pub function_bytes: ByteSize,
    /// How long [`super::Durable::stop`] waits for queries to be cancelled.
    pub stop_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            threads: 4,
            reruns_max: 3,
            stuck_after: Duration::from_secs(120),
            executors_grace: Duration::from_secs(60),
            hold_back: ByteSize::mib(16),
            broadcast_max: ByteSize::mib(64),
            function_bytes: ByteSize::mib(256),
            stop_timeout: Duration::from_secs(5),
        }
    }
}
