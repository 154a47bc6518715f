//! Where the files lie that belong to Lakegate.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::OnceLock;

use crate::ids::DatasetId;
use crate::location_url::LocationUrl;
use crate::model::{DatasetKind, Table, Volume};

use super::Snapshot;

/// The folders of managed tables and volumes, put in order when they are first asked for. They
/// follow from what a snapshot holds: all are equal, and a clone is empty.
#[derive(Default)]
pub(super) struct ManagedFolders {
    by_url: OnceLock<BTreeMap<LocationUrl, DatasetId>>,
}

impl Snapshot {
    /// The managed table or volume in whose folder a URL lies.
    pub(crate) fn managed_round(&self, url: &LocationUrl) -> Option<DatasetId> {
        let folders = self.managed_folders();
        url.with_ancestors().find_map(|folder| folders.get(&folder).copied())
    }

    /// The managed tables and volumes whose folders lie at a URL or below it.
    pub(crate) fn managed_below(&self, url: &LocationUrl) -> impl Iterator<Item = DatasetId> {
        let folders = self.managed_folders().range(url.clone()..);
        folders.take_while(|(folder, _)| url.contains(folder)).map(|(_, dataset)| *dataset)
    }

    fn managed_folders(&self) -> &BTreeMap<LocationUrl, DatasetId> {
        self.managed.by_url.get_or_init(|| {
            let folders = self.all_datasets().filter_map(|dataset| match &dataset.kind {
                DatasetKind::Table(Table { is_managed: true, location, .. })
                | DatasetKind::Volume(Volume { is_managed: true, location }) => {
                    Some((location.parse().ok()?, dataset.id))
                }
                _ => None,
            });
            folders.collect()
        })
    }
}

impl Clone for ManagedFolders {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for ManagedFolders {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for ManagedFolders {}

impl fmt::Debug for ManagedFolders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ManagedFolders")
    }
}
