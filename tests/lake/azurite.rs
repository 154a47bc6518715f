//! An Azurite server with one account and one container, on a free port.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use lakegate_tests::process::Process;
use lakegate_tests::{requirements, wait};
use object_store::ObjectStore;
use object_store::azure::MicrosoftAzureBuilder;
use sha2::Sha256;
use tempfile::TempDir;

use crate::stored::free_address;

/// The only container.
pub(crate) const CONTAINER: &str = "lake";
/// The only account.
pub(crate) const ACCOUNT: &str = "lakegate";
/// What the account's key is made of.
const KEY: &[u8] = b"a key of the tests, 32 bytes long";
/// How long the server may take to start.
const START_DEADLINE: Duration = Duration::from_secs(60);
const API_VERSION: &str = "2023-11-03";

/// A running server; it ends with this value.
pub(crate) struct Azurite {
    address: String,
    store: Arc<dyn ObjectStore>,
    _process: Process,
    _folder: TempDir,
}

impl Azurite {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = free_address();
        let (host, port) = address.split_once(':').unwrap();
        let mut command = Command::new(requirements::tool("azurite-blob").unwrap());
        command.args(["--blobHost", host, "--blobPort", port, "--location"]).arg(folder.path());
        command.args(["--silent", "--skipApiVersionCheck", "--disableTelemetry"]);
        command.env("AZURITE_ACCOUNTS", format!("{ACCOUNT}:{}", key()));
        let process = Process::spawn("azurite", command);
        let store = MicrosoftAzureBuilder::new()
            .with_container_name(CONTAINER)
            .with_account(ACCOUNT)
            .with_access_key(key())
            .with_endpoint(format!("http://{address}/{ACCOUNT}"))
            .with_allow_http(true)
            .build()
            .unwrap();
        let now = wait::until("Azurite to be ready", START_DEADLINE, || time_of(&address));
        create_container(&address, &now);
        Self { address, store: Arc::new(store), _process: process, _folder: folder }
    }

    /// `http://HOST:PORT/ACCOUNT`.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}/{ACCOUNT}", self.address)
    }

    /// The container, as its owner reaches it.
    pub(crate) fn store(&self) -> &dyn ObjectStore {
        self.store.as_ref()
    }
}

/// The account's key.
pub(crate) fn key() -> String {
    STANDARD.encode(KEY)
}

/// The server's own time, which a signed request must carry.
fn time_of(address: &str) -> Result<String, String> {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let answer =
        agent.get(format!("http://{address}/")).call().map_err(|error| error.to_string())?;
    let date = answer.headers().get("date").and_then(|date| date.to_str().ok());
    date.map(str::to_owned).ok_or_else(|| "an answer without a date".to_owned())
}

/// Object stores make no containers, so this is asked for by hand.
fn create_container(address: &str, now: &str) {
    let headers = format!("x-ms-date:{now}\nx-ms-version:{API_VERSION}");
    let resource = format!("/{ACCOUNT}/{ACCOUNT}/{CONTAINER}\nrestype:container");
    let text = format!("PUT{}{headers}\n{resource}", "\n".repeat(12));
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY).unwrap();
    mac.update(text.as_bytes());
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    ureq::put(format!("http://{address}/{ACCOUNT}/{CONTAINER}?restype=container"))
        .header("x-ms-date", now)
        .header("x-ms-version", API_VERSION)
        .header("authorization", format!("SharedKey {ACCOUNT}:{signature}"))
        .send_empty()
        .unwrap();
}
