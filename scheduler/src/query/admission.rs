//! How many queries run at once, and how many may wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Error;

/// A bounded number of places and a bounded queue before them, first come, first served.
#[derive(Debug)]
pub(super) struct Admission {
    places: Arc<Semaphore>,
    running_max: usize,
    waiting: AtomicUsize,
    waiting_max: usize,
    wait_max: Duration,
}

/// Counts a waiting query for as long as it waits, also when its client goes away.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Admission {
    pub(super) fn new(running_max: usize, waiting_max: usize, wait_max: Duration) -> Self {
        let places = Arc::new(Semaphore::new(running_max));
        Self { places, running_max, waiting: AtomicUsize::new(0), waiting_max, wait_max }
    }

    /// A place to run, kept until the permit is dropped.
    pub(super) async fn admit(&self) -> Result<OwnedSemaphorePermit, Error> {
        if let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(permit);
        }
        let waiting = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _counted = Waiting(&self.waiting);
        let full = || Error::QueueFull { waiting, running: self.running_max };
        if waiting >= self.waiting_max {
            return Err(full());
        }
        match tokio::time::timeout(self.wait_max, Arc::clone(&self.places).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(Error::Draining),
            Err(_) => Err(full()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_queue_refuses_at_once_and_a_free_place_admits() {
        let admission = Admission::new(1, 0, Duration::from_secs(5));
        let held = admission.admit().await.unwrap();
        assert!(matches!(admission.admit().await, Err(Error::QueueFull { running: 1, .. })));
        drop(held);
        assert!(admission.admit().await.is_ok());
    }

    #[tokio::test]
    async fn a_wait_that_is_too_long_ends_and_leaves_the_queue() {
        let admission = Admission::new(1, 8, Duration::from_millis(1));
        let _held = admission.admit().await.unwrap();
        assert!(matches!(admission.admit().await, Err(Error::QueueFull { .. })));
        assert_eq!(admission.waiting.load(Ordering::Relaxed), 0);
    }
}
