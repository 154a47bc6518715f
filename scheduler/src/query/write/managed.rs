//! Tables whose files belong to Lakegate: where they lie, and how they go.

use std::future::Future;
use std::sync::Arc;

use datafusion::execution::runtime_env::RuntimeEnv;
use futures::{StreamExt, TryStreamExt};
use lakegate_catalog::{DatasetId, DatasetKind, Project, Snapshot, Table};
use lakegate_lake::delta::{DeltaLog, TableRoot};
use object_store::ObjectStore;
use uuid::Uuid;

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
    pub(super) fn managed_root(&self, project: &Project) -> Result<TableRoot, Error> {
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

    /// Does what may drop tables, then removes the files of those that are gone, as far as they
    /// belong to Lakegate; also of those that were dropped before it failed. It comes to its end
    /// whatever becomes of the caller.
    ///
    /// # Errors
    /// Those of `drops`, or the catalog cannot be read before.
    pub async fn dropping<T: Send + 'static>(
        &self,
        drops: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let (catalog, runtime) = (self.catalog.clone(), Arc::clone(&self.runtime));
        let background = Arc::clone(&self.background);
        let to_the_end = async move {
            let before = catalog.snapshot().await?;
            let outcome = drops.await;
            match catalog.snapshot().await {
                // Nobody need wait for that.
                Ok(after) => background.begin(async move {
                    for removal in removals(&runtime, &before, &after) {
                        removal.remove().await;
                    }
                }),
                Err(error) => tracing::warn!(%error, "files of dropped tables are left, if any"),
            }
            outcome
        };
        self.background.settle(to_the_end).await
    }
}

/// What removes the tables that are gone.
fn removals(runtime: &RuntimeEnv, before: &Snapshot, after: &Snapshot) -> Vec<Removal> {
    let gone = managed_tables(before).filter(|(id, _)| after.dataset_by_id(*id).is_none());
    let removals = gone.filter_map(|(_, location)| match removal_at(runtime, location) {
        Ok(removal) => Some(removal),
        Err(error) => {
            tracing::warn!(%location, %error, "files of a dropped table are left");
            None
        }
    });
    removals.collect()
}

fn removal_at(runtime: &RuntimeEnv, location: &str) -> Result<Removal, Error> {
    let root = TableRoot::parse(location)?;
    let store = runtime.object_store(root.object_store_url()?).map_err(Error::Running)?;
    Ok(Removal { store, root })
}

/// The tables whose files belong to Lakegate, and where they lie.
fn managed_tables(snapshot: &Snapshot) -> impl Iterator<Item = (DatasetId, &str)> {
    let schemas = snapshot.projects().flat_map(|project| {
        let schemas = snapshot.schemas(&project.name);
        schemas.map(|schema| (project.name.as_str(), schema.name.as_str()))
    });
    let datasets = schemas.flat_map(|(project, schema)| snapshot.datasets(project, schema));
    datasets.filter_map(|dataset| match &dataset.kind {
        DatasetKind::Table(Table { is_managed: true, location, .. }) => {
            Some((dataset.id, location.as_str()))
        }
        _ => None,
    })
}
