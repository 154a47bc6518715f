//! A fake-gcs-server with the tables of the SQL tests in one bucket, on a free port. It asks for no
//! keys, and takes no objects in the way that S3-like clients send them.

use std::process::Command;
use std::time::Duration;

use lakegate_tests::process::Process;
use lakegate_tests::{requirements, wait};
use tempfile::TempDir;

use crate::stored::{self, free_address};

/// The only bucket.
pub(crate) const BUCKET: &str = "lake";
/// How long the server may take to start.
const START_DEADLINE: Duration = Duration::from_secs(60);

/// A running server; it ends with this value.
pub(crate) struct FakeGcs {
    address: String,
    _process: Process,
    _folder: TempDir,
}

impl FakeGcs {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // A folder of the data it starts with is a bucket.
        stored::copy(&folder.path().join(BUCKET).join("raw"));
        let address = free_address();
        let (host, port) = address.split_once(':').unwrap();
        let mut command = Command::new(requirements::tool("fake-gcs-server").unwrap());
        command.args(["-scheme", "http", "-backend", "memory", "-log-level", "warn"]);
        command.args(["-host", host, "-port", port, "-public-host", &address]);
        command.arg("-data").arg(folder.path());
        let process = Process::spawn("fake-gcs-server", command);
        wait::until("fake-gcs-server to be ready", START_DEADLINE, || {
            let url = format!("http://{address}/storage/v1/b/{BUCKET}");
            ureq::get(&url).call().map(drop).map_err(|error| error.to_string())
        });
        Self { address, _process: process, _folder: folder }
    }

    /// `http://HOST:PORT`.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}
