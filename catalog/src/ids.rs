//! Identifiers: one type per entity, so that they cannot be swapped. Made in time order (UUID
//! version 7), which keeps index pages dense.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

macro_rules! ids {
    ($( $(#[doc = $doc:literal])+ $name:ident; )+) => { $(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// A new identifier.
            pub(crate) fn generate() -> Self {
                Self(Uuid::now_v7())
            }

            /// The identifier as a UUID.
            pub fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )+ };
}

ids! {
    /// A project; stays the same through a renaming.
    ProjectId;
    /// A schema of a project.
    SchemaId;
    /// A dataset; stays the same through a renaming and a replacement.
    DatasetId;
    /// A user or a role.
    PrincipalId;
    /// A location.
    LocationId;
    /// A credential.
    CredentialId;
    /// A grant.
    GrantId;
    /// An API key.
    ApiKeyId;
}
