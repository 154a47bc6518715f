//! Decisions about files: whose they are, and who may still reach them.

use crate::error::Error;
use crate::location_url::LocationUrl;
use crate::model::{Dataset, DatasetKind, Object, Privilege, Table, Volume};

use super::VisibleSnapshot;

impl VisibleSnapshot {
    /// Refuses a URL that lies in the folder of a managed table or volume, unless the principal may
    /// manage that: what belongs to Lakegate is reached through the catalog.
    ///
    /// # Errors
    /// The text is no URL, or [`Error::ManagedFolder`].
    pub fn check_outside_managed(&self, url: &str) -> Result<(), Error> {
        let reach = reach_of(url)?;
        let round = self.unfiltered().managed_round(&reach).map(Object::Dataset);
        match round.filter(|dataset| !self.may(Privilege::Manage, *dataset)) {
            Some(_) => Err(Error::ManagedFolder),
            None => Ok(()),
        }
    }

    /// As [`VisibleSnapshot::check_outside_managed`] for a folder or pattern with all that lies
    /// below it.
    ///
    /// # Errors
    /// As there.
    pub fn check_apart_from_managed(&self, url: &str) -> Result<(), Error> {
        self.check_outside_managed(url)?;
        if self.is_admin() {
            return Ok(());
        }
        let reach = reach_of(url)?;
        let mut below = self.unfiltered().managed_below(&reach).map(Object::Dataset);
        match below.all(|dataset| self.may(Privilege::Manage, dataset)) {
            true => Ok(()),
            false => Err(Error::ManagedFolder),
        }
    }

    /// Refuses to read the files of a dataset that do not belong to Lakegate where its owner could
    /// not have made it any more: a location that was made later, and that lies within its reach,
    /// guards its files as it does those of a new dataset. So do folders of managed tables. What
    /// the service made is open.
    ///
    /// # Errors
    /// [`Error::FilesClosed`].
    pub fn check_reading_files(&self, dataset: &Dataset) -> Result<(), Error> {
        let Some((location, owner)) = self.owner_of_files(dataset) else { return Ok(()) };
        let reach = reach_of(location)?;
        let nearest = self.unfiltered().location_of(&reach);
        let mut guarding = self.unfiltered().locations_below(&reach).chain(nearest);
        let is_open = guarding.all(|guarding| {
            guarding.created_at < dataset.created_at
                || owner.may(Privilege::Read, Object::Location(guarding.id))
        });
        if is_open && owner.check_apart_from_managed(location).is_ok() {
            return Ok(());
        }
        Err(closed(dataset, Privilege::Read))
    }

    /// Refuses to change the files of a dataset that do not belong to Lakegate where neither the
    /// principal nor the dataset's owner may write: the right to read a location is enough to make
    /// a table of what lies there, and not to change it.
    ///
    /// # Errors
    /// [`Error::FilesClosed`].
    pub fn check_writing_files(&self, dataset: &Dataset) -> Result<(), Error> {
        self.check_reading_files(dataset)?;
        let Some((location, owner)) = self.owner_of_files(dataset) else { return Ok(()) };
        let may = |who: &Self| who.check_url(Privilege::Write, location).is_ok();
        if may(&owner) || may(self) { Ok(()) } else { Err(closed(dataset, Privilege::Write)) }
    }

    /// Where files lie that do not belong to Lakegate, and what their dataset's owner may do.
    fn owner_of_files<'a>(&self, dataset: &'a Dataset) -> Option<(&'a str, Self)> {
        let (DatasetKind::Table(Table { is_managed: false, location, .. })
        | DatasetKind::Volume(Volume { is_managed: false, location })) = &dataset.kind
        else {
            return None;
        };
        Some((location.as_str(), self.unfiltered().for_principal(dataset.definer?)))
    }
}

fn closed(dataset: &Dataset, privilege: Privilege) -> Error {
    Error::FilesClosed { name: dataset.name.clone(), privilege }
}

/// What a URL or pattern reaches.
fn reach_of(url: &str) -> Result<LocationUrl, Error> {
    let url: LocationUrl = url.parse().map_err(|source| Error::InvalidLocationUrl { source })?;
    Ok(url.without_pattern())
}
