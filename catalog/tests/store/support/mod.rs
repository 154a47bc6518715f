//! A catalog in a database of its own, and what the tests put into it.

mod server;

use std::collections::BTreeMap;
use std::path::PathBuf;

use lakegate_catalog::{
    Catalog, CatalogUrl, Created, DatasetKind, FileFormat, KeyRing, MasterKey, NewDataset,
    ObjectName, OnExisting, PrincipalId, Table, View, VisibleSnapshot,
};
use lakegate_common::secret::Secret;
use sqlx::{Connection, Executor};

pub(crate) use server::new_database;

/// Makes each test one on SQLite and one on PostgreSQL.
macro_rules! on_both {
    ($( $(#[doc = $doc:literal])* async fn $name:ident($fixture:ident) $body:block )+) => {
        $( $(#[doc = $doc])* async fn $name($fixture: &$crate::support::Fixture) $body )+

        mod on_sqlite { $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(&$crate::support::Fixture::sqlite().await).await;
            }
        )+ }

        mod on_postgres { $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(&$crate::support::Fixture::postgres().await).await;
            }
        )+ }
    };
}
pub(crate) use on_both;

/// A catalog, and where it lies.
pub(crate) struct Fixture {
    pub(crate) catalog: Catalog,
    pub(crate) url: CatalogUrl,
    /// The URL as text.
    pub(crate) place: String,
    folder: Option<tempfile::TempDir>,
}

impl Fixture {
    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = format!("sqlite:{}", folder.path().join("catalog.db").display());
        Self::at(place, Some(folder)).await
    }

    pub(crate) async fn postgres() -> Self {
        Self::at(new_database().await, None).await
    }

    async fn at(place: String, folder: Option<tempfile::TempDir>) -> Self {
        let url: CatalogUrl = place.parse().unwrap();
        let catalog = Catalog::open_with(&url, Some(ring("a"))).await.unwrap();
        Self { catalog, url, place, folder }
    }

    /// The same catalog opened once more, as another server does.
    pub(crate) async fn open_again(&self) -> Catalog {
        Catalog::open_with(&self.url, Some(ring("a"))).await.unwrap()
    }

    /// Whether the catalog lies in SQLite.
    pub(crate) fn is_file(&self) -> bool {
        self.folder.is_some()
    }

    /// The file of a catalog in SQLite.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.as_ref().expect("a catalog in a file").path().join("catalog.db")
    }

    /// Runs a statement in the database, behind the catalog's back.
    pub(crate) async fn execute(&self, sql: &str) -> u64 {
        if self.is_file() {
            let mut connection = sqlx::SqliteConnection::connect(&self.place).await.unwrap();
            connection.execute(sql).await.unwrap().rows_affected()
        } else {
            let mut connection = sqlx::PgConnection::connect(&self.place).await.unwrap();
            connection.execute(sql).await.unwrap().rows_affected()
        }
    }

    /// Makes a user and gives back its identifier.
    pub(crate) async fn user(&self, name: &str) -> PrincipalId {
        self.catalog.create_principal(name, "hash", false).await.unwrap().id
    }

    /// The catalog as it is now, through the eyes of a principal.
    pub(crate) async fn seen_by(&self, principal: PrincipalId) -> VisibleSnapshot {
        self.catalog.snapshot().await.unwrap().for_principal(principal)
    }
}

/// A ring with one master key of 64 equal digits.
pub(crate) fn ring(digit: &str) -> KeyRing {
    KeyRing::new(key(digit))
}

pub(crate) fn key(digit: &str) -> MasterKey {
    MasterKey::from_secret(&Secret::from_text(digit.repeat(64))).unwrap()
}

pub(crate) fn table(name: &str) -> NewDataset {
    let kind = DatasetKind::Table(Table {
        format: FileFormat::Parquet,
        is_managed: false,
        location: "/data/flights/".to_string(),
        partition_columns: vec![
            ("year".to_string(), "Int32".to_string()),
            ("month".to_string(), "Int8".to_string()),
        ],
        options: BTreeMap::from([("format.delimiter".to_string(), ";".to_string())]),
        columns_ipc: vec![0, 1, 254, 255],
        definition: "CREATE EXTERNAL TABLE …".to_string(),
    });
    NewDataset::new("lakegate", "public", name, kind)
}

pub(crate) fn view(name: &str) -> NewDataset {
    let kind = DatasetKind::View(View {
        sql: "SELECT 1".to_string(),
        columns_ipc: vec![7],
        project: "lakegate".to_string(),
        schema: "public".to_string(),
    });
    NewDataset::new("lakegate", "public", name, kind)
}

/// The whole name of a dataset in the default schema.
pub(crate) fn public(name: &str) -> ObjectName {
    ObjectName::dataset("lakegate", "public", name)
}

pub(crate) async fn create(catalog: &Catalog, new: NewDataset) {
    let created = catalog.create_dataset(&new, OnExisting::Fail).await.unwrap();
    assert!(matches!(created, Created::New(_)));
}

pub(crate) async fn names(catalog: &Catalog, project: &str, schema: &str) -> Vec<String> {
    let snapshot = catalog.snapshot().await.unwrap();
    snapshot.datasets(project, schema).map(|dataset| dataset.name.clone()).collect()
}

/// Texts as properties or options.
pub(crate) fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_string(), (*value).to_string())).collect()
}
