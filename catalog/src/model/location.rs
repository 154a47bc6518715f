//! Locations, and the credentials that open them.

use std::collections::BTreeMap;
use std::fmt;
use std::time::SystemTime;

use lakegate_common::secret::{Secret, is_secret_name, url_holds_a_secret};

use crate::ids::{CredentialId, LocationId};
use crate::location_url::LocationUrl;
use crate::model::words;

words! {
    /// The kind of store that a credential opens.
    StoreType: "type of credential" {
        /// Amazon S3 and what speaks like it.
        S3 = "s3",
        /// Google Cloud Storage.
        Gcs = "gcs",
        /// Azure Blob Storage and Data Lake Storage.
        Azure = "azure",
        /// A web server.
        Http = "http",
    }
}

/// A URL prefix and how to reach what is below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// Its identifier.
    pub id: LocationId,
    /// Its name, unique in the service.
    pub name: String,
    /// The prefix, in normal form.
    pub url: LocationUrl,
    /// What opens it; `None` where no credential is needed, such as for a folder.
    pub credential: Option<CredentialId>,
    /// How to reach it: endpoint, region, path style. Never a secret.
    pub options: BTreeMap<String, String>,
    /// What somebody wrote about it.
    pub comment: Option<String>,
    /// What somebody noted about it, by name.
    pub properties: BTreeMap<String, String>,
    /// When it was made.
    pub created_at: SystemTime,
    /// The catalog's version when it was last changed.
    pub revision: u64,
}

/// A location to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLocation {
    /// The name.
    pub name: String,
    /// The prefix.
    pub url: String,
    /// The name of the credential that opens it.
    pub credential: Option<String>,
    /// How to reach it. An option that names a secret is refused; secrets belong to credentials.
    pub options: BTreeMap<String, String>,
}

/// A credential as a snapshot shows it: without its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Its identifier.
    pub id: CredentialId,
    /// Its name, unique in the service.
    pub name: String,
    /// The kind of store that it opens.
    pub store_type: StoreType,
    /// The names of its secrets; none where it stands for what the machine has: an instance role,
    /// a workload identity, a profile.
    pub secret_names: Vec<String>,
    /// What may be seen of it: profile, role, account.
    pub options: BTreeMap<String, String>,
    /// What somebody wrote about it.
    pub comment: Option<String>,
    /// What somebody noted about it, by name.
    pub properties: BTreeMap<String, String>,
    /// When it was made.
    pub created_at: SystemTime,
    /// The catalog's version when it was last changed.
    pub revision: u64,
}

impl Credential {
    /// Whether it stands for what the machine has.
    pub fn is_ambient(&self) -> bool {
        self.secret_names.is_empty()
    }
}

/// A credential to be made.
#[derive(Clone, PartialEq, Eq)]
pub struct NewCredential {
    /// The name.
    pub name: String,
    /// The kind of store that it opens.
    pub store_type: StoreType,
    /// Where its secrets are.
    pub source: CredentialSource,
    /// What may be seen of it. An option that names a secret is refused.
    pub options: BTreeMap<String, String>,
}

/// Where the secrets of a credential are.
#[derive(Clone, PartialEq, Eq)]
pub enum CredentialSource {
    /// With the machine: an instance role, a workload identity, a profile.
    Ambient,
    /// In the catalog, encrypted, by name.
    Secrets(BTreeMap<String, Secret>),
}

impl fmt::Debug for NewCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewCredential")
            .field("name", &self.name)
            .field("store_type", &self.store_type)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for CredentialSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ambient => f.write_str("Ambient"),
            Self::Secrets(secrets) => f.debug_map().entries(secrets).finish(),
        }
    }
}

/// Whether an option holds a secret: by its name, or as a URL with a password or a signature. In
/// doubt it does.
pub(crate) fn holds_a_secret(option: &str, value: &str) -> bool {
    is_secret_name(option) || url_holds_a_secret(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_hold_secrets_are_told_by_name_or_value() {
        for name in ["secret_access_key", "AWS_Access_Key_Id", "client_secret", "sas_token"] {
            assert!(holds_a_secret(name, "x"), "{name}");
        }
        for name in ["region", "endpoint", "sse_kms_key_id", "web_identity_token_file"] {
            assert!(!holds_a_secret(name, "http://127.0.0.1:9000/a@b"), "{name}");
        }
        assert!(!holds_a_secret("skip_signature", "true"));
        assert!(holds_a_secret("endpoint", "http://user:hunter2@host/x"));
        assert!(holds_a_secret("endpoint", "http://host/?token=hunter2"));
    }
}
