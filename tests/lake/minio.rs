//! A MinIO server with one bucket, on a free port.

use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use lakegate_tests::process::Process;
use lakegate_tests::{requirements, wait};
use object_store::ObjectStore;
use object_store::aws::AmazonS3Builder;
use tempfile::TempDir;

use crate::stored::free_address;

/// The only bucket.
pub(crate) const BUCKET: &str = "lake";
/// The keys of the only user.
pub(crate) const KEY: &str = "tests-of-lakegate";
pub(crate) const SECRET: &str = "a-secret-that-stays-one-0815";
/// How long the server may take to start.
const START_DEADLINE: Duration = Duration::from_secs(60);

/// A running server; it ends with this value.
pub(crate) struct Minio {
    address: String,
    store: Arc<dyn ObjectStore>,
    _process: Process,
    _folder: TempDir,
}

impl Minio {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(BUCKET)).unwrap();
        let address = free_address();
        let mut command = Command::new(requirements::tool("minio").unwrap());
        command.args(["server", "--quiet", "--address", &address]).arg(folder.path());
        command.env("MINIO_ROOT_USER", KEY).env("MINIO_ROOT_PASSWORD", SECRET);
        command.env("HOME", folder.path());
        let process = Process::spawn("minio", command);
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
        Self { address, store: Arc::new(store), _process: process, _folder: folder }
    }

    /// `http://HOST:PORT`.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The bucket, as its owner reaches it.
    pub(crate) fn store(&self) -> &dyn ObjectStore {
        self.store.as_ref()
    }
}
