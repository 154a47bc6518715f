//! A MinIO server with two buckets, on a free port.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use lakegate_tests::process::Process;
use lakegate_tests::{requirements, wait};
use object_store::ObjectStore;
use object_store::aws::AmazonS3Builder;
use tempfile::TempDir;

use crate::stored::free_address;

/// The bucket with data.
pub(crate) const BUCKET: &str = "lake";
/// A bucket with nothing in it.
pub(crate) const EMPTY: &str = "bare";
/// The keys of the only user.
pub(crate) const KEY: &str = "tests-of-lakegate";
pub(crate) const SECRET: &str = "a-secret-that-stays-one-0815";
/// How long the server may take to start.
const START_DEADLINE: Duration = Duration::from_secs(60);

/// A running server; it ends with this value.
pub(crate) struct Minio {
    address: String,
    store: Arc<dyn ObjectStore>,
    process: Option<Process>,
    folder: TempDir,
}

impl Minio {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for bucket in [BUCKET, EMPTY] {
            fs::create_dir(folder.path().join(bucket)).unwrap();
        }
        let address = free_address();
        let process = spawn(&address, folder.path());
        let store = AmazonS3Builder::new()
            .with_bucket_name(BUCKET)
            .with_endpoint(format!("http://{address}"))
            .with_allow_http(true)
            .with_region("us-east-1")
            .with_access_key_id(KEY)
            .with_secret_access_key(SECRET)
            .build()
            .unwrap();
        wait::until("MinIO to be ready", START_DEADLINE, || {
            let url = format!("http://{address}/minio/health/ready");
            ureq::get(&url).call().map(drop).map_err(|error| error.to_string())
        });
        Self { address, store: Arc::new(store), process: Some(process), folder }
    }

    /// Kills the server. Who asks it meanwhile is refused the connection.
    pub(crate) fn kill(&mut self) {
        self.process = None;
    }

    /// Starts the server again after it was killed, without waiting until it is ready.
    pub(crate) fn start_again(&mut self) {
        self.process = Some(spawn(&self.address, self.folder.path()));
    }

    /// `http://HOST:PORT`.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Files that are on their way in parts and neither finished nor given up. The server lists
    /// them only to who knows their names, so they are counted where it keeps them.
    pub(crate) fn unfinished(&self) -> usize {
        let entries = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten();
        let names = entries(&self.folder.path().join(".minio.sys/multipart"));
        names.map(|name| entries(&name.path()).count()).sum()
    }

    /// The bucket with data, as its owner reaches it.
    pub(crate) fn store(&self) -> &dyn ObjectStore {
        self.store.as_ref()
    }
}

fn spawn(address: &str, folder: &Path) -> Process {
    let mut command = Command::new(requirements::tool("minio").unwrap());
    command.args(["server", "--quiet", "--address", address]).arg(folder);
    command.env("MINIO_ROOT_USER", KEY).env("MINIO_ROOT_PASSWORD", SECRET);
    command.env("HOME", folder);
    Process::spawn("minio", command)
}
