//! The settings that every process has which reads from object stores.

use std::num::NonZeroUsize;
use std::time::Duration;

use lakegate_common::ByteSize;
use lakegate_common::config::KnownKey;
use serde::Deserialize;

use super::Bounds;
use crate::cache::CacheLimits;

/// Every setting of object stores.
pub const KEYS: &[KnownKey] = &[
    KnownKey::new(
        "store.requests",
        "64",
        "Requests at one time to the objects of one location; more wait for their turn.",
    ),
    KnownKey::new(
        "store.retries",
        "40",
        "How often a request is repeated that the store could not serve or throttled (429, 503), after pauses that grow from 0.1 to 10 seconds. `store.retry_time` comes first with so many.",
    ),
    KnownKey::new("store.retry_time", "30s", "How long one request is repeated at most."),
    KnownKey::new("store.connect_time", "5s", "How long connecting to a store may take."),
    KnownKey::new(
        "store.request_time",
        "60s",
        "How long one attempt of a request may take, its answer included.",
    ),
    KnownKey::new(
        "store.cache_memory",
        "128MiB",
        "Memory for parts of objects that were read; 0 for none.",
    ),
    KnownKey::new(
        "store.cache_disk",
        "4GiB",
        "Disk space below `cache` in the data folder for parts of objects that were read; 0 for none.",
    ),
];

/// The checked settings of object stores.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreSettings {
    requests: NonZeroUsize,
    retries: usize,
    #[serde(with = "lakegate_common::duration")]
    retry_time: Duration,
    #[serde(with = "lakegate_common::duration")]
    connect_time: Duration,
    #[serde(with = "lakegate_common::duration")]
    request_time: Duration,
    cache_memory: ByteSize,
    cache_disk: ByteSize,
}

impl StoreSettings {
    /// The bounds of requests.
    pub fn bounds(&self) -> Bounds {
        Bounds {
            requests: self.requests.get(),
            retries: self.retries,
            retry_time: self.retry_time,
            connect_time: self.connect_time,
            request_time: self.request_time,
        }
    }

    /// The bounds of the cache.
    pub fn cache(&self) -> CacheLimits {
        CacheLimits { memory: self.cache_memory.as_usize(), disk: self.cache_disk.bytes() }
    }

    /// Values that make no sense, by key, each with a reason.
    pub fn faults(&self) -> Vec<(&'static str, String)> {
        let times =
            [("store.connect_time", self.connect_time), ("store.request_time", self.request_time)];
        let none = times.into_iter().filter(|(_, time)| time.is_zero());
        none.map(|(key, _)| (key, "is no time at all".to_string())).collect()
    }
}

impl Default for StoreSettings {
    /// The defaults, without a cache.
    fn default() -> Self {
        let Bounds { requests, retries, retry_time, connect_time, request_time } =
            Bounds::default();
        Self {
            requests: NonZeroUsize::new(requests).unwrap_or(NonZeroUsize::MIN),
            retries,
            retry_time,
            connect_time,
            request_time,
            cache_memory: ByteSize(0),
            cache_disk: ByteSize(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use lakegate_common::config::{ConfigError, Loader};

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Config {
        store: StoreSettings,
    }

    fn load(key: &str, value: &str) -> Result<StoreSettings, ConfigError> {
        let flags = [(key.to_string(), value.to_string())].into();
        let loaded = Loader::new(KEYS).flags(flags);
        loaded.load_checked(|config: &Config| config.store.faults()).map(|config| config.store)
    }

    #[test]
    fn what_is_not_given_is_as_the_bounds_have_it() {
        let settings = load("store.retries", "3").unwrap();
        assert_eq!(settings.bounds(), Bounds { retries: 3, ..Bounds::default() });
        assert_eq!(settings.cache().memory, 128 << 20);
    }

    #[test]
    fn values_that_would_stop_all_reading_are_refused() {
        for (key, value) in
            [("store.requests", "0"), ("store.request_time", "0"), ("store.retries", "-1")]
        {
            let told = load(key, value).unwrap_err().to_string();
            assert!(told.contains(key), "{told}");
        }
    }
}
