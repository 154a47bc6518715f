//! How a change goes about what is there already.

use std::collections::{BTreeMap, BTreeSet};

/// What to do when the name is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnExisting {
    /// Fail.
    Fail,
    /// Keep what is there: `IF NOT EXISTS`.
    Keep,
    /// Put the new one in its place, which must be of the same type: `OR REPLACE`.
    Replace,
}

/// What to do when nothing has the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnMissing {
    /// Fail.
    Fail,
    /// Do nothing: `IF EXISTS`.
    Ignore,
}

/// What to do with what a dropped thing still holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnContents {
    /// Refuse: `RESTRICT`.
    Refuse,
    /// Drop it too: `CASCADE`.
    Cascade,
}

/// What a creation did, and the identifier of what is there now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created<Id> {
    /// The name was free and is taken now.
    New(Id),
    /// What was there stays as it was.
    Kept(Id),
    /// What was there is gone, but for its identifier.
    Replaced(Id),
}

impl<Id> Created<Id> {
    /// The identifier of what is there now.
    pub fn id(self) -> Id {
        match self {
            Self::New(id) | Self::Kept(id) | Self::Replaced(id) => id,
        }
    }
}

/// A change of what every object has. What is `None` or empty stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Alteration {
    /// The new name. The identifier, and with it grants and history, stays.
    pub name: Option<String>,
    /// The new comment; `Some(None)` takes it away.
    pub comment: Option<Option<String>>,
    /// Properties to be set.
    pub set_properties: BTreeMap<String, String>,
    /// Properties to be taken away; one that is not there does not matter.
    pub remove_properties: BTreeSet<String>,
    /// The name of the new owner, who then owns it alone.
    pub owner: Option<String>,
    /// Where given, the change is made only while the object has this revision.
    pub expected_revision: Option<u64>,
}

impl Alteration {
    /// A change of the name.
    pub fn rename(name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..Self::default() }
    }

    /// A change of the comment; `None` takes it away.
    pub fn comment(comment: Option<String>) -> Self {
        Self { comment: Some(comment), ..Self::default() }
    }
}
