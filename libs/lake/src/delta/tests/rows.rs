//! Deleted rows.

use std::fs;

use arrow::datatypes::{DataType, Field};
use serde_json::json;

use super::support::{Lake, column, long, longs, plan, remove, rows, text, texts};
use crate::delta::AsOf;

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
