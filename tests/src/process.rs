//! A child process whose output is kept, which can be signalled, and which never outlives its test.

use std::collections::VecDeque;
use std::env;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::wait;

/// Lines of log kept per process; older ones are dropped.
const LOG_LINES_MAX: usize = 5_000;
/// Lines of log shown when a test fails.
const LOG_LINES_SHOWN: usize = 150;

type Log = Arc<Mutex<VecDeque<String>>>;

/// A running child process.
///
/// Dropping it kills it with SIGKILL; when the test is failing at that moment, the end of its log
/// is printed first.
pub struct Process {
    name: String,
    child: Child,
    log: Log,
    stdout: Receiver<String>,
}

impl Process {
    /// Starts `command` and begins to read what it prints.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn spawn(name: impl Into<String>, mut command: Command) -> Self {
        let name = name.into();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            command.spawn().unwrap_or_else(|error| panic!("start {name} ({command:?}): {error}"));
        let log = Log::default();
        let (sender, stdout) = channel();
        let out = child.stdout.take().expect("stdout is piped");
        let err = child.stderr.take().expect("stderr is piped");
        read_lines(out, Arc::clone(&log), move |line| {
            // Nobody waits for lines any more once the process is up: that is no fault.
            let _ = sender.send(line);
        });
        read_lines(err, Arc::clone(&log), drop);
        Self { name, child, log, stdout }
    }

    /// The operating system's number of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The name given at the start, for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads standard output line by line until `accept` is content, and answers all lines read.
    ///
    /// # Panics
    /// When the process ends or the deadline passes first, with the log.
    pub fn wait_for_line(&self, deadline: Duration, accept: impl Fn(&str) -> bool) -> Vec<String> {
        let end = Instant::now() + deadline;
        let mut lines = Vec::new();
        loop {
            match self.stdout.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    let done = accept(&line);
                    lines.push(line);
                    if done {
                        return lines;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    panic!("{} was not up after {deadline:?}\n{}", self.name, self.log_tail())
                }
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("{} ended before it was up\n{}", self.name, self.log_tail())
                }
            }
        }
    }

    /// The last lines that the process printed, on either stream.
    pub fn log_tail(&self) -> String {
        let log = self.log.lock().expect("log readers do not panic");
        let skip = log.len().saturating_sub(LOG_LINES_SHOWN);
        let lines: Vec<&str> = log.iter().skip(skip).map(String::as_str).collect();
        format!("--- log of {} ---\n{}\n---", self.name, lines.join("\n"))
    }

    /// Whether any kept line of the log contains `text`.
    pub fn log_contains(&self, text: &str) -> bool {
        self.log.lock().expect("log readers do not panic").iter().any(|line| line.contains(text))
    }

    /// Ends the process at once with SIGKILL and waits until it is gone.
    pub fn kill(&mut self) {
        // Killing a process that has ended is no fault.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks the process to end (SIGTERM); does not wait.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends the named signal.
    ///
    /// # Panics
    /// When the signal cannot be sent, as to a process that has ended.
    pub fn signal(&self, signal: &str) {
        let status = Command::new("kill")
            .args([format!("-{signal}"), self.id().to_string()])
            .status()
            .expect("kill runs");
        assert!(status.success(), "signal {signal} to {} was not delivered", self.name);
    }

    /// Whether the process still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits until the process has ended by itself.
    ///
    /// # Panics
    /// When it still runs at the deadline, with the log.
    pub fn wait_for_exit(&mut self, deadline: Duration) -> ExitStatus {
        let ended = wait::try_until(deadline, || match self.child.try_wait() {
            Ok(Some(status)) => Ok(status),
            Ok(None) => Err("still running".to_owned()),
            Err(error) => Err(error.to_string()),
        });
        ended.unwrap_or_else(|last| {
            panic!("{} {last} after {deadline:?}\n{}", self.name, self.log_tail())
        })
    }

    /// Resident memory of the process in bytes, as the kernel counts it.
    ///
    /// # Panics
    /// When the process is gone.
    pub fn resident_bytes(&self) -> u64 {
        let path = format!("/proc/{}/status", self.id());
        let status = std::fs::read_to_string(&path).expect("the process runs");
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kibibytes = line.and_then(|line| line.split_whitespace().nth(1));
        kibibytes.and_then(|text| text.parse::<u64>().ok()).expect("VmRSS is a number") * 1024
    }
}

impl Process {
    /// Processor time that the process has used so far.
    ///
    /// # Panics
    /// When the process is gone.
    pub fn processor_time(&self) -> Duration {
        let path = format!("/proc/{}/stat", self.id());
        let stat = std::fs::read_to_string(&path).expect("the process runs");
        // The name in brackets may hold blanks; user and system time follow 11 fields after it.
        let fields = stat.rsplit_once(')').map(|(_, fields)| fields).unwrap_or_default();
        let ticks: u64 =
            fields.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<u64>().ok()).sum();
        Duration::from_millis(ticks * 10)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{}", self.log_tail());
        }
        self.kill();
    }
}

/// Takes the settings of whoever runs the tests away from a process under test.
pub fn remove_settings(command: &mut Command) {
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("LAKEGATE_") {
            command.env_remove(name);
        }
    }
}

fn read_lines(
    stream: impl Read + Send + 'static,
    log: Log,
    mut hand_on: impl FnMut(String) + Send + 'static,
) {
    thread::spawn(move || {
        for line in BufReader::new(stream).lines() {
            let Ok(line) = line else { return };
            let mut kept = log.lock().expect("log readers do not panic");
            if kept.len() == LOG_LINES_MAX {
                kept.pop_front();
            }
            kept.push_back(line.clone());
            drop(kept);
            hand_on(line);
        }
    });
}
