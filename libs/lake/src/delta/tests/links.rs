//! Tables to which links lead.

use std::num::NonZeroUsize;
use std::os::unix::fs::symlink;
use std::sync::Arc;

use serde_json::json;
use tempfile::TempDir;

use super::commits::written;
use super::support::{Lake, column, long, longs, rows, session};
use crate::Error;
use crate::delta::{AsOf, Commits, DeltaLog, DeltaTables, TableRoot};

/// A link to a table, and the log of the table behind it.
fn linked(lake: &Lake) -> (TempDir, DeltaLog) {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("link");
    symlink(lake.path(), &link).unwrap();
    let root = TableRoot::parse(&format!("{}/", link.display())).unwrap();
    (folder, DeltaLog::in_session(&session().state(), root).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_behind_a_link_is_read_and_written() {
    let mut lake = Lake::with_vectors(json!([column("n", "long")]));
    let add = lake.file("a.parquet", vec![(long("n"), longs(0..30))]);
    let add = lake.delete(&add, &[0, 29]);
    lake.commit([add]);
    let (_folder, log) = linked(&lake);
    let known = Arc::new(DeltaTables::new(1 << 20));
    let base = known.state(&log, AsOf::Latest).await.unwrap();
    assert_eq!(rows(&base, "SELECT count(*), sum(n) FROM t WHERE n >= 0").await, ["28|406"]);
    let files = written(&base, "SELECT 100").await;
    let attempts = NonZeroUsize::MIN;
    Commits::new(Arc::clone(&known), attempts).append(&log, &base, files, true).await.unwrap();
    assert_eq!(lake.rows("SELECT count(*), sum(n) FROM t").await, ["29|506"]);
    let newest = known.state(&log, AsOf::Latest).await.unwrap();
    assert_eq!(rows(&newest, "SELECT count(*), sum(n) FROM t").await, ["29|506"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_a_table_does_not_lead_out_of_it() {
    let other = Lake::plain(json!([column("n", "long")]));
    other.file("secret.parquet", vec![(long("n"), longs([1]))]);
    for outside in [
        format!("file://{}/secret.parquet", other.path().display()),
        format!("{}/secret.parquet", other.path().display()),
        "../secret.parquet".to_string(),
    ] {
        let mut lake = Lake::plain(json!([column("n", "long")]));
        let mut add = lake.file("a.parquet", vec![(long("n"), longs([1]))]);
        add["add"]["path"] = json!(outside);
        lake.commit([add]);
        let (_folder, log) = linked(&lake);
        let opened = log.open(AsOf::Latest).await;
        assert!(matches!(opened, Err(Error::UnsupportedFeature { .. })), "{outside}");
    }
}
