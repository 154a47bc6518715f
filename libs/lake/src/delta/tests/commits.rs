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
    assert_eq!(commits.append(&lake.log(), &base, files, true).await.unwrap(), 1);
    let state = lake.open(AsOf::Latest).await;
    assert_eq!(rows(&state, "SELECT n, s FROM t").await, ["-3|null", "7|b"]);
    let commit = fs::read_to_string(lake.path().join("_delta_log/00000000000000000001.json"));
    let commit = commit.unwrap();
    assert!(commit.contains(r#"\"minValues\":{\"n\":-3"#), "{commit}");
    assert!(commit.contains(r#"\"nullCount\":{\"n\":0,\"s\":1}"#), "{commit}");
    assert!(commit.contains("lakegate-"), "{commit}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_tells_who_made_it_and_how_much_it_is() {
    let lake = Lake::plain(json!([column("n", "long")]));
    let (commits, known) = commits();
    let log = lake.log().written_by("ann");
    let base = known.state(&log, AsOf::Latest).await.unwrap();
    for (is_blind, told) in [(true, Some(true)), (false, None)] {
        let files = written(&base, "SELECT * FROM (VALUES (1), (2), (3)) v").await;
        let bytes: u64 = files.iter().map(|file| file.bytes).sum();
        commits.append(&log, &base, files, is_blind).await.unwrap();
        let newest = log.history(1).await.unwrap().remove(0);
        assert_eq!(newest.user_name.as_deref(), Some("ann"));
        assert_eq!(newest.is_blind_append, told);
        let metrics: serde_json::Value = serde_json::from_str(&newest.metrics.unwrap()).unwrap();
        let expected = json!({
            "numFiles": "1", "numOutputRows": "3", "numOutputBytes": bytes.to_string()
        });
        assert_eq!(metrics, expected);
    }
    fs::remove_dir_all(lake.path().join("_delta_log")).unwrap();
    let table = NewTable {
        columns: Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)])),
        partitions: Vec::new(),
        properties: BTreeMap::new(),
    };
    let files = written(&base, "SELECT 1").await;
    commits.create(&log, table, files).await.unwrap();
    let newest = log.history(1).await.unwrap().remove(0);
    assert_eq!(newest.user_name.as_deref(), Some("ann"));
    assert!(newest.metrics.unwrap().contains(r#""numOutputRows":"1""#));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_who_came_first_is_no_obstacle() {
    let mut lake = Lake::plain(json!([column("n", "long")]));
    let (commits, known) = commits();
    let base = known.state(&lake.log(), AsOf::Latest).await.unwrap();
    let files = written(&base, "SELECT 1").await;
    lake.commit([lake.file("other.parquet", vec![(long("n"), longs([5]))])]);
    assert_eq!(commits.append(&lake.log(), &base, files, true).await.unwrap(), 2);
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
                commits.append(&log, &base, files, true).await.unwrap();
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
    let refused = commits.append(&lake.log(), &base, files, true).await.unwrap_err();
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
async fn a_table_gets_a_checkpoint_each_time_it_says_so_and_no_other() {
    let mut metadata = metadata(json!([column("n", "long")]), json!([]));
    metadata["configuration"] = json!({"delta.checkpointInterval": "3"});
    let lake = Lake::new(json!({"minReaderVersion": 1, "minWriterVersion": 2}), metadata);
    let (commits, known) = commits();
    for n in 0..10 {
        let base = known.state(&lake.log(), AsOf::Latest).await.unwrap();
        let files = written(&base, &format!("SELECT {n}")).await;
        commits.append(&lake.log(), &base, files, true).await.unwrap();
    }
    let checkpoint = |version: &u64| {
        let name = format!("_delta_log/{version:020}.checkpoint.parquet");
        lake.path().join(name).is_file()
    };
    assert_eq!((0..=10).filter(checkpoint).collect::<Vec<_>>(), [3, 6, 9]);
    assert_eq!(lake.rows("SELECT count(*), sum(n) FROM t").await, ["10|45"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feature_that_a_table_does_not_use_keeps_nobody_from_adding_to_it() {
    let all = ["appendOnly", "invariants", "checkConstraints", "generatedColumns"];
    let listed = json!({"minReaderVersion": 1, "minWriterVersion": 7, "writerFeatures": all});
    let by_version =
        (3..7).map(|writer| json!({"minReaderVersion": 1, "minWriterVersion": writer}));
    let read_alike = json!({"minReaderVersion": 2, "minWriterVersion": 6});
    for protocol in by_version.chain([read_alike, listed]) {
        let mut metadata = metadata(json!([column("n", "long")]), json!([]));
        let configuration = if protocol["minWriterVersion"] == 4 {
            json!({"delta.checkpointInterval": "1", "delta.enableChangeDataFeed": "true"})
        } else {
            json!({"delta.checkpointInterval": "1"})
        };
        metadata["configuration"] = configuration;
        let lake = Lake::new(protocol.clone(), metadata);
        let (commits, known) = commits();
        for n in 1..3 {
            let base = known.state(&lake.log(), AsOf::Latest).await.unwrap();
            commits.check_writable(&lake.log(), &base).await.unwrap();
            let files = written(&base, &format!("SELECT {n}")).await;
            commits.append(&lake.log(), &base, files, true).await.unwrap();
        }
        let checkpoint = lake.path().join("_delta_log/00000000000000000002.checkpoint.parquet");
        assert!(checkpoint.is_file(), "{protocol}");
        // From the checkpoint alone, which has the protocol that the table has.
        for version in 0..3 {
            fs::remove_file(lake.path().join(format!("_delta_log/{version:020}.json"))).unwrap();
        }
        let state = lake.open(AsOf::Latest).await;
        let kept = state.snapshot.table_configuration().protocol();
        assert_eq!(serde_json::to_value(kept).unwrap(), protocol);
        assert_eq!(rows(&state, "SELECT n FROM t").await, ["1", "2"], "{protocol}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_of_old_tables_that_are_not_kept_here_are_named() {
    let mut generated = column("n", "long");
    generated["metadata"] = json!({"delta.generationExpression": "1"});
    let mut identity = column("n", "long");
    identity["metadata"] = json!({"delta.identity.start": 1, "delta.identity.step": 1});
    let plain = column("n", "long");
    let constraint = json!({"delta.constraints.positive": "n > 0"});
    for (column, configuration, feature) in [
        (plain, constraint, "checkConstraints"),
        (generated, json!({}), "generatedColumns"),
        (identity, json!({}), "identityColumns"),
    ] {
        let mut metadata = metadata(json!([column]), json!([]));
        metadata["configuration"] = configuration;
        let lake = Lake::new(json!({"minReaderVersion": 1, "minWriterVersion": 6}), metadata);
        let (commits, known) = commits();
        let base = known.state(&lake.log(), AsOf::Latest).await.unwrap();
        let refused = commits.check_writable(&lake.log(), &base).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::Unsupported, "{refused}");
        assert!(refused.to_string().contains(feature), "{refused}");
    }
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
    commits.append(&lake.log(), &base, files, true).await.unwrap();
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
