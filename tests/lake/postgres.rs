//! A PostgreSQL server for catalogs, on a socket in a folder of its own.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use lakegate_tests::binary;

/// A running server; it ends with this value.
pub(crate) struct Postgres {
    folder: String,
    script: Child,
}

impl Postgres {
    pub(crate) fn start() -> Self {
        let mut command = Command::new(binary::workspace().join("demo/postgres"));
        let mut script = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut folder = String::new();
        BufReader::new(script.stdout.take().unwrap()).read_line(&mut folder).unwrap();
        let folder = folder.trim().to_owned();
        assert!(!folder.is_empty(), "PostgreSQL does not start; its messages are above");
        Self { folder, script }
    }

    /// The URL of a catalog in it.
    pub(crate) fn url(&self) -> String {
        format!("postgres://catalog@{}/postgres", self.folder.replace('/', "%2F"))
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // The end of its standard input ends the server.
        drop(self.script.stdin.take());
        let _ = self.script.wait();
    }
}
