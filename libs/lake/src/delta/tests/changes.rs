//! History and the change data feed.

use std::fs;

use arrow::array::AsArray;
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use lakegate_common::{Coded, ErrorCode};
use serde_json::json;

use super::support::{Lake, batch_lines, column, long, longs, metadata, remove};
use crate::delta::history_rows;

fn feed() -> Lake {
    let mut metadata = metadata(json!([column("n", "long")]), json!([]));
    metadata["configuration"] = json!({"delta.enableChangeDataFeed": "true"});
    Lake::new(json!({"minReaderVersion": 1, "minWriterVersion": 4}), metadata)
}

async fn changes(lake: &Lake, from: u64, to: Option<u64>) -> Vec<String> {
    let session = SessionContext::new();
    session.register_table("c", lake.log().changes(from, to).await.unwrap()).unwrap();
    let sql = "SELECT n, _change_type, _commit_version FROM c";
    let batches = session.sql(sql).await.unwrap().collect().await.unwrap();
    let mut lines: Vec<String> = batches.iter().flat_map(batch_lines).collect();
    lines.sort();
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_told_by_files_that_come_and_go() {
    let mut lake = feed();
    let first = lake.file("a.parquet", vec![(long("n"), longs([1, 2]))]);
    lake.commit([first.clone()]);
    let second = lake.file("b.parquet", vec![(long("n"), longs([3]))]);
    lake.commit([second, remove(&first)]);
    assert_eq!(
        changes(&lake, 0, None).await,
        ["1|delete|2", "1|insert|1", "2|delete|2", "2|insert|1", "3|insert|2"]
    );
    assert_eq!(changes(&lake, 1, Some(1)).await, ["1|insert|1", "2|insert|1"]);
    let missing = lake.log().changes(9, None).await.unwrap_err();
    assert_eq!(missing.code(), ErrorCode::VersionNotFound, "{missing}");
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_whose_file_is_gone_name_the_file() {
    let mut lake = feed();
    lake.commit([lake.file("a.parquet", vec![(long("n"), longs([1, 2]))])]);
    fs::remove_file(lake.path().join("a.parquet")).unwrap();
    let session = SessionContext::new();
    session.register_table("c", lake.log().changes(0, None).await.unwrap()).unwrap();
    let refused = session.sql("SELECT n FROM c").await.unwrap().collect().await.unwrap_err();
    let DataFusionError::ObjectStore(error) = refused.find_root() else { panic!("{refused}") };
    assert!(matches!(error.as_ref(), object_store::Error::NotFound { .. }), "{error}");
    assert!(refused.to_string().contains("a.parquet"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_kept_no_changes_says_so() {
    let lake = Lake::plain(json!([column("n", "long")]));
    let refused = lake.log().changes(0, None).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Unsupported);
    assert!(refused.to_string().contains("change data feed"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_tells_who_did_what() {
    let mut lake = Lake::plain(json!([column("n", "long")]));
    lake.commit([json!({"commitInfo": {
        "timestamp": 5, "operation": "WRITE", "operationParameters": {"mode": "Append"},
        "userName": "ada", "engineInfo": "some engine", "isBlindAppend": true,
        "inCommitTimestamp": 7,
    }})]);
    let commits = lake.log().history(10).await.unwrap();
    assert_eq!(commits.iter().map(|commit| commit.version).collect::<Vec<_>>(), [1, 0]);
    assert_eq!(commits[0].timestamp, 7);
    assert_eq!(commits[0].parameters.as_deref(), Some(r#"{"mode":"Append"}"#));
    let rows = history_rows(&commits).unwrap();
    assert_eq!(rows.num_rows(), 2);
    assert_eq!(rows.column_by_name("user_name").unwrap().as_string::<i32>().value(0), "ada");
    assert_eq!(lake.log().history(1).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_without_a_word_has_its_place_in_the_history() {
    let mut lake = Lake::plain(json!([column("n", "long")]));
    lake.commit([]);
    let commits = lake.log().history(10).await.unwrap();
    assert_eq!(commits.iter().map(|commit| commit.version).collect::<Vec<_>>(), [1, 0]);
    assert_eq!(commits[0].operation, None);
}
