//! Which files are read, and what is known without reading them.

use std::sync::Arc;

use arrow::array::Float32Array;
use arrow::datatypes::{DataType, Field};
use datafusion::catalog::TableProvider;
use datafusion::common::ScalarValue;
use datafusion::common::stats::Precision;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use datafusion::prelude::{col, lit};
use serde_json::{Value, json};

use super::support::{
    Lake, column, features, long, longs, metadata, plan, rows, session, text, texts,
};
use crate::StringLayout;
use crate::delta::{AsOf, DeltaTable};

fn with_statistics(mut add: Value, statistics: Value) -> Value {
    add["add"]["stats"] = json!(statistics.to_string());
    add
}

/// Ten files of ten rows, `n` ascending, with statistics.
fn tens() -> Lake {
    let mut lake = Lake::plain(json!([column("n", "long"), column("s", "string")]));
    let adds: Vec<_> = (0..10)
        .map(|file| {
            let first = file * 10;
            let add = lake.file(
                &format!("{file}.parquet"),
                vec![(long("n"), longs(first..first + 10)), (text("s"), texts(&["x"; 10]))],
            );
            with_statistics(
                add,
                json!({
                    "numRecords": 10, "minValues": {"n": first, "s": "x"},
                    "maxValues": {"n": first + 9, "s": "x"}, "nullCount": {"n": 0, "s": 0},
                }),
            )
        })
        .collect();
    lake.commit(adds);
    lake
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_hold_no_such_value_are_not_in_the_plan() {
    let lake = tens();
    let state = lake.open(AsOf::Latest).await;
    for (condition, files, found) in [
        ("n = 55", 1, 1),
        ("n BETWEEN 25 AND 34", 2, 10),
        ("n IN (5, 95)", 2, 2),
        ("n > 1000", 0, 0),
        ("s = 'y'", 0, 0),
        ("n IS NULL", 0, 0),
        ("n < 10 OR s = 'y'", 1, 10),
    ] {
        let sql = format!("SELECT n FROM t WHERE {condition}");
        let plan = plan(&state, &sql).await;
        assert_eq!(distinct_files(&plan), files, "{condition}: {plan}");
        assert_eq!(rows(&state, &sql).await.len(), found, "{condition}");
    }
}

fn distinct_files(plan: &str) -> usize {
    (0..10).filter(|file| plan.contains(&format!("/{file}.parquet"))).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_reads_no_more_files_than_it_needs() {
    let lake = tens();
    let state = lake.open(AsOf::Latest).await;
    assert_eq!(distinct_files(&plan(&state, "SELECT n FROM t LIMIT 15").await), 2);
    // Which of the rows of two files come is open.
    assert_eq!(rows(&state, "SELECT count(*) FROM (SELECT n FROM t LIMIT 15)").await, ["15"]);
}

#[tokio::test]
async fn statistics_are_exact_where_the_log_is() {
    let lake = tens();
    let table = DeltaTable::new(lake.open(AsOf::Latest).await, StringLayout::Plain);
    let session = session();
    let plan = table.scan(&session.state(), None, &[col("n").gt(lit(79_i64))], None).await.unwrap();
    let statistics =
        StatisticsContext::new().compute(plan.as_ref(), &StatisticsArgs::new()).unwrap();
    assert_eq!(statistics.num_rows, Precision::Exact(20));
    let n = &statistics.column_statistics[0];
    assert_eq!(n.min_value, Precision::Exact(ScalarValue::Int64(Some(80))));
    assert_eq!(n.null_count, Precision::Exact(0));
    let s = &statistics.column_statistics[1];
    assert_eq!(s.max_value, Precision::Inexact(ScalarValue::from("x")));
}

#[tokio::test(flavor = "multi_thread")]
async fn wide_bounds_are_no_values() {
    let mut lake = Lake::with_vectors(json!([column("n", "long")]));
    let add = lake.file("0.parquet", vec![(long("n"), longs(0..10))]);
    let add = with_statistics(
        add,
        json!({
            "numRecords": 10, "tightBounds": false, "minValues": {"n": -5}, "maxValues": {"n": 99},
            "nullCount": {"n": 0},
        }),
    );
    let deleted = lake.delete(&add, &[0, 9]);
    lake.commit([deleted]);
    assert_eq!(lake.rows("SELECT min(n), max(n), count(n) FROM t").await, ["1|8|8"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_largest_time_is_cut_to_milliseconds_and_still_found() {
    let mut lake = Lake::plain(json!([column("at", "timestamp")]));
    let times = arrow::array::TimestampMicrosecondArray::from(vec![1_000_000_500]);
    let times = std::sync::Arc::new(times.with_timezone("UTC"));
    let field = arrow::datatypes::Field::new(
        "at",
        arrow::array::Array::data_type(times.as_ref()).clone(),
        true,
    );
    let add = lake.file("0.parquet", vec![(field, times)]);
    lake.commit([with_statistics(
        add,
        json!({
            "numRecords": 1, "minValues": {"at": "1970-01-01T00:16:40.000Z"},
            "maxValues": {"at": "1970-01-01T00:16:40.000Z"}, "nullCount": {"at": 0},
        }),
    )]);
    let sql = "SELECT count(*) FROM t WHERE at > TIMESTAMP '1970-01-01T00:16:40.000400Z'";
    assert_eq!(lake.rows(sql).await, ["1"]);
    let sql = "SELECT max(at) FROM t";
    assert_eq!(lake.rows(sql).await, ["1970-01-01T00:16:40.000500Z"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_that_cannot_be_read_hide_no_rows() {
    let mut lake = Lake::plain(json!([column("n", "long")]));
    let good = lake.file("0.parquet", vec![(long("n"), longs(0..10))]);
    let good = with_statistics(
        good,
        json!({
            "numRecords": 10, "minValues": {"n": 0}, "maxValues": {"n": 9}, "nullCount": {"n": 0},
        }),
    );
    let mut bad = lake.file("1.parquet", vec![(long("n"), longs(10..20))]);
    bad["add"]["stats"] = json!("{\"numRecords\": \"ten\", ");
    lake.commit([good, bad]);
    let state = lake.open(AsOf::Latest).await;
    assert_eq!(rows(&state, "SELECT n FROM t WHERE n = 15").await, ["15"]);
    assert_eq!(rows(&state, "SELECT count(*) FROM t").await, ["20"]);
    assert_eq!(distinct_files(&plan(&state, "SELECT n FROM t WHERE n = 15").await), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_on_partition_columns_alone_are_done_with_in_planning() {
    let columns = json!([column("p", "integer"), column("n", "long")]);
    let protocol = json!({"minReaderVersion": 1, "minWriterVersion": 2});
    let mut lake = Lake::new(protocol, metadata(columns, json!(["p"])));
    let adds: Vec<_> = (0..10)
        .map(|file| {
            let mut add = lake.file(&format!("{file}.parquet"), vec![(long("n"), longs([file]))]);
            let value = if file == 9 { Value::Null } else { json!(file.to_string()) };
            add["add"]["partitionValues"] = json!({"p": value});
            add
        })
        .collect();
    lake.commit(adds);
    let state = lake.open(AsOf::Latest).await;
    for (condition, files) in [
        ("p = 3", 1),
        ("p % 2 = 0", 5),
        ("p IS NULL", 1),
        ("p IS NOT NULL AND p <> 4", 8),
        ("coalesce(p, -1) < 0", 1),
    ] {
        let sql = format!("SELECT n FROM t WHERE {condition}");
        let plan = plan(&state, &sql).await;
        assert!(!plan.contains("FilterExec"), "{plan}");
        assert_eq!(distinct_files(&plan), files, "{plan}");
        assert_eq!(rows(&state, &sql).await.len(), files, "{condition}");
    }
    assert_eq!(rows(&state, "SELECT count(*) FROM t WHERE p = 3 OR n = 5").await, ["2"]);
    assert_eq!(rows(&state, "SELECT min(p), max(p), count(p) FROM t").await, ["0|8|9"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_from_before_a_column_was_widened_skip_no_row_of_it() {
    let mut wide = column("x", "double");
    wide["metadata"] = json!({"delta.typeChanges": [{"fromType": "float", "toType": "double"}]});
    let mut lake = Lake::new(features(&["typeWidening"]), metadata(json!([wide]), json!([])));
    let values = Arc::new(Float32Array::from(vec![0.7]));
    let add = lake.file("f.parquet", vec![(Field::new("x", DataType::Float32, true), values)]);
    let add = with_statistics(
        add,
        json!({
            "numRecords": 1, "minValues": {"x": 0.7}, "maxValues": {"x": 0.7},
            "nullCount": {"x": 0},
        }),
    );
    lake.commit([add]);
    let state = lake.open(AsOf::Latest).await;
    for (condition, found) in [
        ("x < 0.7", 1),
        ("x = 0.699999988079071", 1),
        ("x BETWEEN 0.69999998 AND 0.69999999", 1),
        ("x >= 0.7", 0),
    ] {
        let sql = format!("SELECT x FROM t WHERE {condition}");
        assert_eq!(rows(&state, &sql).await.len(), found, "{condition}");
    }
    assert!(!plan(&state, "SELECT x FROM t WHERE x < 0.69").await.contains("f.parquet"));
}
