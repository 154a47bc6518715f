//! Whether Ballista's event loop still turns.
//!
//! It is one task without a guard: a panic in it ends all scheduling in silence. So a report of no
//! tasks by an executor that does not exist is put through it from time to time, and
//! [`super::members::Members`] sees it come out on the other side.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ballista_core::serde::protobuf::UpdateTaskStatusParams;
use ballista_core::serde::protobuf::scheduler_grpc_server::SchedulerGrpc;
use parking_lot::Mutex;
use tonic::Request;

use super::Scheduler;

/// The executor that does not exist.
pub(super) const PULSE_ID: &str = "lakegate-pulse";
/// How often the loop is asked.
const INTERVAL: Duration = Duration::from_secs(5);
/// How long it may take to answer; a large plan can keep it for a while.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// When the event loop was last seen at work.
#[derive(Debug)]
pub(super) struct Pulse(Mutex<Instant>);

impl Pulse {
    /// Alive as of now.
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Instant::now())))
    }

    /// The loop did something.
    pub(super) fn beat(&self) {
        *self.0.lock() = Instant::now();
    }

    /// Whether the loop was seen at work lately.
    pub(super) fn is_alive(&self) -> bool {
        self.0.lock().elapsed() < SILENCE_MAX
    }
}

/// Asks the loop for ever.
pub(super) async fn ask(scheduler: Scheduler, pulse: Arc<Pulse>) {
    let mut told = false;
    loop {
        let request = Request::new(UpdateTaskStatusParams {
            executor_id: PULSE_ID.to_string(),
            task_status: Vec::new(),
        });
        // A full queue makes this wait, which is no reason to ask again.
        let _ =
            tokio::time::timeout(INTERVAL, SchedulerGrpc::update_task_status(&scheduler, request))
                .await;
        if !pulse.is_alive() && !told {
            tracing::error!("the event loop of the durable tier does not answer");
            told = true;
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_that_was_silent_for_too_long_is_dead() {
        let pulse = Pulse::new();
        assert!(pulse.is_alive());
        *pulse.0.lock() = Instant::now().checked_sub(SILENCE_MAX * 2).unwrap();
        assert!(!pulse.is_alive());
        pulse.beat();
        assert!(pulse.is_alive());
    }
}
