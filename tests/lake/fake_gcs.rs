//! A fake-gcs-server with the tables of the SQL tests in one bucket, on a free port, behind an nginx.
//! It asks for no keys. Whole objects that come in the way that S3-like clients send them are
//! handed to it in its own way, with their conditions; files in parts are not.

use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use lakegate_tests::process::Process;
use lakegate_tests::{requirements, wait};
use object_store::ObjectStore;
use object_store::gcp::GoogleCloudStorageBuilder;
use tempfile::TempDir;

use crate::stored::{self, free_address};

/// The only bucket.
pub(crate) const BUCKET: &str = "lake";
/// How long the server may take to start.
const START_DEADLINE: Duration = Duration::from_secs(60);

/// A running server; it ends with this value.
pub(crate) struct FakeGcs {
    address: String,
    store: Arc<dyn ObjectStore>,
    _nginx: Process,
    _process: Process,
    _folder: TempDir,
}

impl FakeGcs {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // A folder of the data it starts with is a bucket.
        let data = folder.path().join("data");
        stored::copy(&data.join(BUCKET).join("raw"));
        let (address, behind) = (free_address(), free_address());
        let (host, port) = behind.split_once(':').unwrap();
        let mut command = Command::new(requirements::tool("fake-gcs-server").unwrap());
        command.args(["-scheme", "http", "-backend", "memory", "-log-level", "warn"]);
        command.args(["-host", host, "-port", port, "-public-host", &address]);
        command.arg("-data").arg(data);
        let process = Process::spawn("fake-gcs-server", command);
        let nginx = front(&folder, &address, &behind);
        let endpoint = format!("http://{address}");
        wait::until("fake-gcs-server to be ready", START_DEADLINE, || {
            let url = format!("{endpoint}/storage/v1/b/{BUCKET}");
            ureq::get(&url).call().map(drop).map_err(|error| error.to_string())
        });
        let store = GoogleCloudStorageBuilder::new()
            .with_bucket_name(BUCKET)
            .with_base_url(&endpoint)
            .with_skip_signature(true)
            .with_client_options(object_store::ClientOptions::new().with_allow_http(true))
            .build()
            .unwrap();
        Self { address, store: Arc::new(store), _nginx: nginx, _process: process, _folder: folder }
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

/// The nginx at `address` before the server at `behind`.
fn front(folder: &TempDir, address: &str, behind: &str) -> Process {
    let configuration = format!(
        "daemon off; master_process off; pid nginx.pid; error_log stderr;
         events {{}}
         http {{
           access_log requests.log;
           client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
           uwsgi_temp_path uwsgi; scgi_temp_path scgi;
           client_max_body_size 0;
           proxy_http_version 1.1;
           proxy_set_header Host $http_host;
           map \"$request_method $request_uri\" $put {{
             default \"\";
             \"~^PUT /{BUCKET}/(?<object>[^?]+)$\" $object;
           }}
           map $http_x_goog_if_generation_match $condition {{
             default \"&ifGenerationMatch=$http_x_goog_if_generation_match\";
             \"\" \"\";
           }}
           server {{
             listen {address};
             location / {{
               error_page 418 = @put;
               if ($put) {{ return 418; }}
               proxy_pass http://{behind};
             }}
             location @put {{
               proxy_method POST;
               proxy_pass http://{behind}/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name=$put$condition;
               add_header ETag '\"told to nobody\"';
             }}
           }}
         }}"
    );
    let file = folder.path().join("nginx.conf");
    fs::write(&file, configuration).unwrap();
    let mut command = Command::new(requirements::tool("nginx").unwrap());
    command.arg("-p").arg(folder.path()).arg("-c").arg(&file);
    Process::spawn("nginx", command)
}
