//! Principals: users and roles, which share one name space.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::SystemTime;

use crate::ids::{ApiKeyId, PrincipalId};
use crate::model::words;

words! {
    /// What a principal is.
    PrincipalType: "type of principal" {
        /// Somebody who logs in.
        User = "user",
        /// A name for rights that its members share. Nobody logs in as a role.
        Role = "role",
    }
}

/// Somebody who may come in.
#[derive(Clone, PartialEq, Eq)]
pub struct Principal {
    /// Its identifier.
    pub id: PrincipalId,
    /// The name to log in with.
    pub name: String,
    /// The hash of the password, as a PHC text.
    pub password_hash: String,
    /// Whether it may do everything.
    pub is_admin: bool,
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("is_admin", &self.is_admin)
            .finish_non_exhaustive()
    }
}

/// A principal as a snapshot shows it: without what it logs in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrincipalProfile {
    /// Its identifier.
    pub id: PrincipalId,
    /// Its name, unique among users and roles.
    pub name: String,
    /// User or role.
    pub principal_type: PrincipalType,
    /// Whether it may do everything. A role never is.
    pub is_admin: bool,
    /// The roles that it is a member of, directly.
    pub roles: BTreeSet<PrincipalId>,
    /// What somebody wrote about it.
    pub comment: Option<String>,
    /// What somebody noted about it, by name.
    pub properties: BTreeMap<String, String>,
    /// When it was made.
    pub created_at: SystemTime,
    /// The catalog's version when it was last changed.
    pub revision: u64,
}

/// An API key, without the key: only its hash is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its identifier.
    pub id: ApiKeyId,
    /// Whose key it is.
    pub principal: PrincipalId,
    /// The name that tells it from the principal's other keys.
    pub name: String,
    /// When it was made.
    pub created_at: SystemTime,
    /// From when on it is worth nothing; `None` for never.
    pub expires_at: Option<SystemTime>,
    /// When it was last used, not to the second.
    pub last_used_at: Option<SystemTime>,
}
