//! Properties of objects: those that Delta reads stand in the log of a table, all others in the
//! catalog.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lakegate_catalog::{
    Alteration, Catalog, DatasetType, Error as Refused, ObjectName, Privilege, VisibleSnapshot,
};
use lakegate_engine::statement::ObjectKind;
use lakegate_lake::Format;
use lakegate_lake::delta::{AsOf, DeltaLog, PropertyChange, TableRoot};

use super::Error;
use super::alter::check_dataset;
use super::command::unsupported;
use super::names::{Declared, declared};
use super::service::QueryService;
use super::statement::Scope;
use crate::session::Session;

/// How the names of properties begin that stand in the log of a Delta table.
pub(super) const IN_THE_LOG: &str = "delta.";

/// Properties to be taken away.
pub(super) struct Unset<'a> {
    pub(super) names: &'a BTreeSet<String>,
    /// One that is not there is no error.
    pub(super) if_exists: bool,
}

impl QueryService {
    /// Gives an object properties.
    ///
    /// # Errors
    /// A property that such an object cannot have, or the principal may not manage it.
    pub(super) async fn set_properties(
        &self,
        session: &Session,
        seen: &VisibleSnapshot,
        catalog: &Catalog,
        (kind, name): (ObjectKind, &ObjectName),
        values: &BTreeMap<String, String>,
    ) -> Result<(), Error> {
        let (set, noted) = parted(name, values.clone());
        if let Some(first) = set.keys().next() {
            let log = self.altered_log(session, seen, kind, name, first)?;
            self.change_log(log, PropertyChange { set, ..PropertyChange::default() }).await?;
            if noted.is_empty() {
                return Ok(());
            }
        }
        let alteration = Alteration { set_properties: noted, ..Alteration::default() };
        Ok(catalog.alter(name, &alteration).await?)
    }

    /// Takes properties from an object.
    ///
    /// # Errors
    /// As [`QueryService::set_properties`], and there is no such property.
    pub(super) async fn unset_properties(
        &self,
        session: &Session,
        seen: &VisibleSnapshot,
        catalog: &Catalog,
        (kind, name): (ObjectKind, &ObjectName),
        Unset { names, if_exists }: Unset<'_>,
    ) -> Result<(), Error> {
        let named = names.iter().map(|name| (name.clone(), ()));
        let (in_the_log, noted) = parted(name, named.collect());
        let unset: BTreeSet<String> = in_the_log.into_keys().collect();
        let noted: BTreeSet<String> = noted.into_keys().collect();
        if let Some(first) = unset.iter().next() {
            let log = self.altered_log(session, seen, kind, name, first)?;
            if !if_exists {
                let newest = self.delta.state(&log, AsOf::Latest).await?;
                let present = newest.properties();
                // Before anything is changed.
                check_present(unset.iter(), |property| present.contains_key(property))?;
                let present = properties_of(seen, name);
                check_present(noted.iter(), |property| {
                    present.is_some_and(|present| present.contains_key(property))
                })?;
            }
            self.change_log(log, PropertyChange { unset, ..PropertyChange::default() }).await?;
            if noted.is_empty() {
                return Ok(());
            }
        }
        unset_noted(catalog, name, noted, if_exists).await
    }

    /// The log of a table that is altered by whoever manages it. `property` is what for.
    fn altered_log(
        &self,
        session: &Session,
        seen: &VisibleSnapshot,
        kind: ObjectKind,
        name: &ObjectName,
        property: &str,
    ) -> Result<DeltaLog, Error> {
        if kind == ObjectKind::Table {
            check_dataset(seen, name, DatasetType::Table, "ALTER")?;
        }
        self.managed_log(session, seen, name)?.ok_or_else(|| {
            unsupported(
                &format!("the property {property:?} of what is no Delta table"),
                "names that begin with delta. mean something in the log of a Delta table",
            )
        })
    }

    /// The log of a Delta table that the principal manages; `None` where it is none.
    ///
    /// # Errors
    /// Nothing visible has the name, or the principal may not manage it.
    pub(super) fn managed_log(
        &self,
        session: &Session,
        seen: &VisibleSnapshot,
        name: &ObjectName,
    ) -> Result<Option<DeltaLog>, Error> {
        seen.check(Privilege::Manage, name)?;
        let ObjectName::Dataset { project, schema, dataset } = name else { return Ok(None) };
        let dataset = seen.resolve(project, schema, dataset)?;
        let table = match declared(dataset) {
            Ok(Declared::Table(table)) if table.format == Format::Delta => table,
            _ => return Ok(None),
        };
        seen.check_writing_files(dataset)?;
        let root = TableRoot::parse(table.location.as_str())?;
        let log = DeltaLog::in_session(&self.state(&Scope::of(session)), root)?;
        Ok(Some(log.written_by(&session.principal.name)))
    }

    /// Changes what the log of a table says, whatever becomes of the caller.
    async fn change_log(&self, log: DeltaLog, change: PropertyChange) -> Result<(), Error> {
        let commits = Arc::clone(&self.commits);
        let changed = async move { Ok(commits.set_properties(&log, change).await?) };
        self.background.settle(changed).await.map(drop)
    }
}

/// Those that stand in the log of a table, and the others.
fn parted<V>(
    name: &ObjectName,
    properties: BTreeMap<String, V>,
) -> (BTreeMap<String, V>, BTreeMap<String, V>) {
    let is_dataset = matches!(name, ObjectName::Dataset { .. });
    properties.into_iter().partition(|(property, _)| is_dataset && property.starts_with(IN_THE_LOG))
}

async fn unset_noted(
    catalog: &Catalog,
    name: &ObjectName,
    names: BTreeSet<String>,
    if_exists: bool,
) -> Result<(), Error> {
    let alteration = Alteration { remove_properties: names.clone(), ..Alteration::default() };
    if if_exists {
        return Ok(catalog.alter(name, &alteration).await?);
    }
    let object = name.clone();
    let holding = catalog.provided(move |seen| match properties_of(seen, &object) {
        Some(present) => check_present(names.iter(), |name| present.contains_key(name)),
        None => Ok(()),
    });
    Ok(holding.alter(name, &alteration).await?)
}

fn check_present<'a>(
    mut names: impl Iterator<Item = &'a String>,
    is_present: impl Fn(&str) -> bool,
) -> Result<(), Refused> {
    match names.find(|name| !is_present(name)) {
        Some(name) => {
            Err(Refused::ObjectNotFound { noun: "property", name: name.clone(), nearest: None })
        }
        None => Ok(()),
    }
}

fn properties_of<'a>(
    seen: &'a VisibleSnapshot,
    name: &ObjectName,
) -> Option<&'a BTreeMap<String, String>> {
    match name {
        ObjectName::Project(project) => seen.project(project).map(|found| &found.properties),
        ObjectName::Schema { project, schema } => {
            seen.schema(project, schema).map(|found| &found.properties)
        }
        ObjectName::Dataset { project, schema, dataset } => {
            seen.dataset(project, schema, dataset).map(|found| &found.properties)
        }
        _ => None,
    }
}
