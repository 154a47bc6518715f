//! Members of merge patches (RFC 7396): left out, `null`, or a new value.

use std::collections::BTreeMap;

use lakegate_catalog::Alteration;
use serde::{Deserialize, Deserializer};

/// Reads a member that may be left out and is never `null`.
pub(super) fn given<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// Reads a member that may be left out, and that `null` takes away.
pub(super) fn nullable<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}

/// What a patch says of what every object has.
#[derive(Debug, Default)]
pub(super) struct Patch {
    pub(super) name: Option<String>,
    pub(super) comment: Option<Option<String>>,
    pub(super) properties: Option<BTreeMap<String, Option<String>>>,
    pub(super) owner: Option<String>,
}

impl Patch {
    /// The change of the catalog that it asks for.
    pub(super) fn alteration(self) -> Alteration {
        let mut alteration = Alteration {
            name: self.name,
            comment: self.comment,
            owner: self.owner,
            ..Alteration::default()
        };
        for (name, value) in self.properties.unwrap_or_default() {
            match value {
                Some(value) => drop(alteration.set_properties.insert(name, value)),
                None => drop(alteration.remove_properties.insert(name)),
            }
        }
        alteration
    }
}
