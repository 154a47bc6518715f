//! The configuration of an executor.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use lakegate_common::ByteSize;
use lakegate_common::config::{ConfigError, KnownKey, Loader};
use lakegate_lake::store::{self, StoreSettings};
use serde::Deserialize;

/// Variables of the server, which may stand in the same environment.
const SERVER_VARIABLES: &[&str] = &["LAKEGATE_CLUSTER_LISTEN"];

/// Every setting that an executor alone has.
pub(crate) const KEYS: &[KnownKey] = &[
    KnownKey::required("scheduler", "127.0.0.1:8816", "HOST:PORT of the scheduler's cluster port."),
    KnownKey::new(
        "data_dir",
        "./lakegate-executor-data",
        "Folder for shuffle files and spilled data, emptied at start, and for the cache, which stays.",
    ),
    KnownKey::optional(
        "listen",
        "HOST:PORT to serve on; by default a free port of the address that reaches the scheduler.",
    ),
    KnownKey::optional(
        "advertise",
        "HOST or HOST:PORT under which other members reach this executor; by default the one it listens on.",
    ),
    KnownKey::optional("cores", "Tasks at a time; by default the cores of the machine."),
    KnownKey::optional(
        "memory",
        "Memory for queries; by default 70 % of the machine's or the container's.",
    ),
    KnownKey::new("spill_limit", "100GiB", "Disk space for data that did not fit into memory."),
    KnownKey::new(
        "drain_grace",
        "60s",
        "How long an executor that is told to end serves files that queries still need.",
    ),
    KnownKey::new(
        "file_age_max",
        "1d",
        "Age at which shuffle files go even if the scheduler cannot be asked.",
    ),
    KnownKey::new(
        "limits.function_bytes",
        "256MiB",
        "Size of what one call of a function, such as `repeat`, makes for one batch of rows. The server has a limit of its own.",
    ),
];

/// With less, functions of plain queries are refused.
const FUNCTION_BYTES_MIN: ByteSize = ByteSize::mib(1);

/// The configuration of an executor, checked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `HOST:PORT` of the scheduler's cluster port.
    pub scheduler: String,
    /// Folder for shuffle files and spilled data.
    pub data_dir: PathBuf,
    /// `HOST:PORT` to serve on; `None` picks both.
    pub listen: Option<String>,
    /// `HOST` or `HOST:PORT` under which members reach this executor; `None` for where it listens.
    pub advertise: Option<String>,
    /// Tasks at a time; `None` for the cores of the machine.
    pub cores: Option<NonZeroUsize>,
    /// Memory for queries; `None` for a share of the machine's.
    pub memory: Option<ByteSize>,
    /// Disk space for spilled data.
    pub spill_limit: ByteSize,
    /// How long a draining executor serves files that queries still need.
    #[serde(with = "lakegate_common::duration")]
    pub drain_grace: Duration,
    /// Age at which files go even if the scheduler cannot be asked.
    #[serde(with = "lakegate_common::duration")]
    pub file_age_max: Duration,
    /// Bounds of what tasks do.
    pub limits: LimitsConfig,
    /// Object stores.
    pub store: StoreSettings,
}

/// Bounds of what tasks do.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsConfig {
    /// What one call of a function makes.
    pub function_bytes: ByteSize,
}

/// What the command line gives.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// A TOML file with settings.
    pub config_file: Option<PathBuf>,
    /// Settings given as flags, by key: `scheduler`, `data_dir`, `listen`, `advertise`, `cores`,
    /// `memory`.
    pub flags: BTreeMap<String, String>,
}

impl Config {
    /// Reads defaults, file, environment and flags.
    ///
    /// # Errors
    /// All faults of all of them.
    pub fn load(options: Options) -> Result<Self, ConfigError> {
        Loader::new(&[KEYS, store::KEYS].concat())
            .file(options.config_file.as_deref())
            .environment(SERVER_VARIABLES)
            .flags(options.flags)
            .load_checked(Self::faults)
    }

    fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        let has_port = |text: &str| {
            text.rsplit_once(':')
                .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
        };
        if !has_port(&self.scheduler) {
            faults.push(("scheduler", "is not HOST:PORT".to_string()));
        }
        if self.listen.as_deref().is_some_and(|listen| !has_port(listen)) {
            faults.push(("listen", "is not HOST:PORT".to_string()));
        }
        if self.memory.is_some_and(|memory| memory < ByteSize::mib(16)) {
            faults.push(("memory", "is less than 16MiB, which runs nothing".to_string()));
        }
        if self.limits.function_bytes < FUNCTION_BYTES_MIN {
            faults.push(("limits.function_bytes", format!("is less than {FUNCTION_BYTES_MIN}")));
        }
        faults.extend(self.store.faults());
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(flags: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let flags = flags.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        Config::load(Options { config_file: None, flags })
    }

    #[test]
    fn a_schedulers_address_is_enough() {
        let config = load(&[("scheduler", "10.0.0.1:8816")]).unwrap();
        assert_eq!(config.scheduler, "10.0.0.1:8816");
        assert_eq!(config.cores, None);
        assert_eq!(config.drain_grace, Duration::from_secs(60));
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let error = load(&[
            ("scheduler", "nowhere"),
            ("listen", "8817"),
            ("memory", "1KB"),
            ("cores", "0"),
            ("limits.function_bytes", "1KB"),
        ])
        .unwrap_err()
        .to_string();
        for key in ["scheduler", "listen", "memory", "cores", "limits.function_bytes"] {
            assert!(error.contains(key), "{key}: {error}");
        }
    }
}
