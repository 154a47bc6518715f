//! Catalogs of earlier versions, and equal tables in both databases.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use lakegate_catalog::{Catalog, DatasetKind, OnMissing, PrincipalType};
use sqlx::migrate::Migrator;
use sqlx::{Connection, Executor, PgConnection, Row, SqliteConnection};

use crate::support::{Fixture, create, new_database, view};

fn migrations() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations")
}

/// The migrations in a folder up to a number, in a folder of their own.
async fn up_to(folder: &Path, last: u32) -> Migrator {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let number = name.split('_').next().and_then(|number| number.parse::<u32>().ok());
        if number.is_some_and(|number| number <= last) {
            std::fs::copy(entry.path(), copy.path().join(&name)).unwrap();
        }
    }
    Migrator::new(copy.path()).await.unwrap()
}

/// What a server wrote that knew the first migration only.
const FIRST: &str = "
    INSERT INTO project VALUES ('01890000-0000-7000-8000-000000000001', 'lakegate', 1);
    INSERT INTO project_schema VALUES
        ('01890000-0000-7000-8000-000000000002', '01890000-0000-7000-8000-000000000001', 'public', 2);
    INSERT INTO dataset VALUES
        ('01890000-0000-7000-8000-000000000003', '01890000-0000-7000-8000-000000000002', 't', 'table', x'01', 3),
        ('01890000-0000-7000-8000-000000000004', '01890000-0000-7000-8000-000000000002', 'v', 'view', x'02', 4);
    INSERT INTO external_table VALUES
        ('01890000-0000-7000-8000-000000000003', 'csv', '/data/', '[[\"year\",\"Int32\"]]', '{\"a\":\"b\"}', 'CREATE …');
    INSERT INTO view_query VALUES
        ('01890000-0000-7000-8000-000000000004', 'SELECT 1', 'lakegate', 'public');
    INSERT INTO principal VALUES
        ('01890000-0000-7000-8000-000000000005', 'admin', 'hash', 1, 5);
    UPDATE catalog_state SET version = 17;";

#[tokio::test]
async fn a_file_of_the_first_version_keeps_all_that_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.db");
    let url = format!("sqlite:{}?mode=rwc", path.display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    up_to(&migrations(), 1).await.run_direct(&mut connection).await.unwrap();
    connection.execute(FIRST).await.unwrap();
    connection.close().await.unwrap();

    let catalog = Catalog::open(path).await.unwrap();
    let snapshot = catalog.snapshot().await.unwrap();
    assert_eq!((snapshot.version(), snapshot.dataset_count()), (17, 2));
    let admin = catalog.principal("admin").await.unwrap().unwrap();
    assert_eq!((admin.password_hash.as_str(), admin.is_admin), ("hash", true));
    let table = snapshot.dataset("lakegate", "public", "t").unwrap();
    assert_eq!(table.id.to_string(), "01890000-0000-7000-8000-000000000003");
    let DatasetKind::Table(files) = &table.kind else { panic!("a table") };
    assert!(!files.is_managed && files.location == "/data/" && files.options["a"] == "b");
    assert_eq!(files.partition_columns, [("year".to_string(), "Int32".to_string())]);
    let view_entry = snapshot.dataset("lakegate", "public", "v").unwrap();
    assert_eq!((view_entry.definer, view_entry.revision), (Some(admin.id), 0));
    assert!(matches!(&view_entry.kind, DatasetKind::View(view) if view.sql == "SELECT 1"));
    let profile = snapshot.principal("admin").unwrap();
    assert_eq!(profile.principal_type, PrincipalType::User);
    create(&catalog, view("w")).await;
    let dropped =
        catalog.drop_project("lakegate", OnMissing::Fail, lakegate_catalog::OnContents::Cascade);
    assert!(dropped.await.is_err());
}

/// Whatever migration a catalog stopped at, it opens and is used.
#[tokio::test]
async fn a_catalog_of_every_earlier_version_is_brought_up_to_date() {
    for last in [0, 1, 2, 3] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("catalog.db");
        let url = format!("sqlite:{}?mode=rwc", path.display());
        let mut connection = SqliteConnection::connect(&url).await.unwrap();
        up_to(&migrations(), last).await.run_direct(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        create(&Catalog::open(path).await.unwrap(), view("v")).await;

        let place = new_database().await;
        let mut connection = PgConnection::connect(&place).await.unwrap();
        let folder = migrations().join("postgres");
        up_to(&folder, last).await.run_direct(&mut connection).await.unwrap();
        let url: lakegate_catalog::CatalogUrl = place.parse().unwrap();
        create(&Catalog::open(url).await.unwrap(), view("v")).await;
    }
}

#[tokio::test]
async fn both_databases_have_the_same_tables_and_columns() {
    let file = Fixture::sqlite().await;
    let mut connection = SqliteConnection::connect(&file.place).await.unwrap();
    let sql = "SELECT t.name || '.' || c.name || ' ' || c.type || ' ' || c.\"notnull\"
               FROM sqlite_schema AS t, pragma_table_info(t.name) AS c
               WHERE t.type = 'table' AND t.name NOT LIKE '\\_sqlx%' ESCAPE '\\'";
    let rows = connection.fetch_all(sql).await.unwrap();
    let in_file: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();

    let server = Fixture::postgres().await;
    let mut connection = PgConnection::connect(&server.place).await.unwrap();
    let sql = "SELECT table_name || '.' || column_name || ' ' ||
                      CASE data_type WHEN 'bigint' THEN 'INTEGER' WHEN 'bytea' THEN 'BLOB'
                                     WHEN 'text' THEN 'TEXT' ELSE data_type END
                      || ' ' || CASE is_nullable WHEN 'NO' THEN 1 ELSE 0 END
               FROM information_schema.columns
               WHERE table_schema = 'public' AND table_name NOT LIKE '\\_sqlx%'";
    let rows = connection.fetch_all(sql).await.unwrap();
    let in_server: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
    assert!(in_file.len() > 80, "{in_file:?}");
    assert_eq!(in_file, in_server);
}

#[tokio::test]
async fn servers_that_start_at_the_same_time_make_one_catalog() {
    let url: lakegate_catalog::CatalogUrl = new_database().await.parse().unwrap();
    let mut starts = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let url = url.clone();
        starts.spawn(async move { Catalog::open(url).await.unwrap().snapshot().await.unwrap() });
    }
    for snapshot in starts.join_all().await {
        assert_eq!((snapshot.version(), snapshot.projects().count()), (1, 1));
    }
}
