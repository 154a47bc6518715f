//! Tables and volumes whose files belong to Lakegate: where they lie, and how they go.

use std::future::Future;
use std::sync::Arc;

use datafusion::execution::runtime_env::RuntimeEnv;
use futures::{StreamExt, TryStreamExt};
use lakegate_catalog::{
    Catalog, Dataset, DatasetId, DatasetKind, Project, Snapshot, Table, Volume,
};
use lakegate_lake::delta::{DeltaLog, TableRoot};
use object_store::ObjectStore;
use uuid::Uuid;

use super::files::Background;
use crate::query::Error;
use crate::query::service::QueryService;

/// Everything below a folder, to be removed.
pub(super) struct Removal {
    store: Arc<dyn ObjectStore>,
    root: TableRoot,
}

impl Removal {
    /// Removes it. What cannot be removed is left, and said in the log of the service.
    pub(super) async fn remove(&self) {
        let listed = self.store.list(Some(self.root.folder()));
        let files = listed.map_ok(|object| object.location).boxed();
        let removed = self.store.delete_stream(files).try_collect::<Vec<_>>().await;
        if let Err(error) = removed
            && !matches!(error, object_store::Error::NotFound { .. })
        {
            tracing::warn!(folder = %self.root, %error, "files of a dropped table are left");
        }
        if let Some(folder) = self.root.local_path() {
            // Folders of this machine stay when they are empty.
            let _ = tokio::fs::remove_dir_all(folder).await;
        }
    }
}

impl QueryService {
    /// A new folder where the project has its tables.
    pub(in crate::query) fn managed_root(&self, project: &Project) -> Result<TableRoot, Error> {
        let base = project.location.as_deref().unwrap_or(&self.tables_folder);
        let base = base.trim_end_matches('/');
        Ok(TableRoot::parse(&format!("{base}/{}/", Uuid::now_v7()))?)
    }

    /// Whether nothing lies in a folder.
    pub(super) async fn is_empty(&self, root: &TableRoot) -> Result<bool, Error> {
        let store = self.runtime.object_store(root.object_store_url()?).map_err(Error::Running)?;
        match store.list(Some(root.folder())).try_next().await {
            Ok(found) => Ok(found.is_none()),
            Err(object_store::Error::NotFound { .. }) => Ok(true),
            Err(source) => {
                Err(lakegate_lake::Error::Store { url: root.to_string(), source }.into())
            }
        }
    }

    /// What removes the table of `log`.
    pub(super) fn removal(&self, log: &DeltaLog) -> Removal {
        Removal { store: Arc::clone(log.store()), root: log.root().clone() }
    }

    /// Does what may drop or replace tables, then removes the files of those that are gone, as far
    /// as they belong to Lakegate and no other table or volume has them; also of those that were
    /// dropped before it failed. It comes to its end whatever becomes of the caller.
    ///
    /// # Errors
    /// Those of `drops`, or the catalog cannot be read before.
    pub async fn dropping<T: Send + 'static>(
        &self,
        drops: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let gone = Gone {
            catalog: self.catalog.clone(),
            runtime: Arc::clone(&self.runtime),
            background: Arc::clone(&self.background),
        };
        self.background.settle(gone.after(drops)).await
    }
}

/// What removes the files of tables that a change of the catalog did away with.
struct Gone {
    catalog: Catalog,
    runtime: Arc<RuntimeEnv>,
    background: Arc<Background>,
}

impl Gone {
    async fn after<T>(self, change: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let before = self.catalog.snapshot().await?;
        let outcome = change.await;
        match self.catalog.snapshot().await {
            Ok(after) => self.remove(&before, &after),
            Err(error) => tracing::warn!(%error, "files of dropped tables are left, if any"),
        }
        outcome
    }

    fn remove(&self, before: &Snapshot, after: &Snapshot) {
        let changed = managed_datasets(before).filter(|(id, location)| {
            let now = after.dataset_by_id(*id).and_then(|dataset| location_of(dataset));
            now != Some(*location)
        });
        for (_, location) in changed {
            // Another table may be declared over the same files.
            if datasets(after).any(|dataset| lies_at(dataset, location)) {
                continue;
            }
            match self.removal_at(location) {
                // Nobody need wait for that.
                Ok(removal) => self.background.begin(async move { removal.remove().await }),
                Err(error) => {
                    tracing::warn!(%location, %error, "files of a dropped table are left");
                }
            }
        }
    }

    fn removal_at(&self, location: &str) -> Result<Removal, Error> {
        let root = TableRoot::parse(location)?;
        let store = self.runtime.object_store(root.object_store_url()?).map_err(Error::Running)?;
        Ok(Removal { store, root })
    }
}

/// The tables and volumes whose files belong to Lakegate, and where they lie.
fn managed_datasets(snapshot: &Snapshot) -> impl Iterator<Item = (DatasetId, &str)> {
    datasets(snapshot).filter_map(|dataset| match &dataset.kind {
        DatasetKind::Table(Table { is_managed: true, location, .. })
        | DatasetKind::Volume(Volume { is_managed: true, location }) => {
            Some((dataset.id, location.as_str()))
        }
        _ => None,
    })
}

fn datasets(snapshot: &Snapshot) -> impl Iterator<Item = &Dataset> {
    let schemas = snapshot.projects().flat_map(|project| {
        let schemas = snapshot.schemas(&project.name);
        schemas.map(|schema| (project.name.as_str(), schema.name.as_str()))
    });
    schemas.flat_map(|(project, schema)| snapshot.datasets(project, schema)).map(Arc::as_ref)
}

fn location_of(dataset: &Dataset) -> Option<&str> {
    match &dataset.kind {
        DatasetKind::Table(Table { location, .. })
        | DatasetKind::Volume(Volume { location, .. }) => Some(location),
        DatasetKind::View(_) => None,
    }
}

/// Whether a dataset has its files in a folder.
fn lies_at(dataset: &Dataset, folder: &str) -> bool {
    let Some(location) = location_of(dataset) else { return false };
    match (TableRoot::parse(location), TableRoot::parse(folder)) {
        (Ok(location), Ok(folder)) => location.url().as_str().starts_with(folder.url().as_str()),
        _ => location == folder,
    }
}
