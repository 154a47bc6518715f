//! URLs of locations and of files, compared so that no spelling reaches round a location.
//!
//! Two spellings of one place must be one [`LocationUrl`], or else a URL could be written so that
//! it matches a wider location than the one that guards it. What cannot be brought to one form
//! beyond doubt is refused.

mod path;

use std::fmt;
use std::str::FromStr;

use lakegate_common::secret::url_holds_a_secret;

use crate::limit::URL_BYTES_MAX;

/// Why a text is not taken for a URL. The text itself is not repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the URL {reason}")]
pub struct ParseLocationUrlError {
    reason: &'static str,
}

impl ParseLocationUrlError {
    fn new(reason: &'static str) -> Self {
        Self { reason }
    }

    /// Whether it is refused because it holds a secret.
    pub(crate) fn is_secret(&self) -> bool {
        self.reason == WITH_SECRET
    }
}

/// A URL in the one form that equal places have: scheme and host in lower case, the path without
/// escapes and cut into segments.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocationUrl {
    scheme: String,
    /// Host and port, for Azure `container@host`; empty for files.
    authority: String,
    segments: Vec<String>,
}

/// Why a URL is refused that would keep a secret in clear.
const WITH_SECRET: &str = "holds a user name, a password, a key or a signature";

/// Schemes whose URLs name the container before an `@`.
const WITH_CONTAINER: [&str; 2] = ["abfs", "abfss"];

/// Characters by which a path names many files.
const GLOB: [char; 4] = ['*', '?', '[', '{'];

impl LocationUrl {
    /// Whether a URL lies at this one or below it. Only whole segments count: `s3://b/ab` is not
    /// below `s3://b/a`.
    pub fn contains(&self, url: &Self) -> bool {
        self.scheme == url.scheme
            && self.authority == url.authority
            && url.segments.starts_with(&self.segments)
    }

    /// The number of segments of the path: of two locations that contain a URL, the one with more
    /// is nearer.
    pub fn depth(&self) -> usize {
        self.segments.len()
    }

    /// The URL and all that it lies below, from the inside outwards.
    pub(crate) fn with_ancestors(&self) -> impl Iterator<Item = Self> {
        (0..=self.segments.len())
            .rev()
            .map(|depth| Self { segments: self.segments[..depth].to_vec(), ..self.clone() })
    }

    /// The scheme, in lower case: `s3`, `gs`, `file`.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Reads the URL of one object, whose escapes a store takes out once: what looks like an escape
    /// after that is part of the object's name, as in folders of partitions whose values hold a
    /// slash. For URLs that are made of names; what people write is read by [`str::parse`], which
    /// also refuses what would lead elsewhere if somebody below took escapes out again.
    ///
    /// # Errors
    /// As [`str::parse`], but for escapes of escapes.
    pub fn of_object(text: &str) -> Result<Self, ParseLocationUrlError> {
        Self::read(text, path::segments_of_object)
    }

    /// What stands before the first part of a name that is a pattern. Everything that the pattern
    /// matches lies below it.
    #[must_use]
    pub fn without_pattern(&self) -> Self {
        let fixed = self.segments.iter().take_while(|segment| !segment.contains(GLOB));
        Self { segments: fixed.cloned().collect(), ..self.clone() }
    }

    fn read(
        text: &str,
        segments: fn(&str) -> Result<Vec<String>, ParseLocationUrlError>,
    ) -> Result<Self, ParseLocationUrlError> {
        let refuse = |reason| Err(ParseLocationUrlError::new(reason));
        if text.len() > URL_BYTES_MAX {
            return refuse("is too long");
        }
        if text.starts_with('/') {
            return Ok(Self {
                scheme: "file".to_string(),
                authority: String::new(),
                segments: path::plain_segments(text)?,
            });
        }
        if url_holds_a_secret(text) {
            return refuse(WITH_SECRET);
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return refuse("has no scheme, such as s3://");
        };
        let scheme = scheme.to_ascii_lowercase();
        if !is_scheme(&scheme) {
            return refuse("has a scheme that is none");
        }
        let (authority, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, ""),
        };
        let authority = normal_authority(&scheme, authority)?;
        let segments = segments(path)?;
        Ok(Self { scheme, authority, segments })
    }
}

impl FromStr for LocationUrl {
    type Err = ParseLocationUrlError;

    /// Reads a URL, or the absolute path of a file.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::read(text, path::segments)
    }
}

fn is_scheme(scheme: &str) -> bool {
    scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c))
}

/// Host and port in lower case, without the port that the scheme has anyway.
fn normal_authority(scheme: &str, authority: &str) -> Result<String, ParseLocationUrlError> {
    let lower = authority.to_ascii_lowercase();
    if scheme == "file" {
        return match lower.as_str() {
            "" | "localhost" => Ok(String::new()),
            _ => Err(ParseLocationUrlError::new("names a file on another machine")),
        };
    }
    let (container, host) = match lower.split_once('@') {
        Some((container, host)) if WITH_CONTAINER.contains(&scheme) => (Some(container), host),
        Some(_) => return Err(ParseLocationUrlError::new(WITH_SECRET)),
        None => (None, lower.as_str()),
    };
    let host = match scheme {
        "http" => host.strip_suffix(":80").unwrap_or(host),
        "https" => host.strip_suffix(":443").unwrap_or(host),
        _ => host,
    };
    // The dot at the end of a host's name changes nothing.
    let host = host.strip_suffix('.').unwrap_or(host);
    let parts = [container.unwrap_or("container"), host];
    let is_plain = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "-._:$[]".contains(c))
    };
    if !parts.into_iter().all(is_plain) {
        return Err(ParseLocationUrlError::new("names no host or bucket that can be one"));
    }
    Ok(match container {
        Some(container) => format!("{container}@{host}"),
        None => host.to_string(),
    })
}

impl fmt::Display for LocationUrl {
    /// The URL with a slash at its end, escaped where a path must be.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}/", self.scheme, self.authority)?;
        for segment in &self.segments {
            write!(f, "{}/", path::escaped(segment))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
