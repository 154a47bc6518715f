//! A worked example of a process's configuration, and what is refused.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::ByteSize;
use crate::error::{Coded, ErrorCode};

use super::{ConfigError, Fault, KnownKey, Loader, Source};

#[derive(Debug, Deserialize)]
struct Config {
    data_dir: PathBuf,
    listen: SocketAddr,
    name: String,
    local: Local,
    tls: Tls,
}

#[derive(Debug, Deserialize)]
struct Local {
    memory_limit: ByteSize,
    slots: NonZeroUsize,
    #[serde(with = "crate::duration")]
    timeout: Duration,
    labels: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Tls {
    certificate: Option<PathBuf>,
}

const KEYS: &[KnownKey] = &[
    KnownKey::new("data_dir", "./lakegate-data", "Where state is kept."),
    KnownKey::new("listen", "127.0.0.1:8815", "The client port."),
    KnownKey::new("name", "lakegate", "What the service calls itself."),
    KnownKey::new("local.memory_limit", "1GiB", "Memory of the local tier."),
    KnownKey::new("local.slots", "4", "Queries of the local tier at once."),
    KnownKey::new("local.timeout", "5m", "How long a query may run."),
    KnownKey::new("local.labels", "[]", "Labels of the service."),
    KnownKey::optional("tls.certificate", "The certificate, PEM."),
];

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn variables(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    pairs.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect()
}

fn flags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

fn fault<'e>(error: &'e ConfigError, key: &str) -> &'e Fault {
    error.faults.iter().find(|fault| fault.key == key).unwrap_or_else(|| panic!("{key}: {error}"))
}

#[test]
fn without_layers_the_defaults_hold() {
    let config: Config = Loader::new(KEYS).load().unwrap();
    assert_eq!(config.data_dir, Path::new("./lakegate-data"));
    assert_eq!(config.local.memory_limit, ByteSize::gib(1));
    assert_eq!(config.local.slots.get(), 4);
    assert_eq!(config.local.timeout, Duration::from_secs(300));
    assert!(config.local.labels.is_empty());
    assert_eq!(config.tls.certificate, None);
}

#[test]
fn flags_win_over_environment_over_file_over_defaults() {
    let file = file(
        "listen = '127.0.0.1:1'\nname = 'from file'\n[local]\nslots = 1\nmemory_limit = '1MiB'\n\
         labels = ['a', 'b']\n[tls]\ncertificate = 'cert.pem'",
    );
    let config: Config = Loader::new(KEYS)
        .flags(flags(&[("listen", "[::1]:3")]))
        .environment_from(
            variables(&[("LAKEGATE_LISTEN", "127.0.0.1:2"), ("LAKEGATE_LOCAL__SLOTS", "2")]),
            &[],
        )
        .file(Some(file.path()))
        .load()
        .unwrap();
    assert_eq!(config.listen, "[::1]:3".parse().unwrap());
    assert_eq!(config.local.slots.get(), 2);
    assert_eq!(config.local.memory_limit, ByteSize::mib(1));
    assert_eq!(config.local.labels, ["a", "b"]);
    assert_eq!(config.name, "from file");
    assert_eq!(config.tls.certificate.as_deref(), Some(Path::new("cert.pem")));
}

#[test]
fn all_faults_are_reported_at_once_with_key_and_source() {
    let file =
        file("nam = 'x'\n[local]\nslots = 'many'\nmemory_limit = '4 parsecs'\n[other]\na = 1");
    let error = Loader::new(KEYS)
        .file(Some(file.path()))
        .environment_from(
            variables(&[
                ("LAKEGATE_LISTEN", "nowhere"),
                ("LAKEGATE_LOCAL_TIMEOUT", "3s"),
                ("LAKEGATE_LOCAL__TIMEOUT", "3 weeks"),
            ]),
            &[],
        )
        .flags(flags(&[("tls.certificat", "x")]))
        .load::<Config>()
        .unwrap_err();
    assert_eq!(error.faults.len(), 8, "{error}");
    assert_eq!(error.code(), ErrorCode::InvalidConfiguration);
    assert_eq!(fault(&error, "nam").hint.as_deref(), Some("did you mean name?"));
    assert_eq!(fault(&error, "other").hint, None);
    assert_eq!(fault(&error, "tls.certificat").source, Source::Flag);
    assert_eq!(
        fault(&error, "local_timeout").hint.as_deref(),
        Some("did you mean LAKEGATE_LOCAL__TIMEOUT?"),
    );
    assert!(fault(&error, "local.timeout").reason.contains("length of time"), "{error}");
    assert!(fault(&error, "local.memory_limit").reason.contains("amount of bytes"), "{error}");
    assert_eq!(fault(&error, "local.slots").source, Source::File(file.path().to_path_buf()));
    assert_eq!(fault(&error, "listen").source, Source::Environment("LAKEGATE_LISTEN".to_string()));
    assert!(
        error.to_string().contains("listen (environment variable LAKEGATE_LISTEN): "),
        "{error}"
    );
}

#[test]
fn a_text_that_looks_like_a_number_is_still_a_name() {
    let config: Config = Loader::new(KEYS)
        .environment_from(variables(&[("LAKEGATE_NAME", "007")]), &[])
        .flags(flags(&[("data_dir", "true")]))
        .load()
        .unwrap();
    assert_eq!(config.name, "007");
    assert_eq!(config.data_dir, Path::new("true"));
}

#[test]
fn variables_that_are_no_settings_are_passed_over() {
    let config: Config = Loader::new(KEYS)
        .environment_from(
            variables(&[
                ("LAKEGATE_PASSWORD", "secret"),
                ("LAKEGATE_CLUSTER_TOKEN_FILE", "/run/secrets/token"),
                ("LAKEGATE_TEST_LAYER", "slt"),
                ("LAKEGATE_NAME", ""),
                ("LAKEGATE_PORT", "tcp://10.0.0.1:8815"),
                ("LAKEGATE_PORT_8815_TCP_ADDR", "10.0.0.1"),
                ("LAKEGATE_SCHEDULER_SERVICE_HOST", "10.0.0.1"),
                ("PATH", "/bin"),
            ]),
            &["LAKEGATE_TEST_LAYER"],
        )
        .load()
        .unwrap();
    assert_eq!(config.name, "lakegate");
}

#[test]
fn a_file_that_cannot_be_read_is_a_fault_of_its_own() {
    let missing = Loader::new(KEYS).file(Some(Path::new("no/such.toml"))).load::<Config>();
    assert!(missing.unwrap_err().to_string().contains("file no/such.toml: cannot be read"));
    let broken = file("name = 'a'\nlisten = [");
    let error = Loader::new(KEYS).file(Some(broken.path())).load::<Config>().unwrap_err();
    assert!(error.faults[0].reason.starts_with("is not TOML in line 2"), "{error}");
    let section = file("local = 3");
    let error = Loader::new(KEYS).file(Some(section.path())).load::<Config>().unwrap_err();
    assert!(fault(&error, "local").reason.contains("section"), "{error}");
}

#[test]
fn a_required_value_that_is_missing_hides_no_other_fault() {
    #[derive(Debug, Deserialize)]
    struct Executor {
        scheduler: String,
        cores: NonZeroUsize,
    }
    let keys = [
        KnownKey::required("scheduler", "127.0.0.1:8816", "The cluster port to join."),
        KnownKey::new("cores", "1", "Tasks at once."),
    ];
    let error = Loader::new(&keys).flags(flags(&[("cores", "0")])).load::<Executor>().unwrap_err();
    assert_eq!(error.faults.len(), 2, "{error}");
    assert_eq!(fault(&error, "scheduler").hint.as_deref(), Some("for example 127.0.0.1:8816"));
    assert_eq!(fault(&error, "cores").source, Source::Flag);
    let config: Executor =
        Loader::new(&keys).flags(flags(&[("scheduler", "host:1")])).load().unwrap();
    assert_eq!((config.scheduler.as_str(), config.cores.get()), ("host:1", 1));
}

#[test]
fn a_check_refuses_what_types_cannot() {
    let error = Loader::new(KEYS)
        .flags(flags(&[("local.timeout", "0")]))
        .load_checked(|config: &Config| {
            let zero = config.local.timeout.is_zero();
            zero.then(|| ("local.timeout", "must be longer than zero".to_string()))
                .into_iter()
                .collect()
        })
        .unwrap_err();
    assert_eq!(error.faults.len(), 1);
    assert_eq!(error.faults[0].source, Source::Flag);
}
