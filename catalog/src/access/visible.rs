//! A snapshot through the eyes of one principal.

use std::sync::Arc;

use crate::error::Error;
use crate::ids::{CredentialId, DatasetId, LocationId, PrincipalId, ProjectId, SchemaId};
use crate::model::{
    Credential, Dataset, Grant, Location, Object, PrincipalProfile, Privilege, PrivilegeSet,
    Project, Schema,
};
use crate::snapshot::{Snapshot, near, no_dataset, no_schema};

use super::Access;

/// What one principal may know of a snapshot. It has the snapshot's questions and answers as if
/// nothing else existed, hints included.
///
/// It is a filter over the shared snapshot: to make one costs a look into a map, and to copy one
/// costs nothing.
#[derive(Debug, Clone)]
pub struct VisibleSnapshot {
    snapshot: Arc<Snapshot>,
    access: Arc<Access>,
}

impl VisibleSnapshot {
    pub(crate) fn new(snapshot: Arc<Snapshot>, access: Arc<Access>) -> Self {
        Self { snapshot, access }
    }

    /// The whole snapshot, without the filter: to see it as somebody else does, such as who
    /// defined a view.
    pub fn unfiltered(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// The number of changes up to this snapshot.
    pub fn version(&self) -> u64 {
        self.snapshot.version()
    }

    /// Whether the principal may do everything.
    pub fn is_admin(&self) -> bool {
        self.access.is_unrestricted
    }

    /// Whether the principal is this one, or a member of this role.
    pub fn acts_as(&self, principal: PrincipalId) -> bool {
        self.access.roles.contains(&principal)
    }

    /// Whether the principal may do what a privilege says with an object.
    pub fn may(&self, privilege: Privilege, object: Object) -> bool {
        self.is_admin() || self.privileges_on(object).allows(privilege)
    }

    /// The privileges that the principal has on an object by grants, those on its containers
    /// included. An admin needs none and may have none.
    pub fn privileges_on(&self, object: Object) -> PrivilegeSet {
        self.access.privileges_on(&self.snapshot, object)
    }

    /// Whether the principal may know that an object exists.
    pub fn knows(&self, object: Object) -> bool {
        self.access.knows(&self.snapshot, object)
    }

    /// The projects, by name.
    pub fn projects(&self) -> impl Iterator<Item = &Arc<Project>> {
        self.snapshot.projects().filter(|project| self.knows(Object::Project(project.id)))
    }

    /// The project of this name.
    pub fn project(&self, project: &str) -> Option<&Arc<Project>> {
        let found = self.snapshot.project(project)?;
        self.knows(Object::Project(found.id)).then_some(found)
    }

    /// The project of this identifier.
    pub fn project_by_id(&self, id: ProjectId) -> Option<&Arc<Project>> {
        self.snapshot.project_by_id(id).filter(|_| self.knows(Object::Project(id)))
    }

    /// The schemas of a project, by name; none where there is no such project.
    pub fn schemas(&self, project: &str) -> impl Iterator<Item = &Arc<Schema>> {
        self.snapshot.schemas(project).filter(|schema| self.knows(Object::Schema(schema.id)))
    }

    /// The schema of this name.
    pub fn schema(&self, project: &str, schema: &str) -> Option<&Arc<Schema>> {
        let found = self.snapshot.schema(project, schema)?;
        self.knows(Object::Schema(found.id)).then_some(found)
    }

    /// The schema of this identifier.
    pub fn schema_by_id(&self, id: SchemaId) -> Option<&Arc<Schema>> {
        self.snapshot.schema_by_id(id).filter(|_| self.knows(Object::Schema(id)))
    }

    /// The datasets of a schema, by name; none where there is no such schema.
    pub fn datasets(&self, project: &str, schema: &str) -> impl Iterator<Item = &Arc<Dataset>> {
        let all = self.snapshot.datasets(project, schema);
        all.filter(|dataset| self.knows(Object::Dataset(dataset.id)))
    }

    /// The dataset of this name.
    pub fn dataset(&self, project: &str, schema: &str, dataset: &str) -> Option<&Arc<Dataset>> {
        let found = self.snapshot.dataset(project, schema, dataset)?;
        self.knows(Object::Dataset(found.id)).then_some(found)
    }

    /// The dataset of this identifier.
    pub fn dataset_by_id(&self, id: DatasetId) -> Option<&Arc<Dataset>> {
        self.snapshot.dataset_by_id(id).filter(|_| self.knows(Object::Dataset(id)))
    }

    /// As [`VisibleSnapshot::dataset`], and says which part of the name is wrong.
    ///
    /// # Errors
    /// No such project, schema or dataset; the hint names a visible one that is much like it.
    pub fn resolve(
        &self,
        project: &str,
        schema: &str,
        dataset: &str,
    ) -> Result<&Arc<Dataset>, Error> {
        self.resolve_schema(project, schema)?;
        self.dataset(project, schema, dataset).ok_or_else(|| {
            let names = self.datasets(project, schema).map(|found| found.name.as_str());
            no_dataset(project, schema, dataset, near(dataset, names))
        })
    }

    /// As [`VisibleSnapshot::schema`], and says which part of the name is wrong.
    ///
    /// # Errors
    /// No such project or schema; the hint names a visible one that is much like it.
    pub fn resolve_schema(&self, project: &str, schema: &str) -> Result<&Arc<Schema>, Error> {
        self.resolve_project(project)?;
        self.schema(project, schema).ok_or_else(|| {
            let names = self.schemas(project).map(|found| found.name.as_str());
            no_schema(project, schema, near(schema, names))
        })
    }

    /// As [`VisibleSnapshot::project`], with an error.
    ///
    /// # Errors
    /// No such project; the hint names a visible one that is much like it.
    pub fn resolve_project(&self, project: &str) -> Result<&Arc<Project>, Error> {
        self.project(project).ok_or_else(|| {
            let names = self.projects().map(|found| found.name.as_str());
            Error::ProjectNotFound { project: project.to_string(), nearest: near(project, names) }
        })
    }

    /// The locations, by name.
    pub fn locations(&self) -> impl Iterator<Item = &Arc<Location>> {
        self.snapshot.locations().filter(|location| self.knows(Object::Location(location.id)))
    }

    /// The location of this name.
    pub fn location(&self, name: &str) -> Option<&Arc<Location>> {
        let found = self.snapshot.location(name)?;
        self.knows(Object::Location(found.id)).then_some(found)
    }

    /// The location of this identifier.
    pub fn location_by_id(&self, id: LocationId) -> Option<&Arc<Location>> {
        self.snapshot.location_by_id(id).filter(|_| self.knows(Object::Location(id)))
    }

    /// The credentials, by name. Only admins see any.
    pub fn credentials(&self) -> impl Iterator<Item = &Arc<Credential>> {
        self.snapshot.credentials().filter(|_| self.is_admin())
    }

    /// The principals, by name: for an admin all, for others themselves and their roles.
    pub fn principals(&self) -> impl Iterator<Item = &Arc<PrincipalProfile>> {
        let all = self.snapshot.principals();
        all.filter(|principal| self.is_admin() || self.acts_as(principal.id))
    }

    /// The credential of this identifier. Only admins see any.
    pub fn credential_by_id(&self, id: CredentialId) -> Option<&Arc<Credential>> {
        self.snapshot.credential_by_id(id).filter(|_| self.is_admin())
    }

    /// The principal of this identifier.
    pub fn principal_by_id(&self, id: PrincipalId) -> Option<&Arc<PrincipalProfile>> {
        let found = self.snapshot.principal_by_id(id);
        found.filter(|_| self.is_admin() || self.acts_as(id))
    }

    /// The name of who has a grant that the principal sees: who sees a grant may know whose it is.
    pub fn grantee_name(&self, grant: &Grant) -> Option<&str> {
        let grantee = self.snapshot.principal_by_id(grant.grantee)?;
        Some(&grantee.name)
    }

    /// The grants: for an admin all, for others those that they have, themselves or by a role, and
    /// those on objects that they manage.
    pub fn grants(&self) -> impl Iterator<Item = &Arc<Grant>> {
        self.snapshot.grants().filter(|grant| {
            self.acts_as(grant.grantee) || self.may(Privilege::Manage, grant.object)
        })
    }
}
