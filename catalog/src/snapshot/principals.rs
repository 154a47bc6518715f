//! Principals, roles and grants of a snapshot.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::ids::PrincipalId;
use crate::model::{Grant, PrincipalProfile};

use super::Snapshot;

impl Snapshot {
    /// All principals, by name.
    pub fn principals(&self) -> impl Iterator<Item = &Arc<PrincipalProfile>> {
        self.principals.values()
    }

    /// The principal of this name.
    pub fn principal(&self, name: &str) -> Option<&Arc<PrincipalProfile>> {
        self.principals.get(name)
    }

    /// The principal of this identifier.
    pub fn principal_by_id(&self, id: PrincipalId) -> Option<&Arc<PrincipalProfile>> {
        self.by_id.principals.get(&id)
    }

    /// The principal itself and all roles that it is a member of, directly or through another
    /// role; nothing where there is no such principal.
    pub fn effective_roles(&self, principal: PrincipalId) -> BTreeSet<PrincipalId> {
        let mut found = BTreeSet::new();
        let mut waiting = vec![principal];
        while let Some(next) = waiting.pop() {
            let Some(profile) = self.principal_by_id(next) else { continue };
            if found.insert(next) {
                waiting.extend(&profile.roles);
            }
        }
        found
    }

    /// The grants that a principal has itself, not through its roles, in the order in which they
    /// were made.
    pub fn grants_of(&self, principal: PrincipalId) -> impl Iterator<Item = &Arc<Grant>> {
        self.grants.get(&principal).into_iter().flatten()
    }

    /// All grants, by the name of who has them.
    pub fn grants(&self) -> impl Iterator<Item = &Arc<Grant>> {
        self.principals.values().flat_map(|principal| self.grants_of(principal.id))
    }
}
