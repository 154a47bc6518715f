//! A real `lakegate executor` with a data folder of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::binary;
use crate::process::{Process, remove_settings};
use crate::server::CLUSTER_TOKEN;

/// How to start an executor.
#[derive(Debug, Clone)]
pub struct Options {
    scheduler: String,
    token: String,
    arguments: Vec<String>,
    wrapper: Vec<String>,
    environment: Vec<(String, String)>,
    data_folder: Option<PathBuf>,
}

impl Options {
    /// For the cluster port at `scheduler` (`host:port`).
    pub fn new(scheduler: &str) -> Self {
        Self {
            scheduler: scheduler.to_owned(),
            token: CLUSTER_TOKEN.to_owned(),
            arguments: Vec::new(),
            wrapper: Vec::new(),
            environment: Vec::new(),
            data_folder: None,
        }
    }

    /// Joins with another token.
    pub fn with_token(mut self, token: &str) -> Self {
        self.token = token.to_owned();
        self
    }

    /// Adds arguments of the command line.
    pub fn with_arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    /// Adds a variable of the environment.
    pub fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts the executor through another program, such as `ip netns exec`.
    pub fn with_wrapper(mut self, words: &[String]) -> Self {
        self.wrapper = words.to_vec();
        self
    }

    /// Uses a folder that the test made, such as a small mounted one.
    pub fn with_data_folder(mut self, folder: &Path) -> Self {
        self.data_folder = Some(folder.to_path_buf());
        self
    }

    /// Starts the executor; does not wait until it has joined.
    pub fn start(self, name: &str) -> Executor {
        let folder = tempfile::Builder::new().prefix("lakegate-test-executor-").tempdir();
        let folder = folder.expect("a temporary folder can be made");
        let data_folder = self.data_folder.as_deref().unwrap_or(folder.path());
        let mut words: Vec<PathBuf> = self.wrapper.iter().map(PathBuf::from).collect();
        words.push(binary::lakegate());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(["executor", "--scheduler", &self.scheduler, "--data-dir"]);
        command.arg(data_folder).args(&self.arguments);
        remove_settings(&mut command);
        command.env("LAKEGATE_CLUSTER_TOKEN", &self.token);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        Executor { process: Process::spawn(name, command), folder }
    }
}

/// A running executor. Dropping it kills it and removes its data folder.
pub struct Executor {
    process: Process,
    folder: TempDir,
}

impl Executor {
    /// The process, for signals and its log.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// The folder with work and scratch files.
    pub fn data_folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends it at once (SIGKILL).
    pub fn kill(&mut self) {
        self.process.kill();
    }
}
