//! The options that credentials and locations take.
//!
//! Only these go to the store's own builder: others make the process open files or ask hosts of the
//! writer's choice.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::Error;

/// Options of every location.
const EVERY_LOCATION: &[&str] = &["allow_http"];

/// The kind of an object store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StoreKind {
    /// Amazon S3 and what speaks like it.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage and Data Lake Storage.
    Azure,
    /// Files behind HTTP, to be read only.
    Http,
}

impl StoreKind {
    /// The kind that serves URLs of `scheme`.
    pub fn of_scheme(scheme: &str) -> Option<Self> {
        match scheme.to_ascii_lowercase().as_str() {
            "s3" | "s3a" => Some(Self::S3),
            "gs" => Some(Self::Gcs),
            "az" | "azure" | "abfs" | "abfss" | "adl" => Some(Self::Azure),
            "http" | "https" => Some(Self::Http),
            _ => None,
        }
    }

    /// The name in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Gcs => "gcs",
            Self::Azure => "azure",
            Self::Http => "http",
        }
    }

    /// The options of a credential, all of them secrets.
    fn credential_options(self) -> &'static [&'static str] {
        match self {
            Self::S3 => &["access_key_id", "secret_access_key", "session_token"],
            Self::Gcs => &["service_account_key"],
            Self::Azure => &["account_key", "sas_token", "client_id", "client_secret", "tenant_id"],
            Self::Http => &["bearer_token"],
        }
    }

    /// The options of a location, none of them a secret.
    fn location_options(self) -> &'static [&'static str] {
        match self {
            Self::S3 => &[
                "endpoint",
                "region",
                "path_style",
                "anonymous",
                "server_side_encryption",
                "sse_kms_key_id",
                "request_payer",
            ],
            Self::Gcs => &["endpoint", "anonymous"],
            Self::Azure => &["endpoint", "account_name", "anonymous"],
            Self::Http => &[],
        }
    }
}

impl fmt::Display for StoreKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for StoreKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::S3, Self::Gcs, Self::Azure, Self::Http]
            .into_iter()
            .find(|kind| kind.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| Error::UnknownStoreKind { kind: text.to_string() })
    }
}

/// Refuses options that a credential of `kind` does not have. No value is looked at, or told.
///
/// # Errors
/// [`Error::UnknownStoreOption`].
pub fn check_credential_options<'a>(
    kind: StoreKind,
    keys: impl IntoIterator<Item = &'a str>,
) -> Result<(), Error> {
    check(keys, "credential", kind, &[kind.credential_options()])
}

/// Refuses options that a location of `kind` does not have, and values that they do not take.
///
/// # Errors
/// [`Error::UnknownStoreOption`], [`Error::InvalidStoreOption`].
pub fn check_location_options(
    kind: StoreKind,
    options: &BTreeMap<String, String>,
) -> Result<(), Error> {
    let keys = options.keys().map(String::as_str);
    check(keys, "location", kind, &[kind.location_options(), EVERY_LOCATION])?;
    options.iter().try_for_each(|(key, value)| check_value(key, value))
}

fn check_value(key: &str, value: &str) -> Result<(), Error> {
    let (is_taken, expected) = match key {
        "allow_http" | "anonymous" | "path_style" | "request_payer" => {
            let lower = value.to_ascii_lowercase();
            (["true", "false"].contains(&lower.as_str()), "true or false")
        }
        "endpoint" => (is_endpoint(value), "a URL such as https://host:9000"),
        "server_side_encryption" => {
            (["AES256", "aws:kms", "aws:kms:dsse"].contains(&value), "AES256 or aws:kms")
        }
        _ => (is_word(value), "a word without spaces"),
    };
    if is_taken {
        return Ok(());
    }
    Err(Error::InvalidStoreOption { key: key.to_string(), value: value.to_string(), expected })
}

fn is_endpoint(value: &str) -> bool {
    ::url::Url::parse(value).is_ok_and(|url| {
        ["http", "https"].contains(&url.scheme())
            && url.host_str().is_some_and(|host| !host.is_empty())
            && url.query().is_none()
            && url.fragment().is_none()
    })
}

fn is_word(value: &str) -> bool {
    !value.is_empty() && !value.contains(|c: char| c.is_whitespace() || c.is_control())
}

fn check<'a>(
    keys: impl IntoIterator<Item = &'a str>,
    of: &'static str,
    kind: StoreKind,
    known: &[&[&'static str]],
) -> Result<(), Error> {
    for key in keys {
        if !known.concat().contains(&key) {
            return Err(Error::UnknownStoreOption {
                key: key.to_string(),
                of,
                kind,
                known: known.concat(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_location(options: &[(&str, &str)]) -> Result<(), Error> {
        let options = options.iter().map(|(key, value)| (key.to_string(), value.to_string()));
        check_location_options(StoreKind::S3, &options.collect())
    }

    #[test]
    fn values_that_an_option_does_not_take_are_refused() {
        for (key, value) in [
            ("path_style", "maybe"),
            ("allow_http", ""),
            ("anonymous", "yes"),
            ("request_payer", "requester"),
            ("endpoint", "host:9000"),
            ("endpoint", "ftp://host"),
            ("endpoint", ""),
            ("region", ""),
            ("region", "eu 1"),
            ("server_side_encryption", "rot13"),
            ("sse_kms_key_id", ""),
        ] {
            let refused = of_location(&[(key, value)]).unwrap_err().to_string();
            assert!(refused.contains(key), "{refused}");
        }
        for (key, value) in [
            ("endpoint", "http://[::1]:9000/"),
            ("endpoint", "https://minio.example:9000"),
            ("path_style", "false"),
            ("server_side_encryption", "aws:kms"),
            ("region", "us-east-1"),
        ] {
            assert!(of_location(&[(key, value)]).is_ok(), "{key} {value}");
        }
    }

    #[test]
    fn options_that_would_open_files_or_ask_other_hosts_are_refused() {
        for key in ["web_identity_token_file", "metadata_endpoint", "proxy_url", "role_arn"] {
            assert!(check_credential_options(StoreKind::S3, [key]).is_err(), "{key}");
            assert!(of_location(&[(key, "x")]).is_err(), "{key}");
        }
        assert!(check_credential_options(StoreKind::Gcs, ["service_account_path"]).is_err());
    }

    #[test]
    fn keys_are_no_options_of_a_location() {
        assert!(of_location(&[("secret_access_key", "x")]).is_err());
        assert!(of_location(&[("region", "eu-1"), ("allow_http", "TRUE")]).is_ok());
        assert!(check_credential_options(StoreKind::S3, ["secret_access_key"]).is_ok());
    }
}
