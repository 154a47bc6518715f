//! What can go wrong with PostgreSQL only.

use std::time::{Duration, Instant};

use lakegate_catalog::limit::{CHANGE_WAIT_MAX, CONNECTION_WAIT_MAX};
use lakegate_catalog::{Catalog, CatalogUrl};
use lakegate_common::error::{Coded, ErrorCode, describe};
use sqlx::{Connection, Executor, PgConnection};

use crate::support::{Fixture, create, names, new_database, table};

#[tokio::test]
async fn a_database_that_is_away_is_told_soon_and_without_its_password() {
    let url: CatalogUrl = "postgres://lakegate:hunter2@127.0.0.1:1/catalog".parse().unwrap();
    let started = Instant::now();
    let error = Catalog::open(url).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::CatalogUnavailable);
    let text = describe(&error);
    assert!(text.contains("postgres://127.0.0.1:1/catalog"), "{text}");
    assert!(text.contains("check that the catalog's database runs"), "{text}");
    assert!(!format!("{text} {error:?}").contains("hunter2"), "{text}");
    assert!(started.elapsed() < CONNECTION_WAIT_MAX + Duration::from_secs(5));
}

#[tokio::test]
async fn a_database_that_does_not_exist_is_told_with_advice() {
    let place = new_database().await.replace("catalog_", "missing_");
    let url: CatalogUrl = place.parse().unwrap();
    let error = Catalog::open(url).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::CatalogUnavailable);
    assert!(error.hint().unwrap().contains("CREATE DATABASE"), "{}", describe(&error));
}

#[tokio::test]
async fn connections_that_the_database_cuts_are_made_anew() {
    let fixture = Fixture::postgres().await;
    create(&fixture.catalog, table("t")).await;
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    fixture.execute(cut).await;
    assert_eq!(names(&fixture.catalog, "lakegate", "public").await, ["t"]);
    fixture.execute(cut).await;
    create(&fixture.catalog, table("u")).await;
}

#[tokio::test]
async fn a_change_waits_for_another_server_only_so_long() {
    let fixture = Fixture::postgres().await;
    let mut other = PgConnection::connect(&fixture.place).await.unwrap();
    other.execute("BEGIN; SELECT version FROM catalog_state FOR UPDATE").await.unwrap();
    let started = Instant::now();
    let error = fixture.catalog.create_schema("lakegate", "raw", false).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::CatalogConflict, "{}", describe(&error));
    assert!(started.elapsed() >= CHANGE_WAIT_MAX);
    fixture.catalog.snapshot().await.expect("readers wait for nobody");
    other.execute("ROLLBACK").await.unwrap();
    fixture.catalog.create_schema("lakegate", "raw", false).await.unwrap();
}

#[tokio::test]
async fn a_catalog_of_a_newer_version_is_refused() {
    let fixture = Fixture::postgres().await;
    fixture
        .execute(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (9999, 'newer', TRUE, '', 0)",
        )
        .await;
    let error = Catalog::open(fixture.url.clone()).await.unwrap_err();
    assert!(error.hint().unwrap().contains("newer Lakegate"), "{}", describe(&error));
}

#[tokio::test]
async fn a_closed_catalog_says_so_and_does_not_wait() {
    let fixture = Fixture::postgres().await;
    fixture.catalog.close().await;
    let error = fixture.catalog.snapshot().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::CatalogUnavailable);
    assert!(fixture.catalog.create_schema("lakegate", "raw", false).await.is_err());
}
