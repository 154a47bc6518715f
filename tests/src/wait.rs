//! Waiting for a state, with a deadline; never for a time.

use std::thread;
use std::time::{Duration, Instant};

/// How often a state is looked at while waiting for it.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Looks at `probe` until it answers `Ok`, and hands on what it answered.
///
/// The `Err` of a probe says what was seen instead; the last one is part of the failure.
///
/// # Panics
/// When `deadline` has passed: the message names `what` and the state seen last.
#[track_caller]
pub fn until<T>(what: &str, deadline: Duration, probe: impl FnMut() -> Result<T, String>) -> T {
    match try_until(deadline, probe) {
        Ok(value) => value,
        Err(last) => panic!("waited {deadline:?} for {what}; last seen: {last}"),
    }
}

/// As [`until`], but answers the state seen last when the deadline has passed.
///
/// # Errors
/// The text of the last probe.
pub fn try_until<T>(
    deadline: Duration,
    mut probe: impl FnMut() -> Result<T, String>,
) -> Result<T, String> {
    let end = Instant::now() + deadline;
    loop {
        match probe() {
            Ok(value) => return Ok(value),
            Err(last) if Instant::now() >= end => return Err(last),
            Err(_) => thread::sleep(POLL_INTERVAL),
        }
    }
}
