//! Slows down guessing of passwords: after a few failures whoever tries a name has to wait, longer
//! each time. It is counted by name and by the address that tries it, so that a stranger keeps
//! nobody out who comes from elsewhere; and a password that has been right before is looked at
//! whatever others tried from the same address, such as that of a proxy.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::session::BoundedMap;

/// Failures in a row that cost nothing: people mistype.
const FREE_FAILURES: u32 = 5;
/// The wait after the first failure beyond those.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Names and addresses that are remembered. More than that push out the one that failed longest
/// ago.
const TRIES_MAX: usize = 10_000;
/// Credentials that were right once and are remembered; the one that was used longest ago goes.
const RIGHT_MAX: usize = 10_000;
/// Groups of an IPv6 address that one household or machine room has: it may use all below.
const IPV6_GROUPS: usize = 4;

/// Who tries to log in, and what with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Try<'a> {
    /// The name.
    pub(super) name: &'a str,
    /// The address that the connection comes from.
    pub(super) peer: Option<IpAddr>,
    /// A digest of name and password that tells neither.
    pub(super) digest: [u8; 32],
}

/// A name and a network.
type Source = (String, Option<IpAddr>);

/// Failed logins by the name that was tried and where it was tried from.
pub(super) struct Throttle {
    failures: Mutex<BoundedMap<Source, Failures>>,
    right: Mutex<BoundedMap<[u8; 32], ()>>,
}

struct Failures {
    count: u32,
    open_at: Instant,
}

impl Throttle {
    /// A throttle that has seen nothing.
    pub(super) fn new() -> Self {
        Self {
            failures: Mutex::new(BoundedMap::new(TRIES_MAX)),
            right: Mutex::new(BoundedMap::new(RIGHT_MAX)),
        }
    }

    /// How long a try has to wait; `None` when it may be made at `now`.
    pub(super) fn wait(&self, this: Try<'_>, now: Instant) -> Option<Duration> {
        let open_at = self.failures.lock().get_mut(&source(this))?.open_at;
        let wait = open_at.checked_duration_since(now).filter(|wait| !wait.is_zero())?;
        let was_right = self.right.lock().get_mut(&this.digest).is_some();
        (!was_right).then_some(wait)
    }

    /// Notes a try that was wrong.
    pub(super) fn failed(&self, this: Try<'_>, now: Instant) {
        self.right.lock().remove(&this.digest);
        let source = source(this);
        let mut failures = self.failures.lock();
        let count = failures.get_mut(&source).map_or(0, |seen| seen.count).saturating_add(1);
        failures.insert(source, Failures { count, open_at: now + wait_after(count) });
    }

    /// Notes a try that was right, and forgets the failures of the name from the same address.
    pub(super) fn succeeded(&self, this: Try<'_>) {
        self.right.lock().insert(this.digest, ());
        self.failures.lock().remove(&source(this));
    }
}

/// Where a try comes from.
fn source(this: Try<'_>) -> Source {
    let network = this.peer.map(|peer| match peer {
        IpAddr::V6(address) => {
            let mut groups = address.segments();
            groups[IPV6_GROUPS..].fill(0);
            IpAddr::from(groups)
        }
        v4 => v4,
    });
    (this.name.to_string(), network)
}

fn wait_after(failures: u32) -> Duration {
    let Some(doublings) = failures.checked_sub(FREE_FAILURES + 1) else { return Duration::ZERO };
    FIRST_WAIT.saturating_mul(1 << doublings.min(16)).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a_try<'a>(name: &'a str, peer: &str, password: u8) -> Try<'a> {
        Try { name, peer: Some(peer.parse().unwrap()), digest: [password; 32] }
    }

    #[test]
    fn waits_grow_to_a_bound_and_end_with_success() {
        let throttle = Throttle::new();
        let now = Instant::now();
        let (ada, bob) = (a_try("ada", "10.0.0.1", 1), a_try("bob", "10.0.0.1", 2));
        for _ in 0..FREE_FAILURES {
            throttle.failed(ada, now);
            assert_eq!(throttle.wait(ada, now), None);
        }
        throttle.failed(ada, now);
        assert_eq!(throttle.wait(ada, now), Some(FIRST_WAIT));
        assert_eq!(throttle.wait(bob, now), None);
        assert_eq!(throttle.wait(ada, now + FIRST_WAIT), None);
        for _ in 0..100 {
            throttle.failed(ada, now);
        }
        assert_eq!(throttle.wait(ada, now), Some(LONGEST_WAIT));
        throttle.succeeded(ada);
        assert_eq!(throttle.wait(ada, now), None);
    }

    #[test]
    fn a_stranger_keeps_out_nobody_who_comes_from_elsewhere() {
        let throttle = Throttle::new();
        let now = Instant::now();
        for _ in 0..100 {
            throttle.failed(a_try("ada", "2001:db8:1:2::1", 1), now);
        }
        for near in ["2001:db8:1:2::1", "2001:db8:1:2:3::9"] {
            assert_eq!(throttle.wait(a_try("ada", near, 2), now), Some(LONGEST_WAIT), "{near}");
        }
        for elsewhere in ["2001:db8:1:3::1", "10.0.0.1"] {
            assert_eq!(throttle.wait(a_try("ada", elsewhere, 2), now), None, "{elsewhere}");
        }
    }

    #[test]
    fn a_password_that_was_right_is_looked_at_until_it_is_wrong() {
        let throttle = Throttle::new();
        let now = Instant::now();
        let (right, wrong) = (a_try("ada", "10.0.0.1", 1), a_try("ada", "10.0.0.1", 2));
        throttle.succeeded(right);
        for _ in 0..100 {
            throttle.failed(wrong, now);
        }
        assert_eq!(throttle.wait(right, now), None);
        assert_eq!(throttle.wait(wrong, now), Some(LONGEST_WAIT));
        throttle.failed(right, now);
        assert_eq!(throttle.wait(right, now), Some(LONGEST_WAIT));
    }
}
