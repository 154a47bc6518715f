//! What the catalog promises: it lasts, one of many wins, readers see whole changes, and what goes
//! wrong says so.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lakegate_common::error::{Coded, ErrorCode, describe};

use crate::{
    Catalog, Created, DATASETS_MAX, DESCRIPTION_BYTES_MAX, DatasetKind, DatasetType, Error,
    ExternalTable, FileFormat, NewDataset, OnContents, OnExisting, OnMissing, View,
};

struct Fixture {
    catalog: Catalog,
    path: PathBuf,
    _folder: tempfile::TempDir,
}

async fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.db");
    let catalog = Catalog::open(&path).await.unwrap();
    Fixture { catalog, path, _folder: folder }
}

fn table(name: &str) -> NewDataset {
    let kind = DatasetKind::Table(ExternalTable {
        format: FileFormat::Parquet,
        location: "/data/flights/".to_string(),
        partition_columns: vec![
            ("year".to_string(), "Int32".to_string()),
            ("month".to_string(), "Int8".to_string()),
        ],
        options: BTreeMap::from([("format.delimiter".to_string(), ";".to_string())]),
        columns_ipc: vec![0, 1, 254, 255],
        definition: "CREATE EXTERNAL TABLE …".to_string(),
    });
    NewDataset { project: "lakegate".into(), schema: "public".into(), name: name.into(), kind }
}

fn view(name: &str) -> NewDataset {
    let kind = DatasetKind::View(View {
        sql: "SELECT 1".to_string(),
        columns_ipc: vec![7],
        project: "lakegate".to_string(),
        schema: "public".to_string(),
    });
    NewDataset { kind, ..table(name) }
}

async fn create(catalog: &Catalog, new: NewDataset) {
    assert_eq!(catalog.create_dataset(&new, OnExisting::Fail).await.unwrap(), Created::New);
}

async fn names(catalog: &Catalog, project: &str, schema: &str) -> Vec<String> {
    let snapshot = catalog.snapshot().await.unwrap();
    snapshot.datasets(project, schema).map(|dataset| dataset.name.clone()).collect()
}

#[tokio::test]
async fn a_new_catalog_holds_the_default_project_and_schema() {
    let fixture = fixture().await;
    let snapshot = fixture.catalog.snapshot().await.unwrap();
    assert_eq!(snapshot.projects().map(|project| &project.name).collect::<Vec<_>>(), ["lakegate"]);
    assert!(snapshot.schema("lakegate", "public").is_some());
    assert_eq!(snapshot.schemas("nowhere").count(), 0);
    assert_eq!(fixture.catalog.principal_count().await.unwrap(), 0);
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let fixture = fixture().await;
    fixture.catalog.create_project("lab", false).await.unwrap();
    fixture.catalog.create_schema("lab", "raw", false).await.unwrap();
    create(
        &fixture.catalog,
        NewDataset { project: "lab".into(), schema: "raw".into(), ..table("t") },
    )
    .await;
    create(&fixture.catalog, view("v")).await;
    let principal = fixture.catalog.create_principal("admin", "$argon2id$x", true).await.unwrap();
    let before = fixture.catalog.snapshot().await.unwrap();
    fixture.catalog.close().await;

    let reopened = Catalog::open(&fixture.path).await.unwrap();
    let after = reopened.snapshot().await.unwrap();
    assert_eq!(after, before);
    assert_eq!(after.dataset("lab", "raw", "t").unwrap().kind, table("t").kind);
    assert_eq!(after.dataset("lakegate", "public", "v").unwrap().kind, view("v").kind);
    assert_eq!(reopened.principal("admin").await.unwrap(), Some(principal));
    assert_eq!(reopened.principal("nobody").await.unwrap(), None);
}

#[tokio::test]
async fn of_many_creators_only_one_wins() {
    let fixture = fixture().await;
    let other = Catalog::open(&fixture.path).await.unwrap();
    let mut creators = tokio::task::JoinSet::new();
    for index in 0..20 {
        let catalog = if index % 2 == 0 { fixture.catalog.clone() } else { other.clone() };
        creators.spawn(async move { catalog.create_dataset(&table("t"), OnExisting::Fail).await });
    }
    let outcomes = creators.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    for error in outcomes.into_iter().filter_map(Result::err) {
        assert_eq!(error.code(), ErrorCode::AlreadyExists, "{}", describe(&error));
        assert_eq!(error.to_string(), "table \"lakegate.public.t\" already exists");
    }
}

#[tokio::test]
async fn an_unchanged_catalog_gives_the_same_snapshot() {
    let fixture = fixture().await;
    let first = fixture.catalog.snapshot().await.unwrap();
    fixture.catalog.create_principal("admin", "hash", true).await.unwrap();
    let kept = fixture.catalog.create_schema("lakegate", "public", true).await.unwrap();
    assert_eq!(kept, Created::Kept);
    assert!(Arc::ptr_eq(&first, &fixture.catalog.snapshot().await.unwrap()));
    fixture.catalog.create_schema("lakegate", "raw", false).await.unwrap();
    let second = fixture.catalog.snapshot().await.unwrap();
    assert!(second.version() > first.version());
    assert!(first.schema("lakegate", "raw").is_none(), "a snapshot never changes");
}

#[tokio::test]
async fn a_change_by_another_process_is_seen_by_the_next_statement() {
    let fixture = fixture().await;
    let other = Catalog::open(&fixture.path).await.unwrap();
    assert!(names(&fixture.catalog, "lakegate", "public").await.is_empty());
    create(&other, table("t")).await;
    assert_eq!(names(&fixture.catalog, "lakegate", "public").await, ["t"]);
}

/// A replacement deletes a row and inserts another; no snapshot may fall in between.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn snapshots_are_whole_while_datasets_change() {
    let fixture = fixture().await;
    let catalog = fixture.catalog.clone();
    create(&catalog, view("v")).await;
    let writer = tokio::spawn({
        let catalog = catalog.clone();
        async move {
            for round in 0..40 {
                let replaced = catalog.create_dataset(&view("v"), OnExisting::Replace).await;
                assert_eq!(replaced.unwrap(), Created::Replaced);
                create(&catalog, table(&format!("t{round}"))).await;
            }
        }
    });
    let mut version = 0;
    let mut count = 0;
    while !writer.is_finished() {
        let snapshot = catalog.snapshot().await.unwrap();
        assert!(snapshot.dataset("lakegate", "public", "v").is_some());
        assert!(snapshot.version() >= version && snapshot.dataset_count() >= count);
        (version, count) = (snapshot.version(), snapshot.dataset_count());
    }
    writer.await.unwrap();
    assert_eq!(catalog.snapshot().await.unwrap().dataset_count(), 41);
}

#[tokio::test]
async fn a_schema_that_is_not_empty_goes_only_by_cascade() {
    let Fixture { catalog, .. } = &fixture().await;
    create(catalog, table("t")).await;
    create(catalog, view("v")).await;
    let refused =
        catalog.drop_schema("lakegate", "public", OnMissing::Fail, OnContents::Refuse).await;
    let error = refused.unwrap_err();
    assert_eq!(
        describe(&error),
        "not_empty: schema \"lakegate.public\" is not empty: it holds 2 datasets \
         (hint: drop what it holds first, or add CASCADE)",
    );
    let dropped =
        catalog.drop_schema("lakegate", "public", OnMissing::Fail, OnContents::Cascade).await;
    assert!(dropped.unwrap());
    let snapshot = catalog.snapshot().await.unwrap();
    assert!(snapshot.schema("lakegate", "public").is_none());
    assert_eq!(snapshot.dataset_count(), 0);
    catalog.create_schema("lakegate", "public", false).await.unwrap();
    assert!(names(catalog, "lakegate", "public").await.is_empty());
}

#[tokio::test]
async fn a_project_goes_with_its_empty_default_schema_only() {
    let Fixture { catalog, .. } = &fixture().await;
    let refuse =
        |name: &'static str| catalog.drop_project(name, OnMissing::Fail, OnContents::Refuse);
    catalog.create_project("lab", false).await.unwrap();
    assert_eq!(catalog.create_project("lab", true).await.unwrap(), Created::Kept);
    assert!(refuse("lab").await.unwrap());
    catalog.create_project("lab", false).await.unwrap();
    catalog.create_schema("lab", "raw", false).await.unwrap();
    assert_eq!(refuse("lab").await.unwrap_err().code(), ErrorCode::NotEmpty);
    create(catalog, NewDataset { project: "lab".into(), ..table("t") }).await;
    let dropped = catalog.drop_project("lab", OnMissing::Fail, OnContents::Cascade).await;
    assert!(dropped.unwrap());
    assert_eq!(catalog.snapshot().await.unwrap().dataset_count(), 0);
    assert_eq!(refuse("lakegate").await.unwrap_err().code(), ErrorCode::InvalidArgument);
}

#[tokio::test]
async fn what_is_missing_is_named_with_the_nearest_name() {
    let Fixture { catalog, .. } = &fixture().await;
    create(catalog, table("flights")).await;
    let snapshot = catalog.snapshot().await.unwrap();
    let error = snapshot.resolve("lakegate", "public", "fligths").unwrap_err();
    assert_eq!(
        describe(&error),
        "table_not_found: table \"lakegate.public.fligths\" does not exist \
         (hint: did you mean \"flights\"?)",
    );
    let error = snapshot.resolve("lakegate", "publik", "flights").unwrap_err();
    assert_eq!(
        (error.code(), error.hint()),
        (ErrorCode::SchemaNotFound, Some("did you mean \"public\"?".into()))
    );
    let error = snapshot.resolve("lake", "public", "flights").unwrap_err();
    assert_eq!((error.code(), error.hint()), (ErrorCode::ProjectNotFound, None));

    let drop = |schema: &'static str, name: &'static str, on_missing| {
        catalog.drop_dataset("lakegate", schema, name, DatasetType::Table, on_missing)
    };
    let error = drop("public", "flight", OnMissing::Fail).await.unwrap_err();
    assert_eq!(error.hint().as_deref(), Some("did you mean \"flights\"?"));
    let error = drop("pubic", "flights", OnMissing::Fail).await.unwrap_err();
    assert_eq!(error.hint().as_deref(), Some("did you mean \"public\"?"));
    assert!(!drop("public", "flight", OnMissing::Ignore).await.unwrap());
    assert!(!drop("pubic", "flights", OnMissing::Ignore).await.unwrap());
    let error = catalog.create_schema("lakegat", "raw", false).await.unwrap_err();
    assert_eq!(
        (error.code(), error.hint()),
        (ErrorCode::ProjectNotFound, Some("did you mean \"lakegate\"?".into()))
    );
}

#[tokio::test]
async fn tables_and_views_are_not_dropped_or_replaced_for_one_another() {
    let Fixture { catalog, .. } = &fixture().await;
    create(catalog, table("t")).await;
    create(catalog, view("v")).await;
    let drop = |name, expected| {
        catalog.drop_dataset("lakegate", "public", name, expected, OnMissing::Ignore)
    };
    let error = drop("v", DatasetType::Table).await.unwrap_err();
    assert_eq!(
        describe(&error),
        "invalid_statement: \"lakegate.public.v\" is a view, not a table (hint: use DROP VIEW)",
    );
    let error = drop("t", DatasetType::View).await.unwrap_err();
    assert_eq!(error.hint().as_deref(), Some("use DROP TABLE"));
    let error = catalog.create_dataset(&view("t"), OnExisting::Replace).await.unwrap_err();
    assert_eq!(error.to_string(), "\"lakegate.public.t\" is a table, not a view");
    assert!(drop("v", DatasetType::View).await.unwrap());
    assert!(drop("t", DatasetType::Table).await.unwrap());
    assert!(names(catalog, "lakegate", "public").await.is_empty());
}

#[tokio::test]
async fn an_existing_dataset_is_kept_or_replaced_as_asked() {
    let Fixture { catalog, .. } = &fixture().await;
    create(catalog, view("v")).await;
    let mut other = view("v");
    other.kind = DatasetKind::View(View {
        sql: "SELECT 2".to_string(),
        columns_ipc: Vec::new(),
        project: "lakegate".to_string(),
        schema: "public".to_string(),
    });
    let kind = || async {
        let snapshot = catalog.snapshot().await.unwrap();
        snapshot.dataset("lakegate", "public", "v").unwrap().kind.clone()
    };
    assert_eq!(catalog.create_dataset(&other, OnExisting::Keep).await.unwrap(), Created::Kept);
    assert_eq!(kind().await, view("v").kind);
    assert_eq!(
        catalog.create_dataset(&other, OnExisting::Replace).await.unwrap(),
        Created::Replaced
    );
    assert_eq!(kind().await, other.kind);
}

#[tokio::test]
async fn names_that_cannot_be_names_are_refused() {
    let Fixture { catalog, .. } = &fixture().await;
    let long = "x".repeat(256);
    for name in ["", &long, "a\nb", "information_schema"] {
        let error = catalog.create_schema("lakegate", name, false).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument, "{name}");
    }
    let error = catalog.create_dataset(&table(""), OnExisting::Fail).await.unwrap_err();
    assert_eq!(error.to_string(), "the table name \"\" is empty");
    create(catalog, table(&"ü".repeat(255))).await;
    create(catalog, table("it's \"quoted\"; DROP TABLE dataset --")).await;
}

#[tokio::test]
async fn one_dataset_beyond_the_limit_is_refused_and_a_replacement_is_not() {
    let Fixture { catalog, .. } = &fixture().await;
    create(catalog, view("v")).await;
    let fill = format!(
        "WITH RECURSIVE numbers (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM numbers WHERE n < {DATASETS_MAX})
         INSERT INTO dataset SELECT 'x' || n, schema_id, 'x' || n, kind, columns_ipc, created_at_ms
         FROM numbers, dataset WHERE name = 'v'",
    );
    sqlx::query(&fill).execute(&catalog.inner.pool).await.unwrap();
    let error = catalog.create_dataset(&view("w"), OnExisting::Fail).await.unwrap_err();
    assert_eq!(describe(&error), "limit_exceeded: the catalog takes at most 10000 datasets");
    let replaced = catalog.create_dataset(&view("v"), OnExisting::Replace).await;
    assert_eq!(replaced.unwrap(), Created::Replaced);
}

#[tokio::test]
async fn a_description_that_is_too_large_is_refused() {
    let Fixture { catalog, .. } = &fixture().await;
    let mut new = view("v");
    if let DatasetKind::View(view) = &mut new.kind {
        view.sql = " ".repeat(DESCRIPTION_BYTES_MAX + 1);
    }
    let error = catalog.create_dataset(&new, OnExisting::Fail).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::LimitExceeded);
}

#[tokio::test]
async fn principals_are_made_once_and_change_their_password() {
    let Fixture { catalog, .. } = &fixture().await;
    let made = catalog.create_principal("admin", "first", true).await.unwrap();
    assert!(made.is_admin && !format!("{made:?}").contains("first"));
    let error = catalog.create_principal("admin", "second", true).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::AlreadyExists);
    assert!(catalog.set_password_hash("admin", "third").await.unwrap());
    assert!(!catalog.set_password_hash("nobody", "third").await.unwrap());
    assert_eq!(catalog.principal("admin").await.unwrap().unwrap().password_hash, "third");
    assert_eq!(catalog.principal_count().await.unwrap(), 1);
}

#[tokio::test]
async fn the_file_is_readable_by_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let fixture = fixture().await;
    fixture.catalog.create_principal("admin", "hash", true).await.unwrap();
    for entry in std::fs::read_dir(fixture.path.parent().unwrap()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?}", entry.path());
    }
}

async fn open_error(path: &Path) -> Error {
    let error = Catalog::open(path).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::CatalogUnavailable);
    assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    error
}

#[tokio::test]
async fn a_file_that_is_no_catalog_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.db");
    let text = "no database at all, but a letter to a friend\n".repeat(100);
    std::fs::write(&path, &text).unwrap();
    let error = open_error(&path).await;
    assert!(error.hint().unwrap().contains("damaged"), "{}", describe(&error));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn a_damaged_catalog_fails_statements_with_a_clear_error() {
    let fixture = fixture().await;
    create(&fixture.catalog, table("t")).await;
    fixture.catalog.close().await;
    let beside = fixture.path.with_extension("db-wal");
    let log_bytes = std::fs::metadata(&beside).map_or(0, |log| log.len());
    assert_eq!(log_bytes, 0, "closing writes the log back into the file");
    let mut bytes = std::fs::read(&fixture.path).unwrap();
    // The header stays, so that only the content is damaged.
    bytes[4096..].fill(0xAA);
    std::fs::write(&fixture.path, bytes).unwrap();
    let error = open_error(&fixture.path).await;
    assert!(error.hint().unwrap().contains("damaged"), "{}", describe(&error));
}

#[tokio::test]
async fn a_place_that_cannot_be_written_is_named_with_advice() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().to_path_buf(), folder.path().join("missing").join("catalog.db")] {
        let error = open_error(&path).await;
        assert!(error.hint().unwrap().contains("may write"), "{}", describe(&error));
    }
}

#[tokio::test]
async fn a_catalog_of_a_newer_version_is_refused() {
    let fixture = fixture().await;
    let newer =
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                 VALUES (9999, 'newer', TRUE, x'00', 0)";
    sqlx::query(newer).execute(&fixture.catalog.inner.pool).await.unwrap();
    fixture.catalog.close().await;
    let error = open_error(&fixture.path).await;
    assert!(error.hint().unwrap().contains("newer Lakegate"), "{}", describe(&error));
}

#[tokio::test]
async fn a_closed_catalog_says_so_and_does_not_wait() {
    let Fixture { catalog, .. } = &fixture().await;
    catalog.close().await;
    let error = catalog.snapshot().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::CatalogUnavailable);
    assert!(catalog.create_schema("lakegate", "raw", false).await.is_err());
}
