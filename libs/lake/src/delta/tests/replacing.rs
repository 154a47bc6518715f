//! Tables that become others, lose their rows, and get properties and columns.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::num::NonZeroUsize;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use lakegate_common::{Coded, ErrorCode};
use serde_json::{Value, json};

use super::commits::{written, written_as};
use super::support::{Lake, column, features, long, longs, metadata, rows};
use crate::delta::{
    AsOf, Commits, DeltaLog, DeltaTables, NewTable, Overwriting, PropertyChange, Replacing,
    TableState,
};
use crate::write::WrittenFile;

fn commits() -> (Commits, Arc<DeltaTables>) {
    let known = Arc::new(DeltaTables::new(1 << 20));
    (Commits::new(Arc::clone(&known), NonZeroUsize::new(10).unwrap()), known)
}

fn table(columns: &[(&str, DataType)], partitions: &[usize]) -> NewTable {
    let fields = columns.iter().map(|(name, data_type)| Field::new(*name, data_type.clone(), true));
    NewTable {
        columns: Arc::new(Schema::new(fields.collect::<Vec<_>>())),
        partitions: partitions.to_vec(),
        properties: BTreeMap::new(),
    }
}

/// The actions of a version.
fn actions(lake: &Lake, version: u64) -> Vec<Value> {
    let file = lake.path().join(format!("_delta_log/{version:020}.json"));
    let text = fs::read_to_string(file).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn action<'a>(actions: &'a [Value], name: &str) -> Vec<&'a Value> {
    actions.iter().filter_map(|action| action.get(name)).collect()
}

fn total(files: &[WrittenFile]) -> u64 {
    files.iter().map(|file| file.bytes).sum()
}

async fn newest(known: &DeltaTables, log: &DeltaLog) -> Arc<TableState> {
    known.state(log, AsOf::Latest).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_table_is_the_same_with_other_columns_and_rows() {
    let mut lake = Lake::plain(json!([column("n", "long")]));
    lake.commit([lake.file("old.parquet", vec![(long("n"), longs([1, 2]))])]);
    let (commits, known) = commits();
    let before = newest(&known, &lake.log()).await;
    let new = table(&[("name", DataType::Utf8), ("part", DataType::Int64)], &[1]);
    let files = written_as(&lake.root(), &new, "SELECT * FROM (VALUES ('a', 1), ('b', 2)) v").await;
    assert_eq!(files.len(), 2);
    let (log, bytes) = (lake.log().written_by("ann"), total(&files));
    let by = Replacing::Query;
    assert_eq!(commits.replace(&log, new, files, Some(1), by).await.unwrap(), 2);

    let after = newest(&known, &lake.log()).await;
    assert_eq!(after.table_id(), before.table_id());
    assert_eq!(after.schema().partitions(), [1]);
    assert_eq!(rows(&after, "SELECT name FROM t WHERE part = 2").await, ["b"]);
    assert_eq!(lake.rows("SELECT name, part FROM t").await, ["a|1", "b|2"]);
    let old = lake.open(AsOf::Version(1)).await;
    assert_eq!(rows(&old, "SELECT n FROM t").await, ["1", "2"]);

    let actions = actions(&lake, 2);
    assert_eq!(action(&actions, "remove").len(), 1);
    assert_eq!(action(&actions, "add").len(), 2);
    assert_eq!(action(&actions, "metaData").len(), 1);
    assert!(action(&actions, "protocol").is_empty(), "{actions:?}");
    let told = &actions[0]["commitInfo"];
    assert_eq!(told["operation"], "CREATE OR REPLACE TABLE AS SELECT");
    assert_eq!(told["operationParameters"]["partitionBy"], "[\"part\"]");
    assert_eq!(told["userName"], "ann");
    assert_eq!(told["operationMetrics"]["numFiles"], "2");
    assert_eq!(told["operationMetrics"]["numOutputRows"], "2");
    assert_eq!(told["operationMetrics"]["numOutputBytes"], bytes.to_string());
    assert_eq!(told["operationMetrics"]["numRemovedFiles"], "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_gets_the_protocol_that_its_new_columns_need() {
    let lake = Lake::plain(json!([column("n", "long")]));
    let (commits, _) = commits();
    let clock = DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, None);
    let new = table(&[("seen", clock)], &[]);
    commits.replace(&lake.log(), new, Vec::new(), None, Replacing::Columns).await.unwrap();
    let detail = lake.open(AsOf::Latest).await.detail();
    assert!(detail.features.contains(&"timestampNtz".to_string()), "{detail:?}");
    assert!(detail.features.contains(&"appendOnly".to_string()), "{detail:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_came_while_a_table_was_read_to_be_replaced_are_not_lost() {
    let mut lake = Lake::plain(json!([column("n", "long")]));
    let (commits, known) = commits();
    let base = newest(&known, &lake.log()).await;
    let new = table(&[("n", DataType::Int64)], &[]);
    lake.commit([lake.file("came.parquet", vec![(long("n"), longs([5]))])]);
    let read = Some(base.version());
    let by = Replacing::Query;
    let refused = commits.replace(&lake.log(), new.clone(), Vec::new(), read, by).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::CatalogConflict, "{refused}");
    let by = Overwriting::Insert;
    let refused = commits.overwrite(&lake.log(), &base, Vec::new(), read, by).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::CatalogConflict, "{refused}");
    assert_eq!(lake.rows("SELECT n FROM t").await, ["5"]);
    // Who has not read it replaces what is there now.
    let by = Replacing::Columns;
    assert_eq!(commits.replace(&lake.log(), new, Vec::new(), None, by).await.unwrap(), 2);
    assert!(lake.rows("SELECT n FROM t").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_came_before_an_overwrite_that_has_not_read_them_go_with_the_others() {
    let mut lake = Lake::plain(json!([column("n", "long")]));
    let (commits, known) = commits();
    let base = newest(&known, &lake.log()).await;
    let files = written(&base, "SELECT 7").await;
    lake.commit([lake.file("came.parquet", vec![(long("n"), longs([5]))])]);
    let by = Overwriting::Insert;
    assert_eq!(commits.overwrite(&lake.log(), &base, files, None, by).await.unwrap(), 2);
    assert_eq!(lake.rows("SELECT n FROM t").await, ["7"]);
    assert_eq!(action(&actions(&lake, 2), "remove").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_change_of_a_table_meanwhile_decides_whether_its_rows_give_way() {
    let columns = json!([column("n", "long")]);
    let mut append_only = metadata(columns.clone(), json!([]));
    append_only["configuration"] = json!({"delta.appendOnly": "true"});
    let more = json!([column("n", "long"), column("more", "string")]);
    let numbered = json!({
        "minReaderVersion": 1, "minWriterVersion": 7,
        "writerFeatures": ["rowTracking", "domainMetadata"],
    });
    for (meanwhile, code) in [
        (json!({"metaData": metadata(more, json!([]))}), ErrorCode::CatalogConflict),
        (json!({"metaData": append_only}), ErrorCode::Unsupported),
        (json!({"protocol": numbered}), ErrorCode::Unsupported),
    ] {
        let mut lake = Lake::plain(columns.clone());
        let (commits, known) = commits();
        let base = newest(&known, &lake.log()).await;
        let files = written(&base, "SELECT 7").await;
        lake.commit([meanwhile.clone()]);
        let by = Overwriting::Insert;
        let refused = commits.overwrite(&lake.log(), &base, files, None, by).await.unwrap_err();
        assert_eq!(refused.code(), code, "{meanwhile}: {refused}");
        assert_eq!(lake.open(AsOf::Latest).await.version(), 1, "{meanwhile}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_rows_tells_who_did_it_and_how_much_it_was() {
    let mut lake = Lake::plain(json!([column("n", "long")]));
    let old = lake.file("old.parquet", vec![(long("n"), longs([1, 2]))]);
    let old_bytes = old["add"]["size"].clone();
    lake.commit([old]);
    let (commits, known) = commits();
    let log = lake.log().written_by("ann");
    let base = newest(&known, &log).await;
    let files = written(&base, "SELECT * FROM (VALUES (7), (8), (9)) v").await;
    let bytes = total(&files);
    commits.overwrite(&log, &base, files, Some(1), Overwriting::Insert).await.unwrap();
    let newest_of = |version| actions(&lake, version).remove(0)["commitInfo"].take();
    let told = newest_of(2);
    assert_eq!((&told["operation"], &told["userName"]), (&json!("WRITE"), &json!("ann")));
    assert_eq!(told["operationParameters"], json!({"mode": "Overwrite"}));
    assert_ne!(told["isBlindAppend"], true);
    let metrics = json!({
        "numFiles": "1", "numOutputRows": "3", "numOutputBytes": bytes.to_string(),
        "numRemovedFiles": "1", "numRemovedBytes": old_bytes.to_string(),
    });
    assert_eq!(told["operationMetrics"], metrics);
    let base = newest(&known, &log).await;
    commits.overwrite(&log, &base, Vec::new(), None, Overwriting::Truncate).await.unwrap();
    let told = newest_of(3);
    assert_eq!((&told["operation"], &told["userName"]), (&json!("TRUNCATE"), &json!("ann")));
    let metrics = json!({"numRemovedFiles": "1", "numRemovedBytes": bytes.to_string()});
    assert_eq!(told["operationMetrics"], metrics);
    let more = Arc::new(Schema::new(vec![Field::new("more", DataType::Utf8, true)]));
    commits.add_columns(&log, more).await.unwrap();
    let told = newest_of(4);
    assert_eq!((&told["operation"], &told["userName"]), (&json!("ADD COLUMNS"), &json!("ann")));
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_of_old_tables_keep_rows_where_they_are_in_use_and_nowhere_else() {
    for (configuration, feature) in
        [(json!({}), None), (json!({"delta.constraints.few": "n < 5"}), Some("checkConstraints"))]
    {
        let mut metadata = metadata(json!([column("n", "long")]), json!([]));
        metadata["configuration"] = configuration;
        let protocol = json!({"minReaderVersion": 1, "minWriterVersion": 6});
        let mut lake = Lake::new(protocol.clone(), metadata);
        lake.commit([lake.file("old.parquet", vec![(long("n"), longs([1]))])]);
        let (commits, known) = commits();
        let base = newest(&known, &lake.log()).await;
        let by = Overwriting::Truncate;
        let emptied = commits.overwrite(&lake.log(), &base, Vec::new(), None, by).await;
        match feature {
            None => assert_eq!(emptied.unwrap(), 2),
            Some(feature) => {
                let refused = emptied.unwrap_err();
                assert_eq!(refused.code(), ErrorCode::Unsupported, "{refused}");
                assert!(refused.to_string().contains(feature), "{refused}");
            }
        }
        let state = lake.open(AsOf::Latest).await;
        let kept = state.snapshot.table_configuration().protocol();
        assert_eq!(serde_json::to_value(kept).unwrap(), protocol);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_overwritten_where_a_table_tells_its_changes() {
    let mut metadata = metadata(json!([column("n", "long")]), json!([]));
    metadata["configuration"] = json!({"delta.enableChangeDataFeed": "true"});
    let mut lake = Lake::new(json!({"minReaderVersion": 1, "minWriterVersion": 4}), metadata);
    lake.commit([lake.file("old.parquet", vec![(long("n"), longs([1, 2]))])]);
    let (commits, known) = commits();
    let base = newest(&known, &lake.log()).await;
    let files = written(&base, "SELECT 7").await;
    let by = Overwriting::Insert;
    assert_eq!(commits.overwrite(&lake.log(), &base, files, None, by).await.unwrap(), 2);
    assert_eq!(lake.rows("SELECT n FROM t").await, ["7"]);
    let after = newest(&known, &lake.log()).await;
    assert_eq!(rows(&after, "SELECT n FROM t").await, ["7"]);
    let by = Overwriting::Truncate;
    assert_eq!(commits.overwrite(&lake.log(), &after, Vec::new(), None, by).await.unwrap(), 3);
    assert!(lake.rows("SELECT n FROM t").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_deleted_rows_is_removed_with_what_says_so() {
    let mut lake = Lake::with_vectors(json!([column("n", "long")]));
    let add = lake.file("old.parquet", vec![(long("n"), longs([1, 2]))]);
    let add = lake.delete(&add, &[0]);
    lake.commit([add]);
    let (commits, known) = commits();
    let base = newest(&known, &lake.log()).await;
    let files = written(&base, "SELECT 7").await;
    commits.overwrite(&lake.log(), &base, files, None, Overwriting::Insert).await.unwrap();
    assert_eq!(lake.rows("SELECT n FROM t").await, ["7"]);
    let actions = actions(&lake, 2);
    assert!(action(&actions, "remove")[0].get("deletionVector").is_some(), "{actions:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_stay_where_a_table_keeps_all_of_them() {
    let mut metadata = metadata(json!([column("n", "long")]), json!([]));
    metadata["configuration"] = json!({"delta.appendOnly": "true"});
    let lake = Lake::new(json!({"minReaderVersion": 1, "minWriterVersion": 2}), metadata);
    let (commits, _) = commits();
    let new = table(&[("n", DataType::Int64)], &[]);
    let by = Replacing::Columns;
    let refused = commits.replace(&lake.log(), new, Vec::new(), None, by).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Unsupported);
    assert!(refused.hint().unwrap().contains("delta.appendOnly"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_whose_rows_have_numbers_is_not_replaced() {
    let lake = Lake::new(
        json!({
            "minReaderVersion": 1, "minWriterVersion": 7,
            "writerFeatures": ["rowTracking", "domainMetadata"],
        }),
        metadata(json!([column("n", "long")]), json!([])),
    );
    let (commits, _) = commits();
    let new = table(&[("n", DataType::Int64)], &[]);
    let by = Replacing::Columns;
    let refused = commits.replace(&lake.log(), new, Vec::new(), None, by).await.unwrap_err();
    assert!(refused.to_string().contains("rowTracking"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_table_tells_the_time_as_before() {
    let lake = Lake::plain(json!([column("n", "long")]));
    fs::remove_dir_all(lake.path().join("_delta_log")).unwrap();
    let (commits, _) = commits();
    let mut timed = table(&[("n", DataType::Int64)], &[]);
    let told = ("delta.enableInCommitTimestamps".to_string(), "true".to_string());
    timed.properties = BTreeMap::from([told]);
    commits.create(&lake.log(), timed, Vec::new()).await.unwrap();
    let new = table(&[("s", DataType::Utf8)], &[]);
    commits.replace(&lake.log(), new, Vec::new(), None, Replacing::Columns).await.unwrap();
    let state = lake.open(AsOf::Latest).await;
    let kept = state.properties().get("delta.enableInCommitTimestamps").map(String::as_str);
    assert_eq!(kept, Some("true"));
    assert!(actions(&lake, 1)[0]["commitInfo"]["inCommitTimestamp"].is_i64());
}

#[tokio::test(flavor = "multi_thread")]
async fn properties_come_and_go_and_bring_the_feature_that_they_need() {
    let lake = Lake::new(
        features(&["deletionVectors"]),
        metadata(json!([column("n", "long")]), json!([])),
    );
    let (commits, known) = commits();
    let set = [("delta.appendOnly", "true"), ("delta.logRetentionDuration", "interval 9 days")];
    let set = set.map(|(name, value)| (name.to_string(), value.to_string()));
    let change = PropertyChange { set: BTreeMap::from(set), ..PropertyChange::default() };
    assert_eq!(commits.set_properties(&lake.log(), change).await.unwrap(), 1);
    let state = newest(&known, &lake.log()).await;
    assert_eq!(state.properties().len(), 2);
    assert!(state.detail().features.contains(&"appendOnly".to_string()));
    assert!(state.detail().features.contains(&"deletionVectors".to_string()));
    let unset = BTreeSet::from(["delta.appendOnly".to_string()]);
    let change = PropertyChange { unset, ..PropertyChange::default() };
    assert_eq!(commits.set_properties(&lake.log(), change).await.unwrap(), 2);
    let state = newest(&known, &lake.log()).await;
    assert_eq!(state.properties().len(), 1);
    let commits = lake.log().history(2).await.unwrap();
    let told: Vec<_> = commits.iter().filter_map(|commit| commit.operation.as_deref()).collect();
    assert_eq!(told, ["UNSET TBLPROPERTIES", "SET TBLPROPERTIES"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn new_columns_are_null_in_rows_that_are_there() {
    let mut lake = Lake::plain(json!([column("n", "long")]));
    lake.commit([lake.file("old.parquet", vec![(long("n"), longs([1]))])]);
    let (commits, known) = commits();
    let more = Arc::new(Schema::new(vec![Field::new("more", DataType::Utf8, true)]));
    assert_eq!(commits.add_columns(&lake.log(), Arc::clone(&more)).await.unwrap(), 2);
    let state = newest(&known, &lake.log()).await;
    assert_eq!(rows(&state, "SELECT n, more FROM t").await, ["1|null"]);
    let refused = commits.add_columns(&lake.log(), more).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::AlreadyExists, "{refused}");
    let needed = Arc::new(Schema::new(vec![Field::new("needed", DataType::Utf8, false)]));
    let refused = commits.add_columns(&lake.log(), needed).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Unsupported, "{refused}");
}
