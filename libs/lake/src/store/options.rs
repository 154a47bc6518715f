//! The options that credentials and locations take.
//!
//! Only these go to the store's own builder: others make the process open files or ask hosts of the
//! writer's choice.

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

/// Refuses options that a location of `kind` does not have.
///
/// # Errors
/// [`Error::UnknownStoreOption`].
pub fn check_location_options<'a>(
    kind: StoreKind,
    keys: impl IntoIterator<Item = &'a str>,
) -> Result<(), Error> {
    check(keys, "location", kind, &[kind.location_options(), EVERY_LOCATION])
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

    #[test]
    fn options_that_would_open_files_or_ask_other_hosts_are_refused() {
        for key in ["web_identity_token_file", "metadata_endpoint", "proxy_url", "role_arn"] {
            assert!(check_credential_options(StoreKind::S3, [key]).is_err(), "{key}");
            assert!(check_location_options(StoreKind::S3, [key]).is_err(), "{key}");
        }
        assert!(check_credential_options(StoreKind::Gcs, ["service_account_path"]).is_err());
    }

    #[test]
    fn keys_are_no_options_of_a_location() {
        assert!(check_location_options(StoreKind::S3, ["secret_access_key"]).is_err());
        assert!(check_location_options(StoreKind::S3, ["region", "allow_http"]).is_ok());
        assert!(check_credential_options(StoreKind::S3, ["secret_access_key"]).is_ok());
    }
}
