//! Slows down guessing of passwords: after a few failures a name has to wait, longer each time.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::session::BoundedMap;

/// Failures in a row that cost nothing: people mistype.
const FREE_FAILURES: u32 = 5;
/// The wait after the first failure beyond those.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Names that are remembered. More names than that push out the one that failed longest ago.
const NAMES_MAX: usize = 10_000;

/// Failed logins by the name that was tried.
pub(super) struct Throttle {
    failures: Mutex<BoundedMap<String, Failures>>,
}

struct Failures {
    count: u32,
    open_at: Instant,
}

impl Throttle {
    /// A throttle that has seen nothing.
    pub(super) fn new() -> Self {
        Self { failures: Mutex::new(BoundedMap::new(NAMES_MAX)) }
    }

    /// How long `name` has to wait before its next try; `None` when it may try at `now`.
    pub(super) fn wait(&self, name: &str, now: Instant) -> Option<Duration> {
        let mut failures = self.failures.lock();
        let open_at = failures.get_mut(&name.to_string())?.open_at;
        open_at.checked_duration_since(now).filter(|wait| !wait.is_zero())
    }

    /// Notes a failure of `name`.
    pub(super) fn failed(&self, name: &str, now: Instant) {
        let mut failures = self.failures.lock();
        let count =
            failures.get_mut(&name.to_string()).map_or(0, |seen| seen.count).saturating_add(1);
        let open_at = now + wait_after(count);
        failures.insert(name.to_string(), Failures { count, open_at });
    }

    /// Forgets the failures of `name`, which has shown the right password.
    pub(super) fn succeeded(&self, name: &str) {
        self.failures.lock().remove(&name.to_string());
    }
}

fn wait_after(failures: u32) -> Duration {
    let Some(doublings) = failures.checked_sub(FREE_FAILURES + 1) else { return Duration::ZERO };
    FIRST_WAIT.saturating_mul(1 << doublings.min(16)).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound_and_end_with_success() {
        let throttle = Throttle::new();
        let now = Instant::now();
        for _ in 0..FREE_FAILURES {
            throttle.failed("ada", now);
            assert_eq!(throttle.wait("ada", now), None);
        }
        throttle.failed("ada", now);
        assert_eq!(throttle.wait("ada", now), Some(FIRST_WAIT));
        assert_eq!(throttle.wait("bob", now), None);
        assert_eq!(throttle.wait("ada", now + FIRST_WAIT), None);
        for _ in 0..100 {
            throttle.failed("ada", now);
        }
        assert_eq!(throttle.wait("ada", now), Some(LONGEST_WAIT));
        throttle.succeeded("ada");
        assert_eq!(throttle.wait("ada", now), None);
    }
}
