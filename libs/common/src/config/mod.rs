//! One checked configuration per process: defaults, then a TOML file, then the environment, then
//! flags.
//!
//! A process lists its settings once as [`KnownKey`]s and reads them into a serde struct with
//! [`Loader`]. Every fault is reported, not only the first: a key that nobody knows, a value of
//! the wrong type, a required value that is missing, a combination that the process refuses.
//! Secrets are no settings; they come through [`crate::secret`].
//!
//! ```
//! use lakegate_common::ByteSize;
//! use lakegate_common::config::{KnownKey, Loader};
//!
//! #[derive(serde::Deserialize)]
//! struct Config { local: Local }
//! #[derive(serde::Deserialize)]
//! struct Local { memory_limit: ByteSize }
//!
//! const KEYS: &[KnownKey] =
//!     &[KnownKey::new("local.memory_limit", "1GiB", "Memory of the local tier.")];
//! let config: Config = Loader::new(KEYS).load()?;
//! assert_eq!(config.local.memory_limit, ByteSize::gib(1));
//! # Ok::<(), lakegate_common::config::ConfigError>(())
//! ```

mod extract;
mod fault;
mod layer;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use serde::de::DeserializeOwned;

pub use fault::{ConfigError, Fault, Source};

use layer::Given;

/// What every environment variable of Lakegate begins with.
pub const ENVIRONMENT_PREFIX: &str = "LAKEGATE_";

/// Variables with the prefix that are no settings and are read elsewhere.
pub const OTHER_VARIABLES: &[&str] = &[
    "LAKEGATE_ADMIN_PASSWORD",
    "LAKEGATE_ADMIN_PASSWORD_FILE",
    "LAKEGATE_CATALOG_URL",
    "LAKEGATE_CATALOG_URL_FILE",
    "LAKEGATE_CLUSTER_TOKEN",
    "LAKEGATE_CLUSTER_TOKEN_FILE",
    "LAKEGATE_CONFIG",
    "LAKEGATE_LOG",
    "LAKEGATE_MASTER_KEY",
    "LAKEGATE_MASTER_KEY_FILE",
    "LAKEGATE_PASSWORD",
    "LAKEGATE_PASSWORD_FILE",
    "LAKEGATE_PREVIOUS_MASTER_KEY",
    "LAKEGATE_PREVIOUS_MASTER_KEY_FILE",
    "LAKEGATE_URL",
    "LAKEGATE_USER",
];

/// A setting that a process has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownKey {
    /// The dotted name, such as `local.memory_limit`; the path of the field in the config struct.
    pub key: &'static str,
    /// What holds when nobody gives a value.
    pub fallback: Fallback,
    /// What it means, its unit, and why the default is what it is.
    pub doc: &'static str,
}

/// What holds for a setting that nobody gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// This value, written as in the environment.
    Text(&'static str),
    /// Nothing; the field of the struct is an `Option`.
    Unset,
    /// It must be given; the example is a value that would do.
    Required {
        /// A valid value, for the documentation and to look for further faults with.
        example: &'static str,
    },
}

impl KnownKey {
    /// A setting with a default, which is written as in the environment.
    pub const fn new(key: &'static str, default: &'static str, doc: &'static str) -> Self {
        Self { key, fallback: Fallback::Text(default), doc }
    }

    /// A setting that may be absent; its field is an `Option`.
    pub const fn optional(key: &'static str, doc: &'static str) -> Self {
        Self { key, fallback: Fallback::Unset, doc }
    }

    /// A setting that must be given, with an example of a valid value.
    pub const fn required(key: &'static str, example: &'static str, doc: &'static str) -> Self {
        Self { key, fallback: Fallback::Required { example }, doc }
    }

    /// The environment variable of this setting: `LAKEGATE_LOCAL__MEMORY_LIMIT`.
    pub fn variable(&self) -> String {
        format!("{ENVIRONMENT_PREFIX}{}", self.key.to_uppercase().replace('.', "__"))
    }
}

/// Collects the layers of a configuration, then reads them into a struct.
///
/// A later layer wins whatever order the methods are called in.
#[derive(Debug)]
pub struct Loader<'k> {
    keys: &'k [KnownKey],
    given: BTreeMap<&'k str, Given>,
    faults: Vec<Fault>,
}

impl<'k> Loader<'k> {
    /// A configuration of these settings, all at their defaults.
    pub fn new(keys: &'k [KnownKey]) -> Self {
        Self { keys, given: BTreeMap::new(), faults: Vec::new() }
    }

    /// Adds a TOML file. `None` adds nothing; a file that cannot be read is a fault.
    #[must_use]
    pub fn file(mut self, path: Option<&Path>) -> Self {
        if let Some(path) = path {
            let read = layer::from_file(path, self.keys);
            self.add(read);
        }
        self
    }

    /// Adds the variables `LAKEGATE_…` of this process. Those in [`OTHER_VARIABLES`] and in
    /// `others` are no settings and are passed over.
    #[must_use]
    pub fn environment(self, others: &[&str]) -> Self {
        self.environment_from(std::env::vars_os(), others)
    }

    /// As [`Loader::environment`], from the given variables.
    #[must_use]
    pub fn environment_from<I>(mut self, variables: I, others: &[&str]) -> Self
    where
        I: IntoIterator<Item = (OsString, OsString)>,
    {
        let read = layer::from_environment(variables, others, self.keys);
        self.add(read);
        self
    }

    /// Adds the flags that were given on the command line, by the key of their setting.
    #[must_use]
    pub fn flags(mut self, flags: BTreeMap<String, String>) -> Self {
        let read = layer::from_flags(flags, self.keys);
        self.add(read);
        self
    }

    /// Reads the layers into the process's configuration.
    ///
    /// # Errors
    /// All faults of all layers.
    pub fn load<T: DeserializeOwned>(self) -> Result<T, ConfigError> {
        self.load_checked(|_| Vec::new())
    }

    /// As [`Loader::load`], and lets `check` refuse values that are of the right type but make no
    /// sense: it returns keys with reasons. Values that already failed are at their defaults when
    /// it looks.
    ///
    /// # Errors
    /// All faults of all layers and those that `check` found.
    pub fn load_checked<T, F>(mut self, check: F) -> Result<T, ConfigError>
    where
        T: DeserializeOwned,
        F: FnOnce(&T) -> Vec<(&'static str, String)>,
    {
        let config = extract::extract::<T>(self.keys, &self.given, &mut self.faults);
        if let Some(config) = &config {
            for (key, reason) in check(config) {
                let source =
                    self.given.get(key).map_or(Source::Default, |given| given.source.clone());
                self.faults.push(Fault { key: key.to_string(), source, reason, hint: None });
            }
        }
        match config {
            Some(config) if self.faults.is_empty() => Ok(config),
            _ => Err(ConfigError { faults: self.faults }),
        }
    }

    fn add(&mut self, read: layer::Read<'k>) {
        self.faults.extend(read.faults);
        for (key, given) in read.given {
            let wins =
                self.given.get(key).is_none_or(|held| held.source.rank() <= given.source.rank());
            if wins {
                self.given.insert(key, given);
            }
        }
    }
}
