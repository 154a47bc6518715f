//! Deleted rows.

use std::fs;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::{ExecutionPlanProperties, execute_stream_partitioned};
use futures::TryStreamExt;
use serde_json::json;

use super::support::{
    Lake, batch_lines, column, features, long, longs, mapped, metadata, plan, planned, remove,
    rows, session, text, texts,
};
use crate::delta::AsOf;

/// Which rows a condition keeps.
type Kept = fn(u64) -> bool;

/// Deletes the rows 3, 4, 7, 11, 18 and 29.
const INLINE_VECTOR: &str = "^Bg9^0rr910000000000iXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L";

/// A vector's file, and what the log calls it.
const NUMBERED_FILE: &str = "ab/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin";
const NUMBERED_VECTOR: &str = "ab^-aqEH.-t@S}K{vb[*k^";

fn numbers(lake: &Lake, name: &str, rows: std::ops::Range<i64>) -> serde_json::Value {
    lake.file(name, vec![(long("n"), longs(rows))])
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_rows_are_left_out_of_every_part_of_a_file() {
    let mut lake = Lake::with_vectors(json!([column("n", "long")]));
    let a = numbers(&lake, "a.parquet", 0..35);
    let b = numbers(&lake, "b.parquet", 100..135);
    let deleted = lake.delete(&b, &[0, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 34]);
    lake.commit([a, deleted]);
    let state = lake.open(AsOf::Latest).await;
    assert!(plan(&state, "SELECT * FROM t").await.contains("DeltaScanExec"));
    let found = rows(&state, "SELECT n FROM t").await;
    let expected = (0..35).chain(101..109).chain(120..134);
    let mut expected: Vec<String> = expected.map(|n: i64| n.to_string()).collect();
    expected.sort();
    assert_eq!(found, expected);
    for (sql, answer) in [
        ("SELECT count(*) FROM t", "57"),
        ("SELECT count(*) FROM t WHERE n > 115", "14"),
        ("SELECT min(n), max(n) FROM t WHERE n > 99", "101|133"),
        ("SELECT count(*) FROM (SELECT n FROM t LIMIT 50)", "50"),
        ("SELECT count(*) FROM t WHERE n = 110", "0"),
        ("SELECT sum(n) FROM t WHERE n IN (108, 120, 109)", "228"),
    ] {
        assert_eq!(rows(&state, sql).await, [answer], "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_number_of_rows_is_known_without_reading() {
    let mut lake = Lake::with_vectors(json!([column("n", "long")]));
    let add = numbers(&lake, "a.parquet", 0..35);
    let deleted = lake.delete(&add, &[1, 2]);
    lake.commit([deleted]);
    let plan = plan(&lake.open(AsOf::Latest).await, "SELECT count(*) FROM t").await;
    assert!(plan.contains("PlaceholderRowExec"), "{plan}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vector_may_stand_in_the_log_itself() {
    let mut lake = Lake::with_vectors(json!([column("n", "long")]));
    let mut add = numbers(&lake, "a.parquet", 0..31);
    add["add"]["deletionVector"] = json!({
        "storageType": "i", "pathOrInlineDv": INLINE_VECTOR, "sizeInBytes": 44, "cardinality": 6,
    });
    lake.commit([add]);
    assert_eq!(lake.rows("SELECT sum(n) FROM t").await, [(465 - 72).to_string()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vector_may_lie_in_a_file_that_its_number_names() {
    let mut lake = Lake::with_vectors(json!([column("n", "long")]));
    let add = numbers(&lake, "a.parquet", 0..25);
    let mut deleted = lake.delete(&add, &[2, 3]);
    let vector = &mut deleted["add"]["deletionVector"];
    let place = url::Url::parse(vector["pathOrInlineDv"].as_str().unwrap()).unwrap();
    fs::create_dir(lake.path().join("ab")).unwrap();
    fs::rename(place.to_file_path().unwrap(), lake.path().join(NUMBERED_FILE)).unwrap();
    vector["storageType"] = json!("u");
    vector["pathOrInlineDv"] = json!(NUMBERED_VECTOR);
    lake.commit([deleted]);
    assert_eq!(lake.rows("SELECT sum(n), count(*) FROM t").await, ["295|23"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_whose_rows_the_log_does_not_count_is_asked_itself() {
    let mut lake = Lake::with_vectors(json!([column("n", "long")]));
    let mut add = numbers(&lake, "a.parquet", 0..25);
    add["add"].as_object_mut().unwrap().remove("stats");
    let deleted = lake.delete(&add, &[24]);
    lake.commit([deleted]);
    assert_eq!(lake.rows("SELECT max(n), count(*) FROM t").await, ["23|24"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vector_that_is_not_what_the_log_says_fails() {
    for (key, value) in
        [("cardinality", json!(7)), ("sizeInBytes", json!(35)), ("offset", json!(9))]
    {
        let mut lake = Lake::with_vectors(json!([column("n", "long")]));
        let add = numbers(&lake, "a.parquet", 0..25);
        let mut deleted = lake.delete(&add, &[2, 3]);
        deleted["add"]["deletionVector"][key] = value;
        lake.commit([deleted]);
        let session = super::support::session();
        let state = lake.open(AsOf::Latest).await;
        let table = crate::delta::DeltaTable::new(state, crate::StringLayout::Plain);
        session.register_table("t", std::sync::Arc::new(table)).unwrap();
        let read = session.sql("SELECT n FROM t").await.unwrap().collect().await;
        assert!(read.is_err(), "{key}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_vector_counts_alone() {
    let mut lake = Lake::with_vectors(json!([column("n", "long")]));
    let add = numbers(&lake, "a.parquet", 0..5);
    lake.commit([add.clone()]);
    let first = lake.delete(&add, &[0]);
    lake.commit([remove(&add), first.clone()]);
    let known = lake.open(AsOf::Latest).await;
    let second = lake.delete(&add, &[0, 4]);
    lake.commit([remove(&first), second]);
    let newest = lake.log().refresh(&known).await.unwrap();
    assert_eq!(rows(&known, "SELECT n FROM t").await, ["1", "2", "3", "4"]);
    assert_eq!(rows(&newest, "SELECT n FROM t").await, ["1", "2", "3"]);
    assert_eq!(newest.file_count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn text_and_bytes_come_through_deleted_rows() {
    let mut lake = Lake::with_vectors(json!([column("s", "string"), column("b", "binary")]));
    let bytes = arrow::array::BinaryArray::from(vec![b"x".as_ref(), b"y", b"z"]);
    let add = lake.file(
        "a.parquet",
        vec![
            (text("s"), texts(&["one that is longer than a view holds", "two", "three"])),
            (Field::new("b", DataType::Binary, true), std::sync::Arc::new(bytes)),
        ],
    );
    let deleted = lake.delete(&add, &[1]);
    lake.commit([deleted]);
    assert_eq!(
        lake.rows("SELECT s, b FROM t").await,
        ["one that is longer than a view holds|78", "three|7a"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_file_with_deleted_rows_is_read_by_every_partition() {
    let mut lake = Lake::with_vectors(json!([column("n", "long"), column("s", "string")]));
    // Long texts: a file is divided by bytes, and most of them must not be its footer.
    let long_texts: Vec<String> = (0..400).map(|n| format!("{n} ").repeat(1_000)).collect();
    let long_texts: Vec<&str> = long_texts.iter().map(String::as_str).collect();
    let columns = vec![(long("n"), longs(0..400)), (text("s"), texts(&long_texts))];
    let add = lake.file("a.parquet", columns);
    let deleted: Vec<u64> = (0..400).filter(|row| row % 7 == 3).collect();
    let add = lake.delete(&add, &deleted);
    lake.commit([add]);
    let session = session();
    // A scan of no more rows than a batch has is not worth dividing.
    let state = session.state_ref();
    state.write().config_mut().options_mut().set("datafusion.execution.batch_size", "16").unwrap();
    let plan = planned(&session, &lake.open(AsOf::Latest).await, "SELECT n FROM t").await;
    assert_eq!(plan.name(), "DeltaScanExec");
    assert_eq!(plan.output_partitioning().partition_count(), 4);
    let mut all = Vec::new();
    for partition in execute_stream_partitioned(plan, session.task_ctx()).unwrap() {
        let batches: Vec<_> = partition.try_collect().await.unwrap();
        let read: Vec<String> = batches.iter().flat_map(batch_lines).collect();
        assert!(read.len() > 50, "{read:?}");
        all.extend(read);
    }
    let left = (0..400_u64).filter(|row| !deleted.contains(row));
    assert_eq!(all, left.map(|row| row.to_string()).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_rows_stay_deleted_where_parts_of_a_file_are_skipped() {
    let mut lake = Lake::with_vectors(json!([column("n", "long"), column("s", "string")]));
    let words: Vec<String> = (0..5_000).map(|n| format!("word {}", n % 3)).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let add =
        lake.file("a.parquet", vec![(long("n"), longs(0..5_000)), (text("s"), texts(&words))]);
    // A run that the reader steps over, others that it does not, and single rows.
    let is_deleted =
        |n: u64| (1_005..3_005).contains(&n) || (4_001..4_025).contains(&n) || n % 11 == 5;
    let deleted: Vec<u64> = (0..5_000).filter(|row| is_deleted(*row)).collect();
    let add = lake.delete(&add, &deleted);
    lake.commit([add]);
    let state = lake.open(AsOf::Latest).await;
    let left = |keep: Kept| {
        let left: Vec<u64> = (0..5_000).filter(|n| !is_deleted(*n) && keep(*n)).collect();
        format!("{}|{}", left.len(), left.iter().sum::<u64>())
    };
    let cases: [(&str, Kept); 6] = [
        ("true", |_| true),
        ("n > 4000", |n| n > 4_000),
        ("n BETWEEN 995 AND 3015", |n| (995..=3_015).contains(&n)),
        ("n < 30 OR n > 4990", |n| !(30..=4_990).contains(&n)),
        ("s = 'word 1'", |n| n % 3 == 1),
        ("s = 'word 2' AND n BETWEEN 4000 AND 4030", |n| {
            n % 3 == 2 && (4_000..=4_030).contains(&n)
        }),
    ];
    for (condition, keep) in cases {
        let sql = format!("SELECT count(*), sum(n) FROM t WHERE {condition}");
        assert_eq!(rows(&state, &sql).await, [left(keep)], "{condition}");
    }
    // Thresholds that come while the query runs let whole row groups be skipped.
    let top = (0..5_000).rev().filter(|n| !is_deleted(*n)).take(3).map(|n| n.to_string());
    let mut top: Vec<String> = top.collect();
    top.sort();
    assert_eq!(rows(&state, "SELECT n FROM t ORDER BY n DESC LIMIT 3").await, top);
    let (first, last) =
        ((0..5_000).find(|n| !is_deleted(*n)), (0..5_000).rfind(|n| !is_deleted(*n)));
    let expected = format!("{}|{}", last.unwrap(), first.unwrap());
    assert_eq!(rows(&state, "SELECT max(n), min(n) FROM t").await, [expected]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_counts_the_rows_that_are_left() {
    let mut lake = Lake::with_vectors(json!([column("n", "long")]));
    let adds: Vec<_> = (0..3_i64)
        .map(|file| {
            let first = file * 100;
            let add = numbers(&lake, &format!("{file}.parquet"), first..first + 100);
            lake.delete(&add, &(0..90).collect::<Vec<u64>>())
        })
        .collect();
    lake.commit(adds);
    let state = lake.open(AsOf::Latest).await;
    for limit in [0, 1, 9, 10, 11, 25, 30] {
        let sql =
            format!("SELECT count(*), count(DISTINCT n) FROM (SELECT n FROM t LIMIT {limit})");
        assert_eq!(rows(&state, &sql).await, [format!("{limit}|{limit}")]);
    }
    assert_eq!(rows(&state, "SELECT n FROM t LIMIT 31").await.len(), 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_with_and_without_deleted_rows_and_with_none_left_are_read_together() {
    let mut lake = Lake::with_vectors(json!([column("n", "long")]));
    let whole = numbers(&lake, "whole.parquet", 0..50);
    let none = numbers(&lake, "none.parquet", 100..150);
    let none = lake.delete(&none, &(0..50).collect::<Vec<u64>>());
    let some = numbers(&lake, "some.parquet", 200..250);
    let some = lake.delete(&some, &[49]);
    lake.commit([whole, none, some]);
    let state = lake.open(AsOf::Latest).await;
    let answer = [(0..50).chain(200..249).sum::<u64>().to_string()];
    assert_eq!(rows(&state, "SELECT sum(n) FROM t").await, answer);
    assert_eq!(rows(&state, "SELECT 1 FROM t WHERE n > 100").await.len(), 49);
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_rows_and_other_column_names_go_together() {
    for mode in ["name", "id"] {
        let columns =
            json!([mapped("n", "long", 1, "col-1"), mapped("is_left", "long", 2, "col-2")]);
        let mut about = metadata(columns, json!([]));
        about["configuration"] = json!({
            "delta.columnMapping.mode": mode, "delta.columnMapping.maxColumnId": "2",
        });
        let mut lake = Lake::new(features(&["deletionVectors", "columnMapping"]), about);
        let numbered = |name: &str, id: &str| {
            let id = [("PARQUET:field_id".to_string(), id.to_string())];
            long(name).with_metadata(id.into_iter().collect())
        };
        let add = lake.file(
            "a.parquet",
            vec![(numbered("col-2", "2"), longs(100..140)), (numbered("col-1", "1"), longs(0..40))],
        );
        let add = lake.delete(&add, &[0, 1, 39]);
        lake.commit([add]);
        let state = lake.open(AsOf::Latest).await;
        for (sql, answer) in [
            ("SELECT count(*), sum(n), sum(is_left) FROM t WHERE n >= 0", "37|740|4440"),
            ("SELECT sum(is_left) FROM t", "4440"),
            ("SELECT n FROM t WHERE is_left < 103", "2"),
        ] {
            assert_eq!(rows(&state, sql).await, [answer], "{mode}: {sql}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_scan_with_deleted_rows_reads_is_counted() {
    let mut lake = Lake::with_vectors(json!([column("n", "long")]));
    let add = numbers(&lake, "a.parquet", 0..400);
    let add = lake.delete(&add, &[7]);
    lake.commit([add]);
    let session = session();
    let plan = planned(&session, &lake.open(AsOf::Latest).await, "SELECT n FROM t").await;
    let files = Arc::clone(plan.children()[0]);
    assert!(files.is::<DataSourceExec>());
    datafusion::physical_plan::collect(plan, session.task_ctx()).await.unwrap();
    let scanned = files.metrics().unwrap().sum_by_name("bytes_scanned").unwrap();
    assert!(scanned.as_usize() > 0);
}
