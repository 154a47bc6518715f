//! Whether a job still moves.
//!
//! A job moves when its stages change, or when an executor has one of its tasks or an outcome that
//! was not heard yet: a task may well compute for an hour. If neither holds, the scheduler waits for
//! something that will not come, such as a report that was lost.

use std::time::{Duration, Instant};

/// What is seen of a job at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sight {
    /// A number that changes whenever a stage does.
    pub(super) stages: u64,
    /// Whether an executor is busy with it.
    pub(super) is_busy: bool,
    /// Whether there are executors that take tasks.
    pub(super) has_executors: bool,
}

/// What is wrong with a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing.
    Moves,
    /// Nothing moves though executors are there.
    Stuck,
    /// Nobody is there to move it.
    Forsaken,
}

/// Follows one job.
#[derive(Debug)]
pub(super) struct Watchdog {
    stuck_after: Duration,
    executors_grace: Duration,
    stages: u64,
    moved: Instant,
    had_executors: Instant,
}

impl Watchdog {
    pub(super) fn new(stuck_after: Duration, executors_grace: Duration, now: Instant) -> Self {
        Self { stuck_after, executors_grace, stages: 0, moved: now, had_executors: now }
    }

    /// Judges what is seen.
    pub(super) fn judge(&mut self, sight: Sight, now: Instant) -> Verdict {
        if !sight.has_executors && !sight.is_busy {
            if now - self.had_executors >= self.executors_grace {
                return Verdict::Forsaken;
            }
            // Waiting for an executor is no standing still.
            self.moved = now;
            return Verdict::Moves;
        }
        self.had_executors = now;
        if sight.is_busy || sight.stages != self.stages {
            self.stages = sight.stages;
            self.moved = now;
        }
        if now - self.moved >= self.stuck_after { Verdict::Stuck } else { Verdict::Moves }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Sight = Sight { stages: 1, is_busy: false, has_executors: true };

    fn watchdog(now: Instant) -> Watchdog {
        Watchdog::new(Duration::from_secs(120), Duration::from_secs(60), now)
    }

    fn seconds(begun: Instant, seconds: u64) -> Instant {
        begun + Duration::from_secs(seconds)
    }

    #[test]
    fn a_job_that_waits_for_a_lost_report_is_stuck() {
        let begun = Instant::now();
        let mut watchdog = watchdog(begun);
        assert_eq!(watchdog.judge(IDLE, begun), Verdict::Moves);
        assert_eq!(watchdog.judge(IDLE, seconds(begun, 119)), Verdict::Moves);
        assert_eq!(watchdog.judge(IDLE, seconds(begun, 120)), Verdict::Stuck);
    }

    #[test]
    fn a_task_that_computes_for_long_is_left_alone() {
        let begun = Instant::now();
        let mut watchdog = watchdog(begun);
        for minute in 0..600 {
            let sight = Sight { is_busy: true, ..IDLE };
            assert_eq!(watchdog.judge(sight, seconds(begun, minute * 60)), Verdict::Moves);
        }
    }

    #[test]
    fn a_stage_that_changes_starts_the_wait_anew() {
        let begun = Instant::now();
        let mut watchdog = watchdog(begun);
        for round in 0..10 {
            assert_eq!(
                watchdog.judge(Sight { stages: round, ..IDLE }, seconds(begun, round * 100)),
                Verdict::Moves
            );
        }
    }

    #[test]
    fn a_job_without_executors_is_forsaken_after_the_grace_and_not_stuck() {
        let begun = Instant::now();
        let mut watchdog = watchdog(begun);
        let alone = Sight { has_executors: false, ..IDLE };
        assert_eq!(watchdog.judge(alone, seconds(begun, 59)), Verdict::Moves);
        assert_eq!(watchdog.judge(alone, seconds(begun, 60)), Verdict::Forsaken);
    }

    #[test]
    fn a_replacement_in_time_saves_the_job() {
        let begun = Instant::now();
        let mut watchdog = watchdog(begun);
        assert_eq!(
            watchdog.judge(Sight { has_executors: false, ..IDLE }, seconds(begun, 50)),
            Verdict::Moves
        );
        assert_eq!(watchdog.judge(IDLE, seconds(begun, 55)), Verdict::Moves);
        assert_eq!(
            watchdog.judge(Sight { has_executors: false, ..IDLE }, seconds(begun, 100)),
            Verdict::Moves
        );
    }
}
