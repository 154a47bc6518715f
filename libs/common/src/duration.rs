//! Lengths of time as people write them: `250ms`, `30s`, `5m`, `2h`, `7d`.
//!
//! In a configuration struct: `#[serde(with = "lakegate_common::duration")] grace: Duration`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer};

/// The units, the largest first, with their length in milliseconds.
const UNITS: [(&str, u64); 6] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("min", 60_000), ("s", 1_000), ("ms", 1)];

/// A text that is no length of time.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "{text:?} is not a length of time; write a whole number with ms, s, m, h or d, such as 30s"
)]
pub struct ParseDurationError {
    text: String,
}

/// Reads a whole number with a unit (`ms`, `s`, `m` or `min`, `h`, `d`). A lone `0` needs no unit.
///
/// # Errors
/// The text has no unit, an unknown one, or a number that does not fit.
pub fn parse(text: &str) -> Result<Duration, ParseDurationError> {
    let refused = || ParseDurationError { text: text.to_string() };
    let trimmed = text.trim();
    if trimmed == "0" {
        return Ok(Duration::ZERO);
    }
    let digits = trimmed.find(|c: char| !c.is_ascii_digit()).unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(digits);
    let unit = unit.trim().to_ascii_lowercase();
    let factor = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
    let number: u64 = number.parse().map_err(|_| refused())?;
    let millis = factor.and_then(|factor| number.checked_mul(factor)).ok_or_else(refused)?;
    Ok(Duration::from_millis(millis))
}

/// Writes a length of time as [`parse`] reads it, in the largest unit that loses no millisecond.
/// What is finer than a millisecond is cut off.
pub fn format(duration: Duration) -> String {
    let millis = duration.as_millis();
    for (unit, factor) in UNITS {
        let factor = u128::from(factor);
        if millis >= factor && millis.is_multiple_of(factor) {
            return format!("{}{unit}", millis / factor);
        }
    }
    "0s".to_string()
}

/// Deserializes a length of time from its text.
///
/// # Errors
/// As [`parse`].
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).map_err(serde::de::Error::custom)
}

/// Serializes a length of time as its text.
///
/// # Errors
/// Only what the serializer itself reports.
pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format(*duration))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_in_every_unit() {
        assert_eq!(parse("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse(" 30 s "), Ok(Duration::from_secs(30)));
        assert_eq!(parse("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(parse("2H"), Ok(Duration::from_secs(7200)));
        assert_eq!(parse("0"), Ok(Duration::ZERO));
    }

    #[test]
    fn what_is_no_length_is_refused() {
        for text in ["", "30", "s", "-1s", "1.5s", "3 weeks", "99999999999999999999s"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_length_prints_as_it_is_read() {
        for millis in [0, 1, 999, 1000, 61_000, 3_600_000, 172_800_000] {
            let duration = Duration::from_millis(millis);
            assert_eq!(parse(&format(duration)), Ok(duration));
        }
    }
}
