//! The two ways in which every file is run.

use std::fmt;
use std::fs;

use lakegate_tests::{Cluster, Server, binary, data};
use tempfile::TempDir;

/// Executors of the distributed set-up.
const EXECUTORS: usize = 2;

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One process does all.
    Local,
    /// A server with two executors, asked for the durable tier.
    TwoExecutors,
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Local => "local",
            Self::TwoExecutors => "two_executors",
        })
    }
}

/// Running processes with the datasets that all files share.
pub(crate) struct Setup {
    pub(crate) kind: Kind,
    cluster: Cluster,
    /// What files may write to.
    output: TempDir,
}

impl Setup {
    /// Starts the processes and creates the shared datasets of `setup.sql`.
    pub(crate) fn start(kind: Kind) -> Self {
        let cluster = match kind {
            Kind::Local => Cluster { server: Server::start(), executors: Vec::new() },
            Kind::TwoExecutors => Cluster::start(EXECUTORS),
        };
        let path = binary::workspace().join("tests/slt/setup.sql");
        let script = fs::read_to_string(path).expect("setup.sql can be read");
        let mut sql = cluster.server.connect();
        let output = tempfile::tempdir().expect("a temporary folder can be made");
        let setup = Self { kind, cluster, output };
        for statement in statements(&setup.substitute(&script)) {
            sql.run(&statement);
        }
        setup
    }

    /// The server to ask.
    pub(crate) fn server(&mut self) -> &mut Server {
        &mut self.cluster.server
    }

    /// Puts the folders of data in the place of `$DATA`, `$DEMO` and `$OUTPUT`.
    pub(crate) fn substitute(&self, script: &str) -> String {
        let script = script.replace("$DATA", &data::small().to_string_lossy());
        let script = script.replace("$DEMO", &data::demo().to_string_lossy());
        script.replace("$OUTPUT", &self.output.path().to_string_lossy())
    }

    /// The statement with which a connection begins, so that it is run in this way.
    pub(crate) fn first_statement(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Local => None,
            Kind::TwoExecutors => Some("SET lakegate.execution.tier = 'durable'"),
        }
    }
}

fn statements(script: &str) -> Vec<String> {
    let lines = script.lines().filter(|line| !line.starts_with("--"));
    let script = lines.collect::<Vec<_>>().join("\n");
    let statements = script.split(';').map(str::trim).filter(|statement| !statement.is_empty());
    statements.map(str::to_owned).collect()
}
