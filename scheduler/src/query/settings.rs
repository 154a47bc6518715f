//! What a session may set, each with its values.

use std::str::FromStr;
use std::time::Duration;

use datafusion::prelude::SessionConfig;
use lakegate_common::duration;

use super::Error;

/// Which tier a session asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TierChoice {
    /// The router decides.
    #[default]
    Auto,
    /// In the server itself.
    Local,
    /// On the executors, surviving the loss of any of them.
    Durable,
}

impl TierChoice {
    fn as_str(self) -> &'static str {
        match self {
            TierChoice::Auto => "auto",
            TierChoice::Local => "local",
            TierChoice::Durable => "durable",
        }
    }
}

/// The settings of one session; what is not set takes the server's default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// `lakegate.execution.tier`.
    pub tier: TierChoice,
    /// `lakegate.execution.timeout`.
    pub timeout: Option<Duration>,
    /// `datafusion.execution.batch_size`.
    pub batch_size: Option<usize>,
    /// `datafusion.execution.target_partitions`.
    pub target_partitions: Option<usize>,
    /// `datafusion.execution.time_zone`.
    pub time_zone: Option<String>,
    /// `datafusion.sql_parser.enable_ident_normalization`.
    pub fold_identifiers: Option<bool>,
}

/// Most rows that a batch may have by setting.
const BATCH_SIZE_MAX: usize = 1 << 20;
/// Most partitions that a plan may have by setting.
const TARGET_PARTITIONS_MAX: usize = 1024;
/// Longest time limit that a session may set.
const TIMEOUT_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

const TIER: &str = "lakegate.execution.tier";
const TIMEOUT: &str = "lakegate.execution.timeout";
const BATCH_SIZE: &str = "datafusion.execution.batch_size";
const TARGET_PARTITIONS: &str = "datafusion.execution.target_partitions";
const TIME_ZONE: &str = "datafusion.execution.time_zone";
const FOLD_IDENTIFIERS: &str = "datafusion.sql_parser.enable_ident_normalization";

/// A setting as SHOW prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Its key.
    pub key: &'static str,
    /// Its value, `default` where the session has not set it.
    pub value: String,
    /// What it does and takes.
    pub description: &'static str,
}

impl Settings {
    /// Sets `key` from text.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] for an unknown key or a value that it does not take; the settings
    /// are then unchanged.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), Error> {
        match full_key(key) {
            TIER => {
                self.tier = match value.to_lowercase().as_str() {
                    "auto" => TierChoice::Auto,
                    "local" => TierChoice::Local,
                    "durable" => TierChoice::Durable,
                    _ => return Err(refused(key, "takes auto, local or durable")),
                }
            }
            TIMEOUT => self.timeout = parse_timeout(key, value)?,
            BATCH_SIZE => self.batch_size = Some(number(key, value, BATCH_SIZE_MAX)?),
            TARGET_PARTITIONS => {
                self.target_partitions = Some(number(key, value, TARGET_PARTITIONS_MAX)?)
            }
            TIME_ZONE => {
                arrow::array::timezone::Tz::from_str(value).map_err(|_| {
                    refused(key, "takes a time zone such as +00:00 or Europe/Berlin")
                })?;
                self.time_zone = Some(value.to_string());
            }
            FOLD_IDENTIFIERS => {
                let fold = value
                    .to_lowercase()
                    .parse()
                    .map_err(|_| refused(key, "takes true or false"))?;
                self.fold_identifiers = Some(fold);
            }
            _ => return Err(refused(key, "does not exist or may not be set here")),
        }
        Ok(())
    }

    /// Takes `key`, or every setting, back to the server's default.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] for an unknown key.
    pub fn reset(&mut self, key: Option<&str>) -> Result<(), Error> {
        match key.map(full_key) {
            None => *self = Self::default(),
            Some(TIER) => self.tier = TierChoice::default(),
            Some(TIMEOUT) => self.timeout = None,
            Some(BATCH_SIZE) => self.batch_size = None,
            Some(TARGET_PARTITIONS) => self.target_partitions = None,
            Some(TIME_ZONE) => self.time_zone = None,
            Some(FOLD_IDENTIFIERS) => self.fold_identifiers = None,
            Some(key) => return Err(refused(key, "does not exist or may not be set here")),
        }
        Ok(())
    }

    /// Every setting with its value.
    pub fn show(&self) -> Vec<Shown> {
        let text = |value: Option<String>| value.unwrap_or_else(|| "default".to_string());
        let row = |key, value, description| Shown { key, value, description };
        vec![
            row(
                BATCH_SIZE,
                text(self.batch_size.map(|size| size.to_string())),
                "rows in a batch while a query runs",
            ),
            row(
                TARGET_PARTITIONS,
                text(self.target_partitions.map(|count| count.to_string())),
                "parallel partitions of a plan",
            ),
            row(
                TIME_ZONE,
                text(self.time_zone.clone()),
                "time zone of timestamps without one, and of now()",
            ),
            row(
                FOLD_IDENTIFIERS,
                text(self.fold_identifiers.map(|fold| fold.to_string())),
                "unquoted names fold to lower case",
            ),
            row(
                TIER,
                self.tier.as_str().to_string(),
                "where queries run: auto, local (in the server) or durable (on executors)",
            ),
            row(
                TIMEOUT,
                text(self.timeout.map(duration::format)),
                "time limit of a query, such as 30s or 5min; 0 for none",
            ),
        ]
    }

    /// Whether unquoted identifiers fold to lower case.
    pub fn folds_identifiers(&self) -> bool {
        self.fold_identifiers.unwrap_or(true)
    }

    /// `config` with what the session has set.
    pub fn apply(&self, mut config: SessionConfig) -> SessionConfig {
        if let Some(size) = self.batch_size {
            config = config.with_batch_size(size);
        }
        if let Some(count) = self.target_partitions {
            config = config.with_target_partitions(count);
        }
        let options = config.options_mut();
        if let Some(zone) = &self.time_zone {
            options.execution.time_zone = Some(zone.clone());
        }
        options.sql_parser.enable_ident_normalization = self.folds_identifiers();
        config
    }
}

/// The key that is meant: that of the time zone has the names of the standard and of PostgreSQL, too.
pub(super) fn full_key(key: &str) -> &str {
    match key {
        "timezone" | "time.zone" => TIME_ZONE,
        other => other,
    }
}

fn refused(key: &str, reason: &str) -> Error {
    Error::InvalidSetting { key: key.to_string(), reason: reason.to_string() }
}

fn number(key: &str, value: &str, most: usize) -> Result<usize, Error> {
    match value.parse() {
        Ok(number) if (1..=most).contains(&number) => Ok(number),
        _ => Err(refused(key, &format!("takes a whole number from 1 to {most}"))),
    }
}

fn parse_timeout(key: &str, value: &str) -> Result<Option<Duration>, Error> {
    match duration::parse(value) {
        Ok(Duration::ZERO) => Ok(None),
        Ok(limit) if limit <= TIMEOUT_MAX => Ok(Some(limit)),
        _ => Err(refused(
            key,
            "takes a time such as 500ms, 30s, 5min or 2h, at most 7d, or 0 for none",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_a_setting_does_not_take_changes_nothing() {
        let mut settings = Settings::default();
        for (key, value) in [
            (TIER, "fast"),
            (TIMEOUT, "soon"),
            (TIMEOUT, "-1"),
            (TIMEOUT, "999999999999999999h"),
            (BATCH_SIZE, "0"),
            (BATCH_SIZE, "abc"),
            (TARGET_PARTITIONS, "99999999999999999999"),
            (TIME_ZONE, "Nowhere/Land"),
            (FOLD_IDENTIFIERS, "perhaps"),
            ("ballista.scheduler.max_partitions_per_task", "abc"),
            ("datafusion.runtime.memory_limit", "1G"),
        ] {
            assert!(
                matches!(settings.set(key, value), Err(Error::InvalidSetting { .. })),
                "{key} = {value}"
            );
        }
        assert_eq!(settings, Settings::default());
    }

    #[test]
    fn what_is_set_is_shown_and_reset() {
        let mut settings = Settings::default();
        settings.set(TIMEOUT, "90s").unwrap();
        settings.set(TIER, "LOCAL").unwrap();
        assert_eq!(settings.timeout, Some(Duration::from_secs(90)));
        assert!(settings.show().iter().any(|row| row.key == TIER && row.value == "local"));
        settings.reset(Some(TIER)).unwrap();
        settings.set(TIMEOUT, "0").unwrap();
        assert_eq!(settings, Settings::default());
    }
}
