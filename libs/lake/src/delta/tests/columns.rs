//! Columns: renamed, added, dropped, widened, nested.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Date32Array, Float32Array, StructArray};
use arrow::datatypes::{DataType, Field};
use serde_json::json;

use super::support::{
    Lake, column, features, integer, integers, long, longs, mapped, metadata, text, texts,
};

fn mapping(mode: &str, columns: serde_json::Value, partitions: serde_json::Value) -> Lake {
    let mut metadata = metadata(columns, partitions);
    metadata["configuration"] =
        json!({"delta.columnMapping.mode": mode, "delta.columnMapping.maxColumnId": "40"});
    Lake::new(features(&["columnMapping"]), metadata)
}

fn numbered(field: Field, id: i32) -> Field {
    let metadata = HashMap::from([("PARQUET:field_id".to_string(), id.to_string())]);
    field.with_metadata(metadata)
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_that_swapped_their_names_are_told_apart() {
    let columns = json!([mapped("a", "long", 1, "b"), mapped("b", "long", 2, "a")]);
    let mut lake = mapping("name", columns, json!([]));
    let add =
        lake.file("f.parquet", vec![(long("a"), longs([10, 20])), (long("b"), longs([1, 2]))]);
    lake.commit([add]);
    assert_eq!(lake.rows("SELECT a, b FROM t").await, ["1|10", "2|20"]);
    assert_eq!(lake.rows("SELECT b FROM t WHERE a = 2").await, ["20"]);
    assert_eq!(lake.rows("SELECT b FROM t WHERE b > 10").await, ["20"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_are_found_by_their_numbers_whatever_files_call_them() {
    let columns = json!([
        mapped("a", "long", 1, "col-1"),
        mapped("later", "string", 3, "col-3"),
        mapped("s", "string", 2, "col-2"),
    ]);
    let mut lake = mapping("id", columns, json!([]));
    let add = lake.file(
        "f.parquet",
        vec![
            (numbered(text("a"), 2), texts(&["x", "y"])),
            (numbered(long("col-3"), 1), longs([7, 8])),
        ],
    );
    lake.commit([add]);
    assert_eq!(lake.rows("SELECT * FROM t").await, ["7|null|x", "8|null|y"]);
    assert_eq!(lake.rows("SELECT a FROM t WHERE s = 'y'").await, ["8"]);
    assert_eq!(lake.rows("SELECT count(*) FROM t WHERE later IS NULL").await, ["2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_of_nested_columns_are_mapped_too() {
    let inner = |id| {
        json!({"type": "struct", "fields": [
            mapped("x", "long", id, "y"),
            mapped("y", "integer", id + 1, "x"),
            mapped("z", "string", id + 2, "z4"),
        ]})
    };
    let list = json!({"type": "array", "elementType": inner(20), "containsNull": true});
    let map = json!({
        "type": "map", "keyType": "string", "valueType": inner(30), "valueContainsNull": true,
    });
    let columns = json!([
        mapped("s", inner(10), 1, "p1"),
        mapped("l", list, 5, "p5"),
        mapped("m", map, 6, "p6"),
    ]);
    let mut lake = mapping("name", columns, json!([]));
    let fields = vec![(Arc::new(integer("x")), integers([5])), (Arc::new(long("y")), longs([6]))];
    let inner = StructArray::from(fields);
    let item = Arc::new(Field::new("element", inner.data_type().clone(), true));
    let offsets = arrow::buffer::OffsetBuffer::from_lengths([1]);
    let list = arrow::array::ListArray::new(item, offsets.clone(), Arc::new(inner.clone()), None);
    let entries = StructArray::from(vec![
        (Arc::new(Field::new("key", DataType::Utf8, false)), texts(&["k"])),
        (
            Arc::new(Field::new("value", inner.data_type().clone(), true)),
            Arc::new(inner.clone()) as ArrayRef,
        ),
    ]);
    let key_value = Arc::new(Field::new("key_value", entries.data_type().clone(), false));
    let map = arrow::array::MapArray::new(key_value, offsets, entries, None, false);
    let add = lake.file(
        "f.parquet",
        vec![
            (Field::new("p1", inner.data_type().clone(), true), Arc::new(inner)),
            (Field::new("p5", list.data_type().clone(), true), Arc::new(list)),
            (Field::new("p6", map.data_type().clone(), true), Arc::new(map)),
        ],
    );
    lake.commit([add]);
    let expected = "{x: 6, y: 5, z: null}";
    assert_eq!(
        lake.rows("SELECT * FROM t").await,
        [format!("{expected}|[{expected}]|{{k: {expected}}}")]
    );
    assert_eq!(lake.rows("SELECT s['x'] FROM t WHERE s['y'] = 5").await, ["6"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn older_files_with_narrower_types_and_fewer_columns_are_read() {
    let map = json!({
        "type": "map", "keyType": "string", "valueType": "long", "valueContainsNull": true,
    });
    for columns in [
        json!([
            column("n", "long"),
            column("f", "double"),
            column("d", "timestamp_ntz"),
            column("s", "string")
        ]),
        // With a map the scan is our own.
        json!([
            column("n", "long"),
            column("f", "double"),
            column("d", "timestamp_ntz"),
            column("s", "string"),
            column("m", map)
        ]),
    ] {
        let wide = columns.as_array().unwrap().len() == 5;
        let mut lake =
            Lake::new(features(&["typeWidening", "timestampNtz"]), metadata(columns, json!([])));
        let add = lake.file(
            "f.parquet",
            vec![
                (integer("n"), integers([1, 2])),
                (
                    Field::new("f", DataType::Float32, true),
                    Arc::new(Float32Array::from(vec![0.5, 1.5])),
                ),
                (Field::new("d", DataType::Date32, true), Arc::new(Date32Array::from(vec![0, 1]))),
            ],
        );
        lake.commit([add]);
        let end = if wide { "|null|null" } else { "|null" };
        assert_eq!(
            lake.rows("SELECT * FROM t WHERE n < 5000000000").await,
            [format!("1|0.5|1970-01-01T00:00:00{end}"), format!("2|1.5|1970-01-02T00:00:00{end}")]
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn partition_columns_stand_where_the_table_has_them() {
    let columns = json!([
        mapped("day", "date", 1, "p-1"),
        mapped("n", "long", 2, "c-2"),
        mapped("name", "string", 3, "p-3"),
    ]);
    let mut lake = mapping("name", columns, json!(["name", "day"]));
    let mut adds = Vec::new();
    for (file, day, name, n) in
        [("a b.parquet", Some("2024-02-29"), Some("x=1/2"), 1), ("c.parquet", None, Some(""), 2)]
    {
        let mut add = lake.file(file, vec![(long("c-2"), longs([n]))]);
        add["add"]["path"] = json!(file.replace(' ', "%20"));
        add["add"]["partitionValues"] = json!({"p-1": day, "p-3": name});
        adds.push(add);
    }
    lake.commit(adds);
    assert_eq!(lake.rows("SELECT * FROM t").await, ["2024-02-29|1|x=1/2", "null|2|null"]);
    assert_eq!(lake.rows("SELECT n FROM t WHERE name IS NULL").await, ["2"]);
    assert_eq!(lake.rows("SELECT n, name FROM t WHERE day > '2024-01-01'").await, ["1|x=1/2"]);
    assert_eq!(lake.rows("SELECT count(*) FROM t WHERE day = '2024-03-01'").await, ["0"]);
}
