//! The names that completion offers, fetched from the server and kept.

use std::collections::BTreeSet;
use std::sync::Arc;

use lakegate_client::{Client, TableFilter};
use parking_lot::{Mutex, RwLock};
use tokio::task::AbortHandle;

/// Tables that are kept for completion at most; of more only the first are offered.
const MAX_TABLES: usize = 10_000;

/// What there is on the server.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) projects: Vec<String>,
    pub(crate) schemas: BTreeSet<String>,
    pub(crate) tables: Vec<TableNames>,
}

/// A table or view.
#[derive(Debug, Clone)]
pub(crate) struct TableNames {
    pub(crate) project: String,
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) columns: Vec<String>,
}

/// Names that a background task renews. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct NameCache {
    names: Arc<RwLock<Arc<Names>>>,
    fetching: Arc<Mutex<Option<AbortHandle>>>,
}

impl NameCache {
    /// The names of now.
    pub(crate) fn read(&self) -> Arc<Names> {
        Arc::clone(&self.names.read())
    }

    /// Fetches the names again in the background; one fetch that is still under way is given up.
    pub(crate) fn refresh(&self, client: &Client) {
        let client = client.clone();
        let names = Arc::clone(&self.names);
        // Ends by itself: each of its calls does, when the connection breaks at the latest.
        let task = tokio::spawn(async move {
            let fetched = fetch(&client).await;
            *names.write() = Arc::new(fetched);
        });
        let before = self.fetching.lock().replace(task.abort_handle());
        if let Some(before) = before {
            before.abort();
        }
    }
}

/// Asks the server for everything. Completion does without names that cannot be fetched.
async fn fetch(client: &Client) -> Names {
    let projects = client.catalogs().await.unwrap_or_default();
    let schemas = client.schemas(None).await.unwrap_or_default();
    let tables = client.tables(&TableFilter::default()).await.unwrap_or_default();
    let tables = tables.into_iter().take(MAX_TABLES).map(|table| TableNames {
        project: table.catalog,
        schema: table.schema,
        name: table.name,
        columns: table.columns.fields().iter().map(|field| field.name().clone()).collect(),
    });
    Names {
        projects,
        schemas: schemas.into_iter().map(|schema| schema.name).collect(),
        tables: tables.collect(),
    }
}
