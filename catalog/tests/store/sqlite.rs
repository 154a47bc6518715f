//! What can go wrong with a file only.

use std::path::Path;

use lakegate_catalog::{Catalog, Error};
use lakegate_common::error::{Coded, ErrorCode, describe};

use crate::support::{Fixture, create, table};

#[tokio::test]
async fn the_file_is_readable_by_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let fixture = Fixture::sqlite().await;
    fixture.catalog.create_principal("admin", "hash", true).await.unwrap();
    for entry in std::fs::read_dir(fixture.path().parent().unwrap()).unwrap() {
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
    let fixture = Fixture::sqlite().await;
    create(&fixture.catalog, table("t")).await;
    fixture.catalog.close().await;
    let beside = fixture.path().with_extension("db-wal");
    let log_bytes = std::fs::metadata(&beside).map_or(0, |log| log.len());
    assert_eq!(log_bytes, 0, "closing writes the log back into the file");
    let mut bytes = std::fs::read(fixture.path()).unwrap();
    // The header stays, so that only the content is damaged.
    bytes[4096..].fill(0xAA);
    std::fs::write(fixture.path(), bytes).unwrap();
    let error = open_error(&fixture.path()).await;
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
    let fixture = Fixture::sqlite().await;
    let newer =
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                 VALUES (9999, 'newer', TRUE, x'00', 0)";
    fixture.execute(newer).await;
    fixture.catalog.close().await;
    let error = open_error(&fixture.path()).await;
    assert!(error.hint().unwrap().contains("newer Lakegate"), "{}", describe(&error));
}

#[tokio::test]
async fn a_closed_catalog_says_so_and_does_not_wait() {
    let fixture = Fixture::sqlite().await;
    let catalog = &fixture.catalog;
    catalog.close().await;
    let error = catalog.snapshot().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::CatalogUnavailable);
    assert!(catalog.create_schema("lakegate", "raw", false).await.is_err());
}
