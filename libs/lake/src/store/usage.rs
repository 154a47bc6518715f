//! What a query has asked of object stores.

use std::fmt;
use std::iter::Sum;
use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters that grow while a query runs.
#[derive(Debug, Default)]
pub struct Usage {
    requests: AtomicU64,
    bytes: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
    cached_bytes: AtomicU64,
}

/// What was asked of object stores, and what the cache saved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used {
    /// Requests, each counted once however often it was repeated.
    pub requests: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// Blocks that the cache had.
    pub hits: u64,
    /// Blocks that it did not have.
    pub misses: u64,
    /// Bytes of the blocks that it had.
    pub cached_bytes: u64,
}

impl Usage {
    /// Counts a request that brings so many bytes.
    pub(super) fn requested(&self, bytes: u64) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        Used { requests: 1, bytes, ..Used::default() }.record(Side::Server);
    }

    /// Counts blocks that the cache had, of which so many bytes were wanted.
    pub(super) fn hit(&self, blocks: usize, bytes: u64) {
        let hits = blocks as u64;
        self.hits.fetch_add(hits, Ordering::Relaxed);
        self.cached_bytes.fetch_add(bytes, Ordering::Relaxed);
        Used { hits, cached_bytes: bytes, ..Used::default() }.record(Side::Server);
    }

    /// Counts blocks that the cache did not have.
    pub(super) fn missed(&self, blocks: usize) {
        let misses = blocks as u64;
        self.misses.fetch_add(misses, Ordering::Relaxed);
        Used { misses, ..Used::default() }.record(Side::Server);
    }

    /// What was counted since the last call.
    pub fn take(&self) -> Used {
        let take = |counter: &AtomicU64| counter.swap(0, Ordering::Relaxed);
        Used {
            requests: take(&self.requests),
            bytes: take(&self.bytes),
            hits: take(&self.hits),
            misses: take(&self.misses),
            cached_bytes: take(&self.cached_bytes),
        }
    }
}

/// Who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// This process.
    Server,
    /// Executors, which have told of it.
    Executors,
}

impl Side {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Executors => "executors",
        }
    }
}

impl Used {
    /// Names of the counters, in the order of [`Used::counts`], as executors tell them.
    pub const NAMES: [&str; 5] =
        ["store_requests", "store_bytes", "cache_hits", "cache_misses", "cache_bytes"];

    /// The counters by name.
    pub fn counts(self) -> impl Iterator<Item = (&'static str, u64)> {
        let Self { requests, bytes, hits, misses, cached_bytes } = self;
        Self::NAMES.into_iter().zip([requests, bytes, hits, misses, cached_bytes])
    }

    /// Reads the counters by name.
    pub fn by_name(count: impl Fn(&str) -> u64) -> Self {
        let [requests, bytes, hits, misses, cached_bytes] = Self::NAMES.map(count);
        Self { requests, bytes, hits, misses, cached_bytes }
    }

    /// Adds this to the metrics of the process.
    pub fn record(self, side: Side) {
        let by = side.as_str();
        let Self { requests, bytes, hits, misses, cached_bytes } = self;
        metrics::counter!("lakegate_store_requests_total", "by" => by).increment(requests);
        metrics::counter!("lakegate_store_read_bytes_total", "by" => by).increment(bytes);
        metrics::counter!("lakegate_store_cache_hits_total", "by" => by).increment(hits);
        metrics::counter!("lakegate_store_cache_misses_total", "by" => by).increment(misses);
        metrics::counter!("lakegate_store_cache_bytes_total", "by" => by).increment(cached_bytes);
    }
}

impl AddAssign for Used {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.bytes += other.bytes;
        self.hits += other.hits;
        self.misses += other.misses;
        self.cached_bytes += other.cached_bytes;
    }
}

impl Sum for Used {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |mut sum, one| {
            sum += one;
            sum
        })
    }
}

impl fmt::Display for Used {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requests, bytes, hits, misses, cached_bytes } = self;
        write!(
            f,
            "{requests} requests for {bytes} bytes; from the cache {hits} of {} blocks, {cached_bytes} bytes",
            hits + misses
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_executors_tell_by_name_is_what_they_counted() {
        let usage = Usage::default();
        usage.requested(10);
        usage.hit(1, 7);
        usage.missed(1);
        let used = usage.take();
        assert_eq!(used, Used { requests: 1, bytes: 10, hits: 1, misses: 1, cached_bytes: 7 });
        let told: Vec<_> = used.counts().collect();
        let count = |name: &str| told.iter().find(|(known, _)| *known == name).unwrap().1;
        assert_eq!(Used::by_name(count), used);
        assert_eq!(usage.take(), Used::default());
    }
}
