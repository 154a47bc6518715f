//! Failures, stages and deadlines of supervised tasks, and the signals of a real process.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::oneshot;

use super::{OnFailure, Stage, Supervisor, shutdown_signal};

const DEADLINE: Duration = Duration::from_secs(20);

type Outcome = Result<(), std::io::Error>;

#[tokio::test]
async fn stages_stop_in_order_and_each_waits_for_the_one_before() {
    let supervisor = Supervisor::new();
    let ended = Arc::new(Mutex::new(Vec::new()));
    for stage in [Stage::Front, Stage::Upkeep, Stage::Intake, Stage::Work, Stage::Work] {
        let ended = Arc::clone(&ended);
        supervisor.spawn("task", stage, OnFailure::Log, move |stop| async move {
            stop.cancelled().await;
            tokio::task::yield_now().await;
            ended.lock().unwrap().push(stage);
            Outcome::Ok(())
        });
    }
    supervisor.shutdown(DEADLINE).await.unwrap();
    let order = [Stage::Intake, Stage::Work, Stage::Work, Stage::Upkeep, Stage::Front];
    assert_eq!(*ended.lock().unwrap(), order);
    assert!(supervisor.running().is_empty());
    assert!(supervisor.stopping().is_cancelled());
}

#[tokio::test]
async fn a_failure_that_must_stop_the_process_is_told_with_its_cause() {
    let supervisor = Supervisor::new();
    supervisor.spawn("unimportant", Stage::Upkeep, OnFailure::Log, |_| async {
        Outcome::Err(std::io::Error::other("never mind"))
    });
    supervisor.spawn("listener", Stage::Front, OnFailure::StopProcess, |_| async {
        Outcome::Err(std::io::Error::other("port is gone"))
    });
    let failed = supervisor.failed().await;
    assert_eq!(failed.to_string(), "task \"listener\" failed: port is gone");
    supervisor.shutdown(DEADLINE).await.unwrap();
}

#[tokio::test]
async fn a_panic_is_a_failure() {
    let supervisor = Supervisor::new();
    supervisor.spawn("loop", Stage::Work, OnFailure::StopProcess, |_| async {
        let count: usize = "3".parse().unwrap();
        assert!(count < 3, "count is {count}");
        Outcome::Ok(())
    });
    assert_eq!(supervisor.failed().await.reason, "panicked: count is 3");
}

#[tokio::test]
async fn a_task_that_does_not_stop_is_aborted_and_named() {
    struct Dropped(Option<oneshot::Sender<()>>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.take().map(|told| told.send(()));
        }
    }
    let supervisor = Supervisor::new();
    let (told, dropped) = oneshot::channel();
    let guard = Dropped(Some(told));
    supervisor.spawn("deaf", Stage::Work, OnFailure::Log, |_| async move {
        let _guard = guard;
        std::future::pending::<Outcome>().await
    });
    supervisor.spawn("listener", Stage::Front, OnFailure::Log, |stop| async move {
        stop.cancelled().await;
        Outcome::Ok(())
    });
    let error = supervisor.shutdown(Duration::from_millis(20)).await.unwrap_err();
    assert!(error.tasks.contains(&"deaf"), "{error}");
    assert!(error.to_string().starts_with("tasks did not stop within 20ms: deaf"), "{error}");
    dropped.await.unwrap();
    assert!(supervisor.running().is_empty());
}

#[tokio::test]
async fn a_task_started_after_the_stop_sees_its_token_cancelled() {
    let supervisor = Supervisor::new();
    supervisor.shutdown(DEADLINE).await.unwrap();
    let (told, seen) = oneshot::channel();
    supervisor.spawn("late", Stage::Work, OnFailure::Log, |stop| async move {
        let _ = told.send(stop.is_cancelled());
        Outcome::Ok(())
    });
    assert!(seen.await.unwrap());
}

/// Set in the process that [`a_second_signal_ends_the_process_at_once`] starts.
const CHILD: &str = "LAKEGATE_TEST_SIGNAL_CHILD";

#[tokio::test]
async fn a_second_signal_ends_the_process_at_once() {
    if std::env::var_os(CHILD).is_some() {
        let mut signal = Box::pin(shutdown_signal());
        // The handlers are there after the first poll.
        assert!(poll_once(&mut signal).is_none());
        println!("\nlistening");
        signal.await.unwrap();
        println!("\nstopping");
        std::future::pending::<()>().await;
    }
    let own = "supervisor::tests::a_second_signal_ends_the_process_at_once";
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", own, "--nocapture"])
        .env(CHILD, "1")
        .stdout(Stdio::piped())
        .spawn();
    let mut child = KillOnDrop(child.unwrap());
    let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
    let mut wait_for = |text: &str| assert!(lines.any(|line| line.unwrap() == text), "{text}");
    let process = child.0.id().to_string();
    let send = |name: &str| {
        let sent = Command::new("kill").args([name, &process]).status().unwrap();
        assert!(sent.success());
    };
    wait_for("listening");
    send("-TERM");
    wait_for("stopping");
    send("-INT");
    assert_eq!(child.0.wait().unwrap().code(), Some(130));
}

struct KillOnDrop(Child);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        // It has ended already unless the test failed.
        let _ = self.0.kill();
    }
}

fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::Pin::new(future).poll(&mut context) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}
