//! Changing tables: alone, beside another writer, and with an answer that is lost.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::prelude::SessionContext;
use lakegate_common::{Coded, ErrorCode};
use serde_json::json;

use super::support::{Lake, column, features, long, longs, metadata, rows};
use crate::delta::{AsOf, Commits, DeltaTables, NewTable, TableRoot, TableState};
use crate::write::{FileFormat, FileLayout, FileSink, FileWrite, WriteLimits, WrittenFile};

/// How often a change is tried here.
const ATTEMPTS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(14);

fn commits() -> (Commits, Arc<DeltaTables>) {
    let known = Arc::new(DeltaTables::new(1 << 20));
    (Commits::new(Arc::clone(&known), ATTEMPTS), known)
}

/// Writes the rows of a query for a table and does not commit them.
pub(super) async fn written(state: &TableState, sql: &str) -> Vec<WrittenFile> {
    let columns = state.schema().written_columns(state.root()).unwrap();
    written_in(state.root(), columns, state.schema().partitions(), sql).await
}

/// Writes the rows of a query for a table that is to lie at `root`.
pub(super) async fn written_as(root: &TableRoot, table: &NewTable, sql: &str) -> Vec<WrittenFile> {
    written_in(root, Arc::clone(&table.columns), &table.partitions, sql).await
}

async fn written_in(
    root: &TableRoot,
    columns: SchemaRef,
    partitions: &[usize],
    sql: &str,
) -> Vec<WrittenFile> {
    let session = SessionContext::new();
    let query = session.sql(sql).await.unwrap().into_unoptimized_plan();
    let write = FileWrite {
        root: root.clone(),
        stem: uuid::Uuid::new_v4().to_string(),
        layout: FileLayout::Own,
        columns,
        partitions: partitions.to_vec(),
        format: FileFormat::PARQUET,
        limits: WriteLimits::default(),
    };
    let sink = provider_as_source(Arc::new(FileSink::new(Arc::new(write))));
    let plan = LogicalPlanBuilder::insert_into(query, "t", sink, InsertOp::Append).unwrap();
    let frame = session.execute_logical_plan(plan.build().unwrap()).await.unwrap();
    let plan = frame.create_physical_plan().await.unwrap();
    let told = datafusion::physical_plan::collect(plan, session.task_ctx()).await.unwrap();
    told.iter().flat_map(|batch| WrittenFile::from_batch(batch).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn added_rows_are_the_next_version_with_their_statistics() {
    let lake = Lake::plain(json!([column("n", "long"), column("s", "string")]));
    let (commits, known) = commits();
    let base = known.state(&lake.log(), AsOf::Latest).await.unwrap();
    let files = written(&base, "SELECT * FROM (VALUES (7, 'b'), (-3, NULL)) v").await;
    assert_eq!(commits.append(&lake.log(), &base, files).await.unwrap(), 1);
    let state = lake.open(AsOf::Latest).await;
    assert_eq!(rows(&state, "SELECT n, s FROM t").await, ["-3|null", "7|b"]);
    let commit = fs::read_to_string(lake.path().join("_delta_log/00000000000000000001.json"));
    let commit = commit.unwrap();
    assert!(commit.contains(r#"\"minValues\":{\"n\":-3"#), "{commit}");
    assert!(commit.contains(r#"\"nullCount\":{\"n\":0,\"s\":1}"#), "{commit}");
    assert!(commit.contains("lakegate-"), "{commit}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_who_came_first_is_no_obstacle() {
    let mut lake = Lake::plain(json!([column("n", "long")]));
    let (commits, known) = commits();
    let base = known.state(&lake.log(), AsOf::Latest).await.unwrap();
    let files = written(&base, "SELECT 1").await;
    lake.commit([lake.file("other.parquet", vec![(long("n"), longs([5]))])]);
    assert_eq!(commits.append(&lake.log(), &base, files).await.unwrap(), 2);
    assert_eq!(lake.rows("SELECT n FROM t").await, ["1", "5"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_lose_nothing() {
    let lake = Lake::plain(json!([column("n", "long")]));
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..4_i64 {
        let log = lake.log();
        // Each as if it were a process of its own.
        let (commits, known) = commits();
        writers.spawn(async move {
            for turn in 0..5 {
                let base = known.state(&log, AsOf::Latest).await.unwrap();
                let files = written(&base, &format!("SELECT {}", writer * 100 + turn)).await;
                commits.append(&log, &base, files).await.unwrap();
            }
        });
    }
    writers.join_all().await;
    assert_eq!(lake.open(AsOf::Latest).await.version(), 20);
    let counted = lake.rows("SELECT count(*), count(DISTINCT n) FROM t").await;
    assert_eq!(counted, ["20|20"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_for_other_columns_are_not_added() {
    let mut lake = Lake::plain(json!([column("n", "long")]));
    let (commits, known) = commits();
    let base = known.state(&lake.log(), AsOf::Latest).await.unwrap();
    let files = written(&base, "SELECT 1").await;
    let columns = json!([column("n", "long"), column("more", "string")]);
    lake.commit([json!({"metaData": metadata(columns, json!([]))})]);
    let refused = commits.append(&lake.log(), &base, files).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::CatalogConflict);
    assert_eq!(lake.open(AsOf::Latest).await.version(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_with_rules_that_are_not_kept_here_is_not_written_to() {
    let protocol = json!({
        "minReaderVersion": 1, "minWriterVersion": 7, "writerFeatures": ["checkConstraints"],
    });
    let mut rules = metadata(json!([column("n", "long")]), json!([]));
    rules["configuration"] = json!({"delta.constraints.positive": "n > 0"});
    let lake = Lake::new(protocol, rules);
    let (commits, known) = commits();
    let base = known.state(&lake.log(), AsOf::Latest).await.unwrap();
    let refused = commits.check_writable(&lake.log(), &base).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Unsupported, "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_gets_a_checkpoint_when_it_says_so() {
    let mut metadata = metadata(json!([column("n", "long")]), json!([]));
    metadata["configuration"] = json!({"delta.checkpointInterval": "3"});
    let lake = Lake::new(json!({"minReaderVersion": 1, "minWriterVersion": 2}), metadata);
    let (commits, known) = commits();
    for n in 0..5 {
        let base = known.state(&lake.log(), AsOf::Latest).await.unwrap();
        let files = written(&base, &format!("SELECT {n}")).await;
        commits.append(&lake.log(), &base, files).await.unwrap();
    }
    let checkpoint = lake.path().join("_delta_log/00000000000000000003.checkpoint.parquet");
    assert!(checkpoint.is_file());
    // The state that writers go on from does not look for it each time, and none is due yet.
    let files = fs::read_dir(lake.path().join("_delta_log")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().to_string_lossy().into_owned());
    assert_eq!(names.filter(|name| name.contains(".checkpoint.")).count(), 1);
    assert_eq!(lake.rows("SELECT n FROM t").await, ["0", "1", "2", "3", "4"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_reach_columns_that_have_other_names_in_files() {
    use super::support::mapped;
    let mut metadata = metadata(
        json!([mapped("n", "long", 1, "col-1"), mapped("s", "string", 2, "n")]),
        json!(["s"]),
    );
    metadata["configuration"] =
        json!({"delta.columnMapping.mode": "name", "delta.columnMapping.maxColumnId": "2"});
    let lake = Lake::new(features(&["columnMapping"]), metadata);
    let (commits, known) = commits();
    let base = known.state(&lake.log(), AsOf::Latest).await.unwrap();
    let files = written(&base, "SELECT 5 AS n, 'x' AS s").await;
    commits.append(&lake.log(), &base, files).await.unwrap();
    assert_eq!(lake.rows("SELECT n, s FROM t WHERE n > 4").await, ["5|x"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_table_has_its_columns_partitions_and_properties() {
    let lake = Lake::plain(json!([column("n", "long")]));
    fs::remove_dir_all(lake.path().join("_delta_log")).unwrap();
    let (commits, _) = commits();
    let table = NewTable {
        columns: Arc::new(Schema::new(vec![
            Field::new("p", DataType::Date32, true),
            Field::new("n", DataType::Int64, false),
        ])),
        partitions: vec![0],
        properties: BTreeMap::from([("delta.appendOnly".to_string(), "true".to_string())]),
    };
    commits.create(&lake.log(), table.clone(), Vec::new()).await.unwrap();
    let state = lake.open(AsOf::Latest).await;
    assert_eq!(state.schema().partitions(), [0]);
    assert_eq!(state.properties().get("delta.appendOnly").map(String::as_str), Some("true"));
    assert!(!state.schema().taken_columns().field(1).is_nullable());
    let refused = commits.create(&lake.log(), table, Vec::new()).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::NotEmpty, "{refused}");
}
