//! A real `lakegate serve` on free ports with a data folder of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use tempfile::TempDir;

use crate::binary;
use crate::http::Http;
use crate::process::{Process, remove_settings};
use crate::queries::Queries;
use crate::sql::Sql;
use crate::wait;

/// The admin's name on every fresh server.
pub const USER: &str = "admin";
/// The admin's password on every server of a test.
pub const PASSWORD: &str = "correct-horse:battery";
/// The join token of every cluster of a test.
pub const CLUSTER_TOKEN: &str = "token-of-the-tests-0123456789abcdef";
/// How long a server may take until it prints `ready`.
const START_DEADLINE: Duration = Duration::from_secs(60);
/// How long a server may take to stop after SIGTERM when nothing runs.
const STOP_DEADLINE: Duration = Duration::from_secs(30);

/// How to start a server.
#[derive(Debug, Clone, Default)]
pub struct Options {
    cluster_listen: Option<String>,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    data_folder: Option<PathBuf>,
}

impl Options {
    /// Opens the cluster port on a free port of the loopback address.
    pub fn with_cluster(self) -> Self {
        self.with_cluster_at("127.0.0.1:0")
    }

    /// Opens the cluster port at an address.
    pub fn with_cluster_at(mut self, address: &str) -> Self {
        self.cluster_listen = Some(address.to_owned());
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

    /// Uses a folder that the test made, such as a small mounted one.
    pub fn with_data_folder(mut self, folder: &Path) -> Self {
        self.data_folder = Some(folder.to_path_buf());
        self
    }

    /// Starts a server in a fresh data folder.
    ///
    /// # Panics
    /// When it is not ready within a minute, with its log.
    pub fn start(self) -> Server {
        let folder = tempfile::Builder::new().prefix("lakegate-test-").tempdir();
        Server::start_in(self, folder.expect("a temporary folder can be made"))
    }

    fn command(&self, data_folder: &Path) -> Command {
        let mut command = Command::new(binary::lakegate());
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]);
        command.arg(self.data_folder.as_deref().unwrap_or(data_folder));
        if let Some(address) = &self.cluster_listen {
            command.args(["--cluster-listen", address]);
        }
        command.args(&self.arguments);
        remove_settings(&mut command);
        command.env("LAKEGATE_ADMIN_PASSWORD", PASSWORD);
        command.env("LAKEGATE_CLUSTER_TOKEN", CLUSTER_TOKEN);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// A running server. Dropping it kills it and removes its data folder.
pub struct Server {
    options: Options,
    process: Process,
    address: String,
    cluster_address: Option<String>,
    folder: TempDir,
}

impl Server {
    /// Starts an embedded server: no cluster port, local execution.
    pub fn start() -> Self {
        Options::default().start()
    }

    fn start_in(options: Options, folder: TempDir) -> Self {
        let process = Process::spawn("server", options.command(folder.path()));
        let lines = process.wait_for_line(START_DEADLINE, |line| line == "ready");
        let address = after(&lines, "listening on grpc://").expect("serve prints its address");
        let cluster_address = after(&lines, "cluster port on ");
        assert_eq!(
            cluster_address.is_some(),
            options.cluster_listen.is_some(),
            "the cluster port is open exactly when asked for; printed: {lines:?}"
        );
        Self { options, process, address, cluster_address, folder }
    }

    /// Stops the server with SIGTERM and starts it again on the same data folder and cluster port.
    ///
    /// The client port may change.
    pub fn restart(mut self) -> Self {
        self.stop();
        self.start_again()
    }

    /// Starts the server again after it ended, on the same data folder and cluster port.
    pub fn start_again(mut self) -> Self {
        assert!(!self.process.is_running(), "the server still runs");
        let mut options = self.options.clone();
        if let Some(address) = &self.cluster_address {
            options.cluster_listen = Some(address.clone());
        }
        Self::start_in(options, self.folder)
    }

    /// Sends SIGTERM and waits for the end.
    pub fn stop(&mut self) -> ExitStatus {
        self.process.terminate();
        self.process.wait_for_exit(STOP_DEADLINE)
    }

    /// The client port as `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The URL that Flight SQL clients take.
    pub fn url(&self) -> String {
        format!("grpc://{}", self.address)
    }

    /// The cluster port as `host:port`.
    ///
    /// # Panics
    /// When the server was started without one.
    pub fn cluster_address(&self) -> &str {
        self.cluster_address.as_deref().expect("the server was started with a cluster port")
    }

    /// The folder with the catalog and scratch.
    pub fn data_folder(&self) -> &Path {
        self.options.data_folder.as_deref().unwrap_or(self.folder.path())
    }

    /// The process, for signals and its log.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// The HTTP side of the client port, as the admin.
    pub fn http(&self) -> Http {
        Http::new(&self.address, USER, PASSWORD)
    }

    /// What `/api/v1/queries` tells.
    pub fn queries(&self) -> Queries {
        Queries::new(self.http())
    }

    /// A new connection as the admin.
    ///
    /// # Panics
    /// When the connection is refused.
    #[track_caller]
    pub fn connect(&self) -> Sql {
        Sql::connect(&self.url(), USER, PASSWORD)
            .unwrap_or_else(|error| panic!("connect to {}: {error}", self.url()))
    }

    /// Waits until `/readyz` answers 200.
    #[track_caller]
    pub fn wait_until_ready(&self, deadline: Duration) {
        let http = self.http();
        wait::until("/readyz to answer 200", deadline, || {
            match http.get_without_credentials("/readyz") {
                Ok(answer) if answer.status == 200 => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
    }

    /// Checks that the server is unharmed: healthy, ready, and answering SQL on a new connection.
    ///
    /// # Panics
    /// When it is not.
    #[track_caller]
    pub fn assert_unharmed(&mut self) {
        assert!(self.process.is_running(), "the server ended\n{}", self.process.log_tail());
        for path in ["/healthz", "/readyz"] {
            let answer = self.http().get_without_credentials(path).expect("HTTP answers");
            assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        }
        let rows = self.connect().rows("SELECT 6 * 7").expect("a simple query is answered");
        assert_eq!(rows, [["42"]]);
    }
}

fn after(lines: &[String], prefix: &str) -> Option<String> {
    lines.iter().find_map(|line| line.strip_prefix(prefix)).map(str::to_owned)
}
