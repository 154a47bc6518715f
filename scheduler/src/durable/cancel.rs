//! A cancel that works.
//!
//! Ballista forgets a cancel that comes while a job is still being planned, and runs the job
//! afterwards. So the cancel is repeated until the job is seen to have ended.

use std::time::{Duration, Instant};

use ballista_core::JobId;
use ballista_core::serde::protobuf::job_status::Status;

use super::Core;

/// How often the job is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// How often the cancel is repeated.
const REPEAT: Duration = Duration::from_millis(500);
/// How long a job that nobody knows may still turn up: its submission waits in the event loop.
const UNKNOWN_MAX: Duration = Duration::from_secs(2);
/// When we give up; the event loop is dead then, which [`super::pulse`] tells.
const GIVE_UP: Duration = Duration::from_secs(60);

/// What is seen of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// Nobody knows it.
    Unknown,
    /// It is being planned.
    Queued,
    /// It runs.
    Running,
    /// It has ended.
    Ended,
}

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Send the cancel (again).
    Send,
    /// Look again later.
    Wait,
    /// The job has ended.
    Done,
    /// It does not end.
    GiveUp,
}

/// A cancel under way.
#[derive(Debug)]
pub(super) struct Cancel {
    begun: Instant,
    sent: Option<Instant>,
}

impl Cancel {
    pub(super) fn new(now: Instant) -> Self {
        Self { begun: now, sent: None }
    }

    /// What to do, given what is seen.
    pub(super) fn step(&mut self, seen: Seen, now: Instant) -> Step {
        let passed = now - self.begun;
        match seen {
            Seen::Ended => return Step::Done,
            Seen::Unknown if passed >= UNKNOWN_MAX => return Step::Done,
            _ if passed >= GIVE_UP => return Step::GiveUp,
            _ => {}
        }
        if self.sent.is_some_and(|sent| now - sent < REPEAT) {
            return Step::Wait;
        }
        self.sent = Some(now);
        Step::Send
    }
}

/// Cancels a job and returns once it has ended.
pub(super) async fn cancel(core: &Core, job: &JobId) {
    let mut cancel = Cancel::new(Instant::now());
    loop {
        match cancel.step(look(core, job).await, Instant::now()) {
            Step::Done => return,
            Step::GiveUp => {
                tracing::error!(job = %job, "a job does not end though it was cancelled");
                return;
            }
            Step::Send => {
                if let Err(error) = core.scheduler.cancel_job(job.clone()).await {
                    tracing::warn!(job = %job, error = %error, "a cancel was not taken");
                }
            }
            Step::Wait => {}
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn look(core: &Core, job: &JobId) -> Seen {
    let status = core.scheduler.state.task_manager.get_job_status(job).await;
    match status.ok().flatten().and_then(|status| status.status) {
        None => Seen::Unknown,
        Some(Status::Queued(_)) => Seen::Queued,
        Some(Status::Running(_)) => Seen::Running,
        Some(Status::Failed(_) | Status::Successful(_)) => Seen::Ended,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(begun: Instant, ms: u64) -> Instant {
        begun + Duration::from_millis(ms)
    }

    #[test]
    fn a_cancel_that_was_forgotten_while_planning_is_sent_again() {
        let begun = Instant::now();
        let mut cancel = Cancel::new(begun);
        assert_eq!(cancel.step(Seen::Queued, begun), Step::Send);
        assert_eq!(cancel.step(Seen::Queued, after(begun, 50)), Step::Wait);
        assert_eq!(cancel.step(Seen::Running, after(begun, 600)), Step::Send);
        assert_eq!(cancel.step(Seen::Ended, after(begun, 650)), Step::Done);
    }

    #[test]
    fn a_job_that_is_not_known_yet_is_waited_for() {
        let begun = Instant::now();
        let mut cancel = Cancel::new(begun);
        assert_eq!(cancel.step(Seen::Unknown, begun), Step::Send);
        assert_eq!(cancel.step(Seen::Unknown, after(begun, 100)), Step::Wait);
        assert_eq!(cancel.step(Seen::Unknown, after(begun, 2000)), Step::Done);
    }

    #[test]
    fn a_job_that_does_not_end_is_given_up() {
        let begun = Instant::now();
        assert_eq!(Cancel::new(begun).step(Seen::Running, after(begun, 60_000)), Step::GiveUp);
    }
}
