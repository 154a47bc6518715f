//! `ALTER`, carried out on the catalog.

use std::collections::BTreeMap;

use datafusion::common::ResolvedTableReference;
use lakegate_catalog::{
    Alteration, Catalog, CredentialSource, DatasetKind, DatasetType, Error as Refused,
    LocationChange, Object, ObjectName, PrincipalType, Privilege, VisibleSnapshot,
};
use lakegate_common::secret::Secret;
use lakegate_engine::statement::{Change, ObjectKind};
use lakegate_lake::store::StoreKind;

use super::Error;
use super::command::unsupported;
use super::governance::{check_location, credential_source, hashed};
use super::properties::Unset;
use super::service::QueryService;
use super::statement::Scope;
use crate::session::Session;

impl QueryService {
    /// Changes the object `name` for the session's principal.
    ///
    /// # Errors
    /// Nothing visible has the name, it is of another kind, or the change is refused.
    pub(super) async fn alter(
        &self,
        session: &Session,
        kind: ObjectKind,
        name: &ObjectName,
        if_exists: bool,
        change: &Change,
    ) -> Result<(), Error> {
        let seen = self.seen_by(session.principal.id).await?;
        if if_exists && is_missing(&seen, name) {
            return Ok(());
        }
        if let Change::Name(new_name) = change {
            self.check_new_name(session, &seen, name, new_name)?;
        }
        let catalog = of_kind(&self.changing(session), kind, name, "ALTER");
        let alteration = match (change, name) {
            (Change::Name(new_name), _) => Alteration::rename(new_name),
            (Change::Owner(owner), _) => {
                Alteration { owner: Some(owner.clone()), ..Alteration::default() }
            }
            (Change::SetProperties(values), _) => {
                return self.set_properties(session, &seen, &catalog, (kind, name), values).await;
            }
            (Change::UnsetProperties { names, if_exists }, _) => {
                let names = Unset { names, if_exists: *if_exists };
                return self.unset_properties(session, &seen, &catalog, (kind, name), names).await;
            }
            (Change::AddColumns(columns), _) => {
                return self.add_columns(session, &seen, name, columns).await;
            }
            (Change::Admin(is_admin), ObjectName::Principal(user)) => {
                return Ok(catalog.set_admin(user, *is_admin).await?);
            }
            (Change::ProjectLocation(location), ObjectName::Project(project)) => {
                if let Some(location) = location {
                    self.check_in_bounds(location).await?;
                }
                return Ok(catalog.set_project_location(project, location.as_deref()).await?);
            }
            (Change::LocationCredential(credential), ObjectName::Location(location)) => {
                let change = LocationChange { credential: Some(credential.clone()), options: None };
                let nothing_else = Alteration::default();
                return Ok(catalog.amend_location(location, &nothing_else, &change).await?);
            }
            (Change::LocationOptions(options), ObjectName::Location(location)) => {
                return set_options(&catalog, &seen, location, options).await;
            }
            (Change::Secrets(secrets), ObjectName::Credential(credential)) => {
                let found = seen.credentials().find(|found| found.name == *credential);
                // One that is not there is told of by the change.
                let source = match found.map(|found| found.store_type.as_str().parse::<StoreKind>())
                {
                    Some(kind) => credential_source(kind?, secrets.as_ref())?,
                    None => CredentialSource::Ambient,
                };
                return Ok(catalog.set_credential_source(credential, &source).await?);
            }
            (Change::Password(password), ObjectName::Principal(user)) => {
                return set_password(&catalog, user, password).await;
            }
            _ => return Err(unsupported(&format!("this change of a {kind}"), "ALTER … RENAME TO")),
        };
        Ok(catalog.alter(name, &alteration).await?)
    }

    /// Refuses a name of a view under which it would read itself.
    fn check_new_name(
        &self,
        session: &Session,
        seen: &VisibleSnapshot,
        name: &ObjectName,
        new_name: &str,
    ) -> Result<(), Error> {
        let ObjectName::Dataset { project, schema, dataset } = name else { return Ok(()) };
        let Some(found) = seen.dataset(project, schema, dataset) else { return Ok(()) };
        let DatasetKind::View(view) = &found.kind else { return Ok(()) };
        if !seen.may(Privilege::Manage, Object::Dataset(found.id)) {
            // The change itself refuses it.
            return Ok(());
        }
        let (catalog, schema) = (project.as_str().into(), schema.as_str().into());
        let name = ResolvedTableReference { catalog, schema, table: new_name.into() };
        self.check_no_circle(&Scope::of(session), seen.unfiltered(), &name, view)
    }
}

/// The catalog in which an object is changed only while it is of this kind.
pub(super) fn of_kind(
    catalog: &Catalog,
    kind: ObjectKind,
    name: &ObjectName,
    verb: &'static str,
) -> Catalog {
    let name = name.clone();
    catalog.provided(move |seen| match kind {
        ObjectKind::Table => check_dataset(seen, &name, DatasetType::Table, verb),
        ObjectKind::View => check_dataset(seen, &name, DatasetType::View, verb),
        ObjectKind::Volume => check_dataset(seen, &name, DatasetType::Volume, verb),
        ObjectKind::User => check_principal(seen, &name, PrincipalType::User),
        ObjectKind::Role => check_principal(seen, &name, PrincipalType::Role),
        _ => Ok(()),
    })
}

/// One that is not there is told of by the change itself.
pub(super) fn check_dataset(
    seen: &VisibleSnapshot,
    name: &ObjectName,
    expected: DatasetType,
    verb: &'static str,
) -> Result<(), Refused> {
    let ObjectName::Dataset { project, schema, dataset } = name else { return Ok(()) };
    let found = seen.dataset(project, schema, dataset).map(|found| found.kind.dataset_type());
    match found.filter(|found| *found != expected) {
        Some(found) => Err(Refused::WrongType { dataset: name.to_string(), expected, found, verb }),
        None => Ok(()),
    }
}

fn check_principal(
    seen: &VisibleSnapshot,
    name: &ObjectName,
    expected: PrincipalType,
) -> Result<(), Refused> {
    let ObjectName::Principal(principal) = name else { return Ok(()) };
    let found = seen.principals().find(|found| found.name == *principal);
    match found.filter(|found| found.principal_type != expected) {
        Some(_) => {
            let expected = expected.as_str();
            Err(Refused::WrongPrincipal { name: principal.clone(), expected })
        }
        None => Ok(()),
    }
}

/// Whether who asks knows that there is no such object. Whoever may not know whether there is a
/// credential or a principal is refused by the change.
fn is_missing(seen: &VisibleSnapshot, name: &ObjectName) -> bool {
    match name {
        ObjectName::Credential(name) => {
            seen.is_admin() && !seen.credentials().any(|found| found.name == *name)
        }
        ObjectName::Principal(name) => {
            seen.is_admin() && !seen.principals().any(|found| found.name == *name)
        }
        _ => seen.object(name).is_err(),
    }
}

async fn set_options(
    catalog: &Catalog,
    seen: &VisibleSnapshot,
    location: &str,
    options: &BTreeMap<String, String>,
) -> Result<(), Error> {
    // The URL of a location never changes.
    if let Some(found) = seen.location(location) {
        check_location(&found.url.to_string(), options)?;
    }
    let change = LocationChange { credential: None, options: Some(options.clone()) };
    Ok(catalog.amend_location(location, &Alteration::default(), &change).await?)
}

async fn set_password(catalog: &Catalog, user: &str, password: &Secret) -> Result<(), Error> {
    let hash = hashed(password.expose().to_string()).await?;
    if catalog.set_password_hash(user, &hash).await? {
        Ok(())
    } else {
        Err(unsupported("a password of what is no user", "CREATE USER name PASSWORD '…'"))
    }
}
