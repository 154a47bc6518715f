//! What may be granted.

use std::fmt;

use crate::model::{ObjectType, words};

words! {
    /// What a principal may do with an object. No privilege stands for another one, but
    /// [`Privilege::Own`] stands for all of them; who owns or manages an object may also grant
    /// privileges on it. All reach downwards: what holds on a project holds on its schemas and
    /// datasets.
    Privilege: "privilege" {
        /// Read the rows of tables and views, the files of volumes.
        Select = "select",
        /// Add, change and delete rows of tables, files of volumes. A statement that also reads
        /// them, such as `DELETE … WHERE`, needs [`Privilege::Select`] besides.
        Modify = "modify",
        /// Make schemas in a project; tables, views and volumes in a schema.
        Create = "create",
        /// Alter and drop; grant and revoke everything but ownership. Not read: but who manages an
        /// object may grant that to themselves, in sight of everyone.
        Manage = "manage",
        /// Everything, and give it away.
        Own = "own",
        /// Read the files of a location, and make external tables over them.
        Read = "read",
        /// Write files of a location.
        Write = "write",
    }
}

impl Privilege {
    /// Whether the privilege can be granted on objects of this type.
    pub const fn applies_to(self, object_type: ObjectType) -> bool {
        match object_type {
            ObjectType::Project | ObjectType::Schema => !matches!(self, Self::Read | Self::Write),
            ObjectType::Dataset => !matches!(self, Self::Read | Self::Write | Self::Create),
            ObjectType::Location => {
                matches!(self, Self::Read | Self::Write | Self::Manage | Self::Own)
            }
            ObjectType::Credential | ObjectType::Principal => false,
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of privileges.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct PrivilegeSet(u8);

impl PrivilegeSet {
    /// No privilege.
    pub const NONE: Self = Self(0);

    /// The set with one more.
    #[must_use]
    pub const fn with(self, privilege: Privilege) -> Self {
        Self(self.0 | privilege.bit())
    }

    /// The set without one.
    #[must_use]
    pub const fn without(self, privilege: Privilege) -> Self {
        Self(self.0 & !privilege.bit())
    }

    /// What is in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether nothing is in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether this very privilege is in it.
    pub const fn contains(self, privilege: Privilege) -> bool {
        self.0 & privilege.bit() != 0
    }

    /// Whether who has this set may do what the privilege says.
    pub const fn allows(self, privilege: Privilege) -> bool {
        self.contains(privilege) || self.contains(Privilege::Own)
    }

    /// Whether who has this set may alter, drop and grant.
    pub const fn allows_managing(self) -> bool {
        self.allows(Privilege::Manage)
    }

    /// The privileges in it.
    pub fn iter(self) -> impl Iterator<Item = Privilege> {
        Privilege::ALL.iter().copied().filter(move |privilege| self.contains(*privilege))
    }
}

impl FromIterator<Privilege> for PrivilegeSet {
    fn from_iter<I: IntoIterator<Item = Privilege>>(privileges: I) -> Self {
        privileges.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Debug for PrivilegeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
