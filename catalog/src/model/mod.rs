//! What the catalog holds, as plain values.

mod change;
mod container;
mod dataset;
mod grant;
mod history;
mod location;
mod name;
mod principal;
mod privilege;

pub use change::{Alteration, Created, OnContents, OnExisting, OnMissing};
pub use container::{Project, Schema};
pub use dataset::{
    Dataset, DatasetKind, DatasetType, FileFormat, NewDataset, ParseFileFormatError, Table, View,
    Volume,
};
pub use grant::{Grant, Object};
pub use history::{HistoryFilter, HistoryPosition, QueryRecord, Usage};
pub(crate) use location::holds_a_secret;
pub use location::{Credential, CredentialSource, Location, NewCredential, NewLocation, StoreType};
pub use name::{ObjectName, ObjectType};
pub use principal::{ApiKey, Principal, PrincipalProfile, PrincipalType};
pub use privilege::{Privilege, PrivilegeSet};

/// A closed set of words: each value has one text, which is what is stored.
macro_rules! words {
    (
        $(#[doc = $doc:literal])+
        $name:ident: $noun:literal { $( $(#[doc = $value_doc:literal])+ $value:ident = $text:literal, )+ }
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $( $(#[doc = $value_doc])+ $value, )+ }

        impl $name {
            /// All values.
            pub const ALL: &'static [Self] = &[ $( Self::$value, )+ ];

            /// The text in lower case.
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$value => $text, )+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::model::UnknownWord;

            /// Reads the text in any case.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let lower = text.to_ascii_lowercase();
                let found = Self::ALL.iter().copied().find(|value| value.as_str() == lower);
                found.ok_or_else(|| crate::model::UnknownWord::new($noun, text))
            }
        }
    };
}
use words;

/// A word that is none of a closed set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a {noun}")]
pub struct UnknownWord {
    noun: &'static str,
    text: String,
}

impl UnknownWord {
    pub(crate) fn new(noun: &'static str, text: &str) -> Self {
        Self { noun, text: text.chars().take(40).collect() }
    }
}
