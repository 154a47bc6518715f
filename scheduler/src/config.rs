//! Settings of the server. Each has its meaning, unit and default in [`KEYS`].

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lakegate_catalog::HistoryLimits;
use lakegate_common::ByteSize;
use lakegate_common::config::{ConfigError, KnownKey, Loader};
use lakegate_lake::store::{self, StoreSettings};
use lakegate_lake::write::WriteLimits;
use serde::Deserialize;

use crate::{durable, frontend, query, session};

/// Every setting that the server alone has.
pub const KEYS: &[KnownKey] = &[
    KnownKey::new("data_dir", "./lakegate-data", "Folder of catalog, keys and scratch space."),
    KnownKey::new(
        "listen",
        "127.0.0.1:8815",
        "Address for clients: Flight SQL and HTTP. Port 0 picks a free one.",
    ),
    KnownKey::optional(
        "cluster_listen",
        "Address for executors. The cluster port is open only when this is given.",
    ),
    KnownKey::optional(
        "advertise_host",
        "Host name or address by which executors reach the cluster port; that of `cluster_listen` when not given.",
    ),
    KnownKey::new(
        "allow_insecure_public_listen",
        "false",
        "Whether `listen` may be an address that other machines reach although nothing is encrypted.",
    ),
    KnownKey::new(
        "shutdown_grace",
        "30s",
        "How long running queries may go on after the signal to stop.",
    ),
    KnownKey::optional(
        "local.cores",
        "Threads of queries that run in the server; all cores when not given.",
    ),
    KnownKey::optional(
        "local.memory_limit",
        "Memory that queries in the server share before they spill; half of the machine's when not given.",
    ),
    KnownKey::new(
        "local.spill_limit",
        "100GiB",
        "Disk space in the data folder for what those queries spill.",
    ),
    KnownKey::new("local.metadata_cache", "128MiB", "Memory for the footers of Parquet files."),
    KnownKey::new(
        "local.delta_cache",
        "256MiB",
        "Memory for the states of Delta tables: files, statistics, columns.",
    ),
    KnownKey::new(
        "local.bytes_max",
        "64MiB",
        "Queries that scan up to this much run in the server although there are executors.",
    ),
    KnownKey::new(
        "write.file_size",
        "128MiB",
        "Size at which a written file is full and the next one begun.",
    ),
    KnownKey::new(
        "write.memory",
        "256MiB",
        "Memory of each writer of a statement for rows that are not sent yet; past it they are sent earlier.",
    ),
    KnownKey::new(
        "write.open_files",
        "8",
        "Files of each writer that are open or on their way to the store at one time.",
    ),
    KnownKey::new(
        "write.files_max",
        "100000",
        "Files that one statement writes; one with more is refused.",
    ),
    KnownKey::new(
        "write.commit_attempts",
        "15",
        "How often a change of a table is tried while other writers come first.",
    ),
    KnownKey::new(
        "durable.threads",
        "4",
        "Threads that look after queries on executors; at least four.",
    ),
    KnownKey::new(
        "durable.reruns_max",
        "3",
        "How often such a query may be run anew when executors take its results with them.",
    ),
    KnownKey::new(
        "durable.stuck_after",
        "120s",
        "How long such a query may stand still, though executors are there, before it fails.",
    ),
    KnownKey::new(
        "durable.executors_grace",
        "60s",
        "How long such a query waits for an executor when none is left.",
    ),
    KnownKey::new(
        "durable.hold_back",
        "16MiB",
        "Results that are held back, so that the query can be run again unseen when an executor is lost.",
    ),
    KnownKey::new(
        "durable.broadcast_max",
        "64MiB",
        "Build sides of joins up to this size are sent to every task.",
    ),
    KnownKey::new("queries.running", "64", "Queries that run at one time."),
    KnownKey::new("queries.waiting", "512", "Queries that wait for their turn; more are refused."),
    KnownKey::new("queries.wait", "60s", "How long a query waits for its turn."),
    KnownKey::new(
        "queries.timeout",
        "0",
        "Time limit of a query whose session sets none; 0 for none.",
    ),
    KnownKey::new(
        "history.age_max",
        "30d",
        "How long a query that has ended is kept in the history.",
    ),
    KnownKey::new("history.queries_max", "100000", "Queries that the history keeps."),
    KnownKey::new("history.text_max", "256MiB", "Size of the texts of all queries in the history."),
    KnownKey::new(
        "history.waiting_max",
        "10000",
        "Ended queries that wait to be written to the history; more are dropped and counted.",
    ),
    KnownKey::new(
        "history.waiting_text_max",
        "64MiB",
        "Size of the texts of queries that wait to be written to the history; queries with more are dropped and counted.",
    ),
    KnownKey::new("limits.connections", "1024", "Connections of clients at one time."),
    KnownKey::new(
        "limits.message_bytes",
        "64MiB",
        "Size of the largest message that a client may send.",
    ),
    KnownKey::new(
        "limits.result_message_bytes",
        "4MiB",
        "Size of the messages that carry rows, nearly. Clients refuse messages over 16 MiB.",
    ),
    KnownKey::new(
        "limits.row_bytes",
        "16MiB",
        "Size of the largest row of a result. Clients refuse messages over 16 MiB, unless told otherwise.",
    ),
    KnownKey::new(
        "limits.function_bytes",
        "256MiB",
        "Size of what one call of a function, such as `repeat`, makes for one batch of rows. Executors have a limit of their own.",
    ),
    KnownKey::new(
        "limits.body_bytes",
        "4MiB",
        "Size of the largest JSON body that a client may send over HTTP.",
    ),
    KnownKey::new("limits.request_time", "30s", "How long a client may take to send a request."),
    KnownKey::new(
        "limits.ticket_lifetime",
        "1h",
        "How long the rows of a statement can be fetched after it was announced.",
    ),
    KnownKey::new("limits.sessions", "10000", "Sessions at one time."),
    KnownKey::new("limits.session_idle", "8h", "How long a session lives without being used."),
    KnownKey::new(
        "limits.prepared_statements_per_session",
        "256",
        "Prepared statements that a session keeps; the least recently used goes first.",
    ),
    KnownKey::new(
        "limits.tickets_per_session",
        "256",
        "Announced statements that a session keeps; the least recently used goes first.",
    ),
];

/// Variables of the executor and the shell, which may stand in the same environment.
const OTHER_VARIABLES: &[&str] = &["LAKEGATE_SCHEDULER", "LAKEGATE_CORES", "LAKEGATE_MEMORY"];

/// The checked settings of the server.
#[derive(Debug, Clone, Deserialize)]
pub struct Config {
    /// Folder of catalog, keys and scratch space.
    pub data_dir: PathBuf,
    /// Address for clients.
    pub listen: String,
    /// Address for executors.
    pub cluster_listen: Option<String>,
    /// Host by which executors reach the cluster port.
    pub advertise_host: Option<String>,
    /// Whether `listen` may be public without encryption.
    pub allow_insecure_public_listen: bool,
    /// How long running queries may go on after the signal to stop.
    #[serde(with = "lakegate_common::duration")]
    pub shutdown_grace: Duration,
    /// Queries that run in the server.
    pub local: LocalConfig,
    /// What statements write.
    pub write: WriteConfig,
    /// Queries that run on executors.
    pub durable: DurableConfig,
    /// Admission of queries.
    pub queries: QueriesConfig,
    /// What is kept of queries that have ended.
    pub history: HistorySettings,
    /// Bounds of what clients may send and hold.
    pub limits: LimitsConfig,
    /// Object stores.
    pub store: StoreSettings,
}

/// Settings of queries that run in the server.
#[derive(Debug, Clone, Deserialize)]
pub struct LocalConfig {
    cores: Option<NonZeroUsize>,
    memory_limit: Option<ByteSize>,
    spill_limit: ByteSize,
    metadata_cache: ByteSize,
    delta_cache: ByteSize,
    bytes_max: ByteSize,
}

/// Settings of what statements write.
#[derive(Debug, Clone, Deserialize)]
pub struct WriteConfig {
    file_size: ByteSize,
    memory: ByteSize,
    open_files: NonZeroUsize,
    files_max: NonZeroUsize,
    commit_attempts: NonZeroUsize,
}

/// Settings of queries that run on executors.
#[derive(Debug, Clone, Deserialize)]
pub struct DurableConfig {
    threads: NonZeroUsize,
    reruns_max: usize,
    #[serde(with = "lakegate_common::duration")]
    stuck_after: Duration,
    #[serde(with = "lakegate_common::duration")]
    executors_grace: Duration,
    hold_back: ByteSize,
    broadcast_max: ByteSize,
}

/// Settings of the admission of queries.
#[derive(Debug, Clone, Deserialize)]
pub struct QueriesConfig {
    running: NonZeroUsize,
    waiting: usize,
    #[serde(with = "lakegate_common::duration")]
    wait: Duration,
    #[serde(with = "lakegate_common::duration")]
    timeout: Duration,
}

/// Settings of the history of queries.
#[derive(Debug, Clone, Deserialize)]
pub struct HistorySettings {
    #[serde(with = "lakegate_common::duration")]
    age_max: Duration,
    queries_max: u64,
    text_max: ByteSize,
    waiting_max: NonZeroUsize,
    waiting_text_max: ByteSize,
}

/// Bounds of what clients may send and hold.
#[derive(Debug, Clone, Deserialize)]
pub struct LimitsConfig {
    connections: NonZeroUsize,
    message_bytes: ByteSize,
    result_message_bytes: ByteSize,
    row_bytes: ByteSize,
    function_bytes: ByteSize,
    body_bytes: ByteSize,
    #[serde(with = "lakegate_common::duration")]
    request_time: Duration,
    #[serde(with = "lakegate_common::duration")]
    ticket_lifetime: Duration,
    sessions: NonZeroUsize,
    #[serde(with = "lakegate_common::duration")]
    session_idle: Duration,
    prepared_statements_per_session: NonZeroUsize,
    tickets_per_session: NonZeroUsize,
}

/// Fewer threads than this can block each other.
const DURABLE_THREADS_MIN: usize = 4;
/// Clients refuse messages of more than this, unless told otherwise.
const RESULT_MESSAGE_MAX: ByteSize = ByteSize::mib(12);
/// With less, functions of plain queries are refused.
const FUNCTION_BYTES_MIN: ByteSize = ByteSize::mib(1);

impl Config {
    /// Reads defaults, file, environment and flags, in this order.
    ///
    /// # Errors
    /// Every fault of every layer.
    pub fn load(file: Option<&Path>, flags: BTreeMap<String, String>) -> Result<Self, ConfigError> {
        Loader::new(&keys())
            .file(file)
            .environment(OTHER_VARIABLES)
            .flags(flags)
            .load_checked(Self::faults)
    }

    fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        match host_of(&self.listen) {
            Err(reason) => faults.push(("listen", reason)),
            Ok(host) if !is_loopback(host) && !self.allow_insecure_public_listen => {
                faults.push((
                    "listen",
                    format!(
                        "other machines can reach {:?} and nothing is encrypted; listen on 127.0.0.1, \
                         or set allow_insecure_public_listen = true",
                        self.listen
                    ),
                ));
            }
            Ok(_) => {}
        }
        if let Some(Err(reason)) = self.cluster_listen.as_deref().map(host_of) {
            faults.push(("cluster_listen", reason));
        }
        if self.limits.result_message_bytes > RESULT_MESSAGE_MAX {
            faults.push((
                "limits.result_message_bytes",
                format!("is more than {RESULT_MESSAGE_MAX}"),
            ));
        }
        if self.limits.function_bytes < FUNCTION_BYTES_MIN {
            faults.push(("limits.function_bytes", format!("is less than {FUNCTION_BYTES_MIN}")));
        }
        faults.extend(self.store.faults());
        faults
    }

    /// The settings of the query path.
    pub fn query(&self) -> query::Config {
        let all_cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        query::Config {
            cores: self.local.cores.map_or_else(all_cores, NonZeroUsize::get),
            memory_limit: self.local.memory_limit.unwrap_or_else(half_of_memory),
            spill_limit: self.local.spill_limit,
            metadata_cache: self.local.metadata_cache,
            delta_cache: self.local.delta_cache,
            write_limits: WriteLimits {
                file_bytes: self.write.file_size.bytes(),
                memory_bytes: self.write.memory.bytes(),
                open_files: self.write.open_files,
            },
            written_files_max: self.write.files_max.get(),
            commit_attempts: self.write.commit_attempts,
            function_bytes: self.limits.function_bytes,
            local_bytes_max: self.local.bytes_max,
            running_max: self.queries.running.get(),
            waiting_max: self.queries.waiting,
            wait_max: self.queries.wait,
            timeout: Some(self.queries.timeout).filter(|timeout| !timeout.is_zero()),
            history: query::HistoryConfig {
                limits: HistoryLimits {
                    age_max: self.history.age_max,
                    rows_max: self.history.queries_max,
                    text_bytes_max: self.history.text_max.bytes(),
                },
                queue_max: self.history.waiting_max.get(),
                queue_text_bytes_max: self.history.waiting_text_max.as_usize(),
            },
        }
    }

    /// The settings of the durable tier.
    pub fn durable(&self) -> durable::Config {
        durable::Config {
            threads: self.durable.threads.get().max(DURABLE_THREADS_MIN),
            reruns_max: self.durable.reruns_max,
            stuck_after: self.durable.stuck_after,
            executors_grace: self.durable.executors_grace,
            hold_back: self.durable.hold_back,
            broadcast_max: self.durable.broadcast_max,
            function_bytes: self.limits.function_bytes,
            ..durable::Config::default()
        }
    }

    /// The bounds of sessions.
    pub fn sessions(&self) -> session::Limits {
        session::Limits {
            sessions: self.limits.sessions.get(),
            session_idle: self.limits.session_idle,
            prepared_statements_per_session: self.limits.prepared_statements_per_session.get(),
            tickets_per_session: self.limits.tickets_per_session.get(),
        }
    }

    /// The bounds of the client port.
    pub fn frontend(&self) -> frontend::Limits {
        frontend::Limits {
            message_bytes: self.limits.message_bytes.as_usize(),
            connections: self.limits.connections.get(),
            result_messages: frontend::MessageSizes {
                aim: self.limits.result_message_bytes.as_usize(),
                max: self.limits.row_bytes.as_usize(),
            },
            body_bytes: self.limits.body_bytes.as_usize(),
            ticket_lifetime: self.limits.ticket_lifetime,
            request_time: self.limits.request_time,
        }
    }
}

fn keys() -> Vec<KnownKey> {
    [KEYS, store::KEYS].concat()
}

/// The host of `HOST:PORT`, without the brackets of IPv6.
fn host_of(address: &str) -> Result<&str, String> {
    let refused = || format!("{address:?} is not of the form HOST:PORT");
    let (host, port) = address.rsplit_once(':').ok_or_else(refused)?;
    port.parse::<u16>().map_err(|_| refused())?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if host.is_empty() { Err(refused()) } else { Ok(host) }
}

/// Names other than `localhost` count as public: what they resolve to may change.
fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// Memory when the machine does not tell.
const MEMORY_UNKNOWN: ByteSize = ByteSize::gib(2);

/// Half of what this process may use: of the machine, or of its control group when that is less.
fn half_of_memory() -> ByteSize {
    let machine = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok()?.checked_mul(1024)
    });
    let group = std::fs::read_to_string("/sys/fs/cgroup/memory.max")
        .ok()
        .and_then(|text| text.trim().parse::<u64>().ok());
    let least = [machine, group].into_iter().flatten().min();
    least.map_or(MEMORY_UNKNOWN, |bytes| ByteSize(bytes / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(flags: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let flags = flags.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        Loader::new(&keys()).flags(flags).load_checked(Config::faults)
    }

    #[test]
    fn defaults_are_valid() {
        let config = load(&[]).unwrap();
        assert_eq!(config.listen, "127.0.0.1:8815");
        assert_eq!(config.cluster_listen, None);
        assert_eq!(config.query().timeout, None);
        assert!(config.query().memory_limit.bytes() > 0);
    }

    #[test]
    fn public_address_needs_permission_in_words() {
        for address in ["0.0.0.0:8815", "192.0.2.1:80", "[::]:8815", "example.com:1"] {
            assert!(load(&[("listen", address)]).is_err(), "{address}");
            let allowed = [("listen", address), ("allow_insecure_public_listen", "true")];
            assert!(load(&allowed).is_ok(), "{address}");
        }
        for address in ["127.0.0.1:0", "[::1]:8815", "localhost:8815", "127.9.9.9:1"] {
            assert!(load(&[("listen", address)]).is_ok(), "{address}");
        }
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let error =
            load(&[("listen", "nowhere"), ("cluster_listen", "x:y"), ("limits.sessions", "0")])
                .unwrap_err();
        assert_eq!(error.faults.len(), 3, "{error}");
        assert!(load(&[("limits.function_bytes", "1KiB")]).is_err());
    }
}
