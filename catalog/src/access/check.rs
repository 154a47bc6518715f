//! Decisions about statements: an error that says what is missing, or nothing.

use std::fmt::Display;
use std::sync::Arc;

use crate::error::Error;
use crate::location_url::LocationUrl;
use crate::model::{Location, Object, ObjectName, ObjectType, Privilege};
use crate::snapshot::near;

use super::VisibleSnapshot;

impl VisibleSnapshot {
    /// The object of this name, if the principal may know of it.
    ///
    /// # Errors
    /// Nothing visible has the name, or the object is none that privileges are granted on.
    pub fn object(&self, name: &ObjectName) -> Result<Object, Error> {
        match name {
            ObjectName::Project(project) => Ok(Object::Project(self.resolve_project(project)?.id)),
            ObjectName::Schema { project, schema } => {
                Ok(Object::Schema(self.resolve_schema(project, schema)?.id))
            }
            ObjectName::Dataset { project, schema, dataset } => {
                Ok(Object::Dataset(self.resolve(project, schema, dataset)?.id))
            }
            ObjectName::Location(location) => self
                .location(location)
                .map(|found| Object::Location(found.id))
                .ok_or_else(|| self.no_location(location)),
            ObjectName::Credential(_) | ObjectName::Principal(_) => {
                Err(Error::NotGrantable { object_type: name.object_type() })
            }
        }
    }

    /// Refuses what the principal may not do with an object that it knows of.
    ///
    /// # Errors
    /// Nothing visible has the name, or the principal lacks the privilege.
    pub fn check(&self, privilege: Privilege, name: &ObjectName) -> Result<Object, Error> {
        let object = self.object(name)?;
        self.check_object(privilege, object, name)?;
        Ok(object)
    }

    /// As [`VisibleSnapshot::check`] for an object that is known already; `name` is for the error.
    ///
    /// # Errors
    /// The principal lacks the privilege.
    pub fn check_object(
        &self,
        privilege: Privilege,
        object: Object,
        name: impl Display,
    ) -> Result<(), Error> {
        if self.may(privilege, object) {
            return Ok(());
        }
        Err(Error::MissingPrivilege {
            privilege,
            object_type: object.object_type(),
            name: name.to_string(),
        })
    }

    /// Refuses what only an admin may do.
    ///
    /// # Errors
    /// The principal is none; `action` says in the error what was tried.
    pub fn check_admin(&self, action: &'static str) -> Result<(), Error> {
        if self.is_admin() { Ok(()) } else { Err(Error::AdminOnly { action }) }
    }

    /// Refuses altering, dropping, commenting: managing an object. Credentials and principals are
    /// managed by admins.
    ///
    /// # Errors
    /// Nothing visible has the name, or the principal may not manage it.
    pub fn check_managing(&self, name: &ObjectName, action: &'static str) -> Result<(), Error> {
        match name.object_type() {
            ObjectType::Credential | ObjectType::Principal => self.check_admin(action),
            _ => self.check(Privilege::Manage, name).map(drop),
        }
    }

    /// Refuses granting or revoking a privilege: ownership is the owner's to give, all else the
    /// manager's.
    ///
    /// # Errors
    /// Nothing visible has the name, the privilege is none for such objects, or the principal may
    /// not grant it.
    pub fn check_granting(&self, privilege: Privilege, name: &ObjectName) -> Result<Object, Error> {
        let object_type = name.object_type();
        let object = self.object(name)?;
        if !privilege.applies_to(object_type) {
            return Err(Error::PrivilegeNotApplicable { privilege, object_type });
        }
        let needed = match privilege {
            Privilege::Own => Privilege::Own,
            _ => Privilege::Manage,
        };
        self.check_object(needed, object, name)?;
        Ok(object)
    }

    /// The location through which a URL or pattern is reached, if the principal may use it so:
    /// with [`Privilege::Read`] or [`Privilege::Write`] on the location that the URL belongs to and
    /// on all locations that lie within its reach. `None` where an admin names a URL outside of
    /// every location.
    ///
    /// # Errors
    /// The text is no URL, it lies outside of every location that the principal may know of, or
    /// the principal lacks the privilege.
    pub fn check_url(
        &self,
        privilege: Privilege,
        url: &str,
    ) -> Result<Option<Arc<Location>>, Error> {
        let url: LocationUrl =
            url.parse().map_err(|source| Error::InvalidLocationUrl { source })?;
        let reach = url.without_pattern();
        let found = self.unfiltered().location_of(&reach);
        let Some(location) = found.filter(|found| self.knows(Object::Location(found.id))) else {
            return if self.is_admin() { Ok(None) } else { Err(Error::OutsideLocations) };
        };
        for guarding in self.unfiltered().locations_below(&reach).chain([location]) {
            let object = Object::Location(guarding.id);
            if !self.knows(object) {
                return Err(Error::OutsideLocations);
            }
            self.check_object(privilege, object, &guarding.name)?;
        }
        Ok(Some(Arc::clone(location)))
    }

    fn no_location(&self, name: &str) -> Error {
        let names = self.locations().map(|found| found.name.as_str());
        Error::ObjectNotFound {
            noun: ObjectType::Location.as_str(),
            name: name.to_string(),
            nearest: near(name, names),
        }
    }
}
