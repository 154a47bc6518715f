//! Statements about who may do what, and where data lies, carried out on the catalog. It knows
//! whose change it is and refuses what they may not do.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use lakegate_catalog::{
    Alteration, Catalog, CredentialSource, DatasetType, Error as CatalogError, NewCredential,
    NewLocation, Notes, ObjectName, ObjectType, OnContents, OnMissing, PrincipalType, Privilege,
};
use lakegate_common::secret::{Secret, hash_password};
use lakegate_engine::statement::{Governance, GrantsOf, ObjectKind, Verb};
use lakegate_lake::store::{StoreKind, StoreUrl, check_credential_options, check_location_options};

use tokio::sync::Semaphore;

use super::Error;
use super::alter::of_kind;
use super::command::unsupported;
use super::service::QueryService;
use super::system::grants;
use crate::session::Session;

/// Passwords of statements that are hashed at one time; the others wait.
static HASHING: Semaphore = Semaphore::const_new(1);

impl QueryService {
    /// Carries `statement` out. Each object and each grantee is a change of its own: where one is
    /// refused, those that the statement names before it are done.
    pub(super) async fn govern(
        &self,
        session: &Session,
        statement: &Governance,
    ) -> Result<(), Error> {
        let catalog = self.changing(session);
        match statement {
            Governance::CreateProject { name, location, comment, if_not_exists } => {
                if let Some(location) = location {
                    self.check_in_bounds(location).await?;
                }
                let catalog = commenting(&catalog, comment.as_deref());
                catalog.create_project_at(name, location.as_deref(), *if_not_exists).await?;
                Ok(())
            }
            Governance::CreateCredential { name, kind, secrets, comment, if_not_exists } => {
                let new = new_credential(name, kind, secrets.as_ref())?;
                commenting(&catalog, comment.as_deref())
                    .create_credential(&new, *if_not_exists)
                    .await?;
                Ok(())
            }
            Governance::CreateVolume { name, location, comment, if_not_exists } => {
                let name = object_name(session, ObjectKind::Volume, name)?;
                let catalog = commenting(&catalog, comment.as_deref());
                let location = location.as_deref();
                self.create_volume(session, &catalog, &name, location, *if_not_exists).await
            }
            Governance::CreateLocation {
                name,
                url,
                credential,
                options,
                comment,
                if_not_exists,
            } => {
                check_location(url, options)?;
                self.check_in_bounds(url).await?;
                let new = NewLocation {
                    name: name.clone(),
                    url: url.clone(),
                    credential: credential.clone(),
                    options: options.clone(),
                };
                commenting(&catalog, comment.as_deref())
                    .create_location(&new, *if_not_exists)
                    .await?;
                Ok(())
            }
            Governance::CreateUser { name, password, is_admin, comment, if_not_exists } => {
                // Before anything tells whether the name is taken, and before a hash is worked out.
                self.seen_by(session.principal.id).await?.check_admin("creating a user")?;
                if *if_not_exists && catalog.principal(name).await?.is_some() {
                    return Ok(());
                }
                let hash = hashed(password.expose().to_string()).await?;
                let catalog = commenting(&catalog, comment.as_deref());
                made(catalog.create_principal(name, &hash, *is_admin).await, *if_not_exists)
            }
            Governance::CreateRole { name, comment, if_not_exists } => {
                let seen = self.seen_by(session.principal.id).await?;
                let is_there = seen.principals().any(|principal| principal.name == *name);
                if *if_not_exists && is_there {
                    return Ok(());
                }
                let catalog = commenting(&catalog, comment.as_deref());
                made(catalog.create_role(name).await, *if_not_exists)
            }
            Governance::Alter { kind, name, if_exists, change } => {
                let name = object_name(session, *kind, name)?;
                self.alter(session, *kind, &name, *if_exists, change).await
            }
            Governance::Comment { kind, name, text } => {
                let name = object_name(session, *kind, name)?;
                let alteration = Alteration::comment(text.clone());
                Ok(of_kind(&catalog, *kind, &name, "COMMENT ON").alter(&name, &alteration).await?)
            }
            Governance::Drop { kind, names, if_exists, cascade } => {
                let on_missing = if *if_exists { OnMissing::Ignore } else { OnMissing::Fail };
                let contents = if *cascade { OnContents::Cascade } else { OnContents::Refuse };
                let kind = *kind;
                let names = names.iter().map(|name| object_name(session, kind, name));
                let names = names.collect::<Result<Vec<_>, _>>()?;
                self.dropping(async move {
                    for name in &names {
                        drop_one(&catalog, kind, name, on_missing, contents).await?;
                    }
                    Ok(())
                })
                .await
            }
            Governance::Privileges { verb, privileges, kind, name, grantees } => {
                let name = object_name(session, *kind, name)?;
                let privileges = privileges_on(&name, privileges)?;
                for grantee in grantees {
                    match verb {
                        Verb::Grant => drop(catalog.grant(&privileges, &name, grantee).await?),
                        Verb::Revoke => {
                            catalog.revoke(&privileges, &name, grantee).await?;
                        }
                    }
                }
                Ok(())
            }
            Governance::Membership { verb, roles, grantees } => {
                for role in roles {
                    for member in grantees {
                        match verb {
                            Verb::Grant => catalog.grant_role(role, member).await?,
                            Verb::Revoke => catalog.revoke_role(role, member).await?,
                        };
                    }
                }
                Ok(())
            }
        }
    }
}

impl QueryService {
    /// The grants that `of` asks for, as far as the session's principal may see them.
    ///
    /// # Errors
    /// Nothing visible has the name of the object or of the principal.
    pub(super) async fn grants(
        &self,
        session: &Session,
        of: &GrantsOf,
    ) -> Result<RecordBatch, Error> {
        let seen = self.seen_by(session.principal.id).await?;
        let object = match &of.object {
            Some((kind, name)) => Some(seen.object(&object_name(session, *kind, name)?)?),
            None => None,
        };
        let principal = match &of.principal {
            Some(name) => {
                let found = seen.principals().find(|principal| principal.name == *name);
                let noun = ObjectType::Principal.as_str();
                let absent = || lakegate_catalog::Error::ObjectNotFound {
                    noun,
                    name: name.clone(),
                    nearest: None,
                };
                Some(found.ok_or_else(absent)?.id)
            }
            None => None,
        };
        let wanted = seen.grants().filter(|grant| {
            object.is_none_or(|object| object == grant.object)
                && principal.is_none_or(|principal| principal == grant.grantee)
        });
        grants(wanted, &seen)
    }
}

async fn drop_one(
    catalog: &Catalog,
    kind: ObjectKind,
    name: &ObjectName,
    on_missing: OnMissing,
    contents: OnContents,
) -> Result<(), Error> {
    match (kind, name) {
        (_, ObjectName::Project(name)) => catalog.drop_project(name, on_missing, contents).await?,
        (_, ObjectName::Credential(name)) => catalog.drop_credential(name, on_missing).await?,
        (_, ObjectName::Location(name)) => catalog.drop_location(name, on_missing).await?,
        (ObjectKind::User, ObjectName::Principal(name)) => {
            catalog.drop_principal(name, PrincipalType::User, on_missing).await?
        }
        (_, ObjectName::Principal(name)) => {
            catalog.drop_principal(name, PrincipalType::Role, on_missing).await?
        }
        (ObjectKind::Volume, ObjectName::Dataset { project, schema, dataset }) => {
            let expected = DatasetType::Volume;
            catalog.drop_dataset(project, schema, dataset, expected, on_missing).await?
        }
        _ => return Err(unsupported(&format!("DROP {kind} of this form"), "DROP TABLE name")),
    };
    Ok(())
}

/// What came of making something: under IF NOT EXISTS that it is there, whoever came first.
fn made<T>(outcome: Result<T, CatalogError>, if_not_exists: bool) -> Result<(), Error> {
    match outcome {
        Err(CatalogError::AlreadyExists { .. }) if if_not_exists => Ok(()),
        outcome => outcome.map(drop).map_err(Error::from),
    }
}

/// The catalog in which what is made has a comment, where there is one.
pub(super) fn commenting(catalog: &Catalog, comment: Option<&str>) -> Catalog {
    match comment {
        Some(comment) => {
            catalog.noting(Notes { comment: Some(comment.to_string()), ..Notes::default() })
        }
        None => catalog.clone(),
    }
}

/// A credential of a kind of store, if that takes such keys; `None` for those in the server's
/// surroundings.
///
/// # Errors
/// The kind is none, or has no such key.
pub(crate) fn new_credential(
    name: &str,
    kind: &str,
    secrets: Option<&BTreeMap<String, Secret>>,
) -> Result<NewCredential, Error> {
    let kind: StoreKind = kind.parse()?;
    Ok(NewCredential {
        name: name.to_string(),
        store_type: store_type(kind),
        source: credential_source(kind, secrets)?,
        options: BTreeMap::new(),
    })
}

/// Where the keys of a credential are, if its kind of store takes such keys.
///
/// # Errors
/// The kind has no such key.
pub(crate) fn credential_source(
    kind: StoreKind,
    secrets: Option<&BTreeMap<String, Secret>>,
) -> Result<CredentialSource, Error> {
    let keys = secrets.into_iter().flat_map(BTreeMap::keys);
    check_credential_options(kind, keys.map(String::as_str))?;
    Ok(match secrets {
        Some(secrets) => CredentialSource::Secrets(secrets.clone()),
        None => CredentialSource::Ambient,
    })
}

/// Refuses options that the store behind a URL does not have, and values that they do not take.
///
/// # Errors
/// The URL is none that is served, or its store has no such option or does not take such a value.
pub(crate) fn check_location(url: &str, options: &BTreeMap<String, String>) -> Result<(), Error> {
    if let Some(url) = StoreUrl::parse(url)? {
        check_location_options(url.kind(), options)?;
    }
    Ok(())
}

/// The hash of a password. Takes tens of milliseconds of a core on purpose, one after another.
///
/// # Errors
/// The password is empty, the machine gives no random bytes, or the server stops.
pub(crate) async fn hashed(password: String) -> Result<String, Error> {
    if password.is_empty() {
        return Err(Error::EmptyPassword);
    }
    // Never closed.
    let _turn = HASHING.acquire().await.map_err(|_| Error::TaskLost)?;
    match tokio::task::spawn_blocking(move || hash_password(&password)).await {
        Ok(hashed) => Ok(hashed?),
        Err(_) => Err(Error::TaskLost),
    }
}

/// What a name means in a session, as the catalog takes it.
fn object_name(session: &Session, kind: ObjectKind, parts: &[String]) -> Result<ObjectName, Error> {
    Ok(match (kind, parts) {
        (ObjectKind::Project, [name]) => ObjectName::Project(name.clone()),
        (ObjectKind::Location, [name]) => ObjectName::Location(name.clone()),
        (ObjectKind::Credential, [name]) => ObjectName::Credential(name.clone()),
        (ObjectKind::User | ObjectKind::Role, [name]) => ObjectName::Principal(name.clone()),
        (ObjectKind::Schema, [schema]) => ObjectName::schema(session.project(), schema),
        (ObjectKind::Schema, [project, schema]) => ObjectName::schema(project, schema),
        (_, [dataset]) => ObjectName::dataset(session.project(), session.schema(), dataset),
        (_, [schema, dataset]) => ObjectName::dataset(session.project(), schema, dataset),
        (_, [project, schema, dataset]) => ObjectName::dataset(project, schema, dataset),
        _ => return Err(unsupported("a name of so many parts", "project.schema.dataset")),
    })
}

/// The privileges by their words; `ALL` are those that there are on such an object, but owning it.
fn privileges_on(name: &ObjectName, words: &[String]) -> Result<Vec<Privilege>, Error> {
    let object_type = name.object_type();
    let mut privileges = Vec::new();
    for word in words {
        if word == "ALL" {
            let all = Privilege::ALL.iter().copied();
            privileges
                .extend(all.filter(|one| one.applies_to(object_type) && *one != Privilege::Own));
        } else {
            privileges
                .push(word.parse().map_err(|_| Error::UnknownPrivilege { word: word.clone() })?);
        }
    }
    Ok(privileges)
}

fn store_type(kind: StoreKind) -> lakegate_catalog::StoreType {
    use lakegate_catalog::StoreType;
    match kind {
        StoreKind::S3 => StoreType::S3,
        StoreKind::Gcs => StoreType::Gcs,
        StoreKind::Azure => StoreType::Azure,
        StoreKind::Http => StoreType::Http,
    }
}
