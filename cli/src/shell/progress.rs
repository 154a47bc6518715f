//! The line that says how far a long query is.
//!
//! It is shown on the standard error where that is a terminal, once the query has run for a while,
//! and asks the server's HTTP interface.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use lakegate_client::{Client, QueryProgress};
use parking_lot::Mutex;
use tokio::task::JoinHandle;

/// How long a query runs before the line appears.
const DELAY: Duration = Duration::from_millis(500);

/// How long the line stands before the server is asked again.
const INTERVAL: Duration = Duration::from_millis(300);

/// The pictures of the spinner.
const SPINNER: [char; 4] = ['|', '/', '-', '\\'];

/// Characters of the line at most; a longer one would wrap in a terminal of the usual width, and only
/// its last part would be cleared.
const MAX_WIDTH: usize = 76;

/// Goes to the beginning of the terminal's line and clears it.
const CLEAR_LINE: &str = "\r\x1b[2K";

/// The progress of one statement. Dropping it clears the line.
pub(crate) struct Progress {
    state: Arc<State>,
    task: Option<JoinHandle<()>>,
}

struct State {
    started: Instant,
    query_id: Mutex<Option<String>>,
    rows_received: AtomicU64,
    line: Mutex<Line>,
}

/// What is on the terminal.
#[derive(Default)]
struct Line {
    /// How often it was drawn; picks the spinner's picture.
    drawn: usize,
    /// Nothing may be drawn any more.
    is_over: bool,
}

impl Progress {
    /// Begins to watch a statement. Needs a runtime.
    pub(crate) fn start(client: &Client) -> Self {
        let state = Arc::new(State {
            started: Instant::now(),
            query_id: Mutex::default(),
            rows_received: AtomicU64::new(0),
            line: Mutex::default(),
        });
        let task = io::stderr().is_terminal().then(|| {
            // Ended by `hide`, at the latest when this is dropped.
            tokio::spawn(watch(client.clone(), Arc::clone(&state)))
        });
        Self { state, task }
    }

    /// Time since the statement was sent.
    pub(crate) fn elapsed(&self) -> Duration {
        self.state.started.elapsed()
    }

    /// The query, once the server has told.
    pub(crate) fn query_id(&self) -> Option<String> {
        self.state.query_id.lock().clone()
    }

    /// Tells which query runs.
    pub(crate) fn set_query_id(&self, query_id: Option<&str>) {
        *self.state.query_id.lock() = query_id.map(str::to_string);
    }

    /// Counts rows that have come in.
    pub(crate) fn add_rows(&self, rows: usize) {
        self.state.rows_received.fetch_add(rows as u64, Ordering::Relaxed);
    }

    /// Clears the line for good, so that rows can be written where it stood.
    pub(crate) fn hide(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
            self.state.line.lock().clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.hide();
    }
}

impl Line {
    /// Draws the line over the one before. The cursor stays behind the text, so that the `^C` that
    /// the terminal echoes is cleared with it.
    fn show(&mut self, text: &str) {
        if self.is_over {
            return;
        }
        let spinner = SPINNER[self.drawn % SPINNER.len()];
        self.drawn += 1;
        let fitting: String = text.chars().take(MAX_WIDTH).collect();
        write(&format!("{CLEAR_LINE}{spinner} {fitting} "));
    }

    /// Takes the line away for good.
    fn clear(&mut self) {
        if !self.is_over && self.drawn > 0 {
            write(CLEAR_LINE);
        }
        self.is_over = true;
    }
}

/// Writes to the terminal. Without one nobody misses the line.
fn write(text: &str) {
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes());
    let _ = stderr.flush();
}

/// Draws the line again and again.
async fn watch(client: Client, state: Arc<State>) {
    tokio::time::sleep(DELAY).await;
    loop {
        let query_id = state.query_id.lock().clone();
        let progress = match query_id {
            // What cannot be asked is left out of the line; the statement itself reports errors.
            Some(id) => client.progress(&id).await.ok(),
            None => None,
        };
        let received = state.rows_received.load(Ordering::Relaxed);
        let text = describe(progress.as_ref(), received, state.started.elapsed());
        state.line.lock().show(&text);
        tokio::time::sleep(INTERVAL).await;
    }
}

/// The line's text.
fn describe(progress: Option<&QueryProgress>, received: u64, elapsed: Duration) -> String {
    let mut text = String::new();
    match progress {
        None => text.push_str("running"),
        Some(progress) => {
            let tier = progress.tier.as_deref().unwrap_or_default();
            let _ = write!(text, "{} {tier}", progress.state);
            if !progress.stages.is_empty() {
                let stages = &progress.stages;
                let stages_done = stages.iter().filter(|s| s.tasks_done >= s.tasks).count();
                let tasks: u64 = stages.iter().map(|stage| stage.tasks).sum();
                let tasks_done: u64 = stages.iter().map(|stage| stage.tasks_done).sum();
                let _ = write!(text, ", stages {stages_done}/{}", stages.len());
                let _ = write!(text, ", tasks {tasks_done}/{tasks}");
            }
        }
    }
    let rows = progress.map_or(0, |progress| progress.rows).max(received);
    let _ = write!(text, ", {rows} rows, {:.1} s", elapsed.as_secs_f64());
    text
}

#[cfg(test)]
mod tests {
    use lakegate_client::StageProgress;

    use super::*;

    #[test]
    fn the_line_says_stages_tasks_rows_and_time() {
        let stage = |tasks, tasks_done| StageProgress { stage_id: 1, tasks, tasks_done };
        let progress = QueryProgress {
            state: "running".to_string(),
            tier: Some("durable".to_string()),
            stages: vec![stage(4, 4), stage(3, 1)],
            rows: 7,
            ..QueryProgress::default()
        };
        let text = describe(Some(&progress), 9, Duration::from_millis(1540));
        assert_eq!(text, "running durable, stages 1/2, tasks 5/7, 9 rows, 1.5 s");
    }

    #[test]
    fn the_line_does_without_the_server() {
        let text = describe(None, 0, Duration::from_secs(2));
        assert_eq!(text, "running, 0 rows, 2.0 s");
    }
}
