//! Who may do what: pure decisions over a snapshot.
//!
//! - Rights come from grants to the principal and to its effective roles.
//! - A privilege reaches downwards: what holds on a project holds on its schemas and datasets.
//! - No privilege stands for another one, but [`Privilege::Own`] stands for all. In particular
//!   neither [`Privilege::Modify`] nor [`Privilege::Manage`] lets anybody read rows.
//! - Altering, dropping and granting need [`Privilege::Manage`]; granting ownership needs
//!   [`Privilege::Own`].
//! - An admin may do everything.
//! - A principal knows of an object if it may do something with it, and of a container if it knows
//!   of something in it. What it does not know of does not exist for it.
//!
//! Row filters and column masks will be answered here too, beside [`VisibleSnapshot::may`]: they
//! belong to a dataset and depend on the same effective roles.

mod check;
mod files;
mod visible;

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::ids::PrincipalId;
use crate::model::{Object, Privilege, PrivilegeSet};
use crate::snapshot::Snapshot;

pub use visible::VisibleSnapshot;

/// The rights of one principal in one snapshot. As large as the grants that it has, however large
/// the catalog is.
#[derive(Debug, Default)]
pub(crate) struct Access {
    /// Whether it may do and see everything.
    is_unrestricted: bool,
    /// The principal and its effective roles.
    roles: BTreeSet<PrincipalId>,
    /// What was granted on the very object.
    granted: HashMap<Object, PrivilegeSet>,
    /// Containers of objects that the principal knows of.
    reached: HashSet<Object>,
}

impl Access {
    /// The rights of the service itself.
    pub(crate) fn of_service() -> Self {
        Self { is_unrestricted: true, ..Self::default() }
    }

    /// The rights of a principal; none where the snapshot does not know it.
    pub(crate) fn of_principal(snapshot: &Snapshot, principal: PrincipalId) -> Self {
        let roles = snapshot.effective_roles(principal);
        let is_admin = snapshot.principal_by_id(principal).is_some_and(|found| found.is_admin);
        let mut granted: HashMap<Object, PrivilegeSet> = HashMap::new();
        for grant in roles.iter().flat_map(|role| snapshot.grants_of(*role)) {
            let privileges = granted.entry(grant.object).or_default();
            *privileges = privileges.with(grant.privilege);
        }
        let mut reached = HashSet::new();
        for (object, privileges) in &granted {
            if is_known_by(*object, *privileges) {
                reached.extend(containers(snapshot, *object));
            }
        }
        Self { is_unrestricted: is_admin, roles, granted, reached }
    }

    /// The privileges on an object, those on its containers included.
    fn privileges_on(&self, snapshot: &Snapshot, object: Object) -> PrivilegeSet {
        let on = |object| self.granted.get(&object).copied().unwrap_or_default();
        containers(snapshot, object).fold(on(object), |all, container| all.union(on(container)))
    }

    fn knows(&self, snapshot: &Snapshot, object: Object) -> bool {
        self.is_unrestricted
            || self.reached.contains(&object)
            || is_known_by(object, self.privileges_on(snapshot, object))
    }
}

/// Whether who has these privileges on an object knows of it. The right to make datasets in a
/// schema shows the schema and none of the datasets that are in it.
fn is_known_by(object: Object, privileges: PrivilegeSet) -> bool {
    match object {
        Object::Dataset(_) => !privileges.without(Privilege::Create).is_empty(),
        _ => !privileges.is_empty(),
    }
}

/// What an object lies in, from the inside outwards.
fn containers(snapshot: &Snapshot, object: Object) -> impl Iterator<Item = Object> {
    let schema = match object {
        Object::Dataset(id) => snapshot.dataset_by_id(id).map(|dataset| dataset.schema),
        _ => None,
    };
    let in_project = match object {
        Object::Schema(id) => Some(id),
        _ => schema,
    };
    let project = in_project.and_then(|id| snapshot.schema_by_id(id)).map(|schema| schema.project);
    schema.map(Object::Schema).into_iter().chain(project.map(Object::Project))
}
