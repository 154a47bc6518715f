//! Versions: earlier ones, newer ones, and logs that cannot be read.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use lakegate_common::{Coded, ErrorCode};
use serde_json::{Value, json};

use super::support::{Lake, column, features, long, longs, metadata, remove, rows};
use crate::delta::{AsOf, DeltaTables, TakenVersions};

const SECOND: i64 = 1_000;

fn table() -> Lake {
    Lake::plain(json!([column("n", "long")]))
}

fn one(lake: &Lake, n: i64) -> Value {
    lake.file(&format!("{n}.parquet"), vec![(long("n"), longs([n]))])
}

async fn code(lake: &Lake, as_of: AsOf) -> ErrorCode {
    lake.log().open(as_of).await.unwrap_err().code()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_version_keeps_its_rows() {
    let mut lake = table();
    let first = one(&lake, 1);
    lake.commit([first.clone()]);
    lake.commit([one(&lake, 2), remove(&first)]);
    for (version, expected) in [(0, vec![]), (1, vec!["1"]), (2, vec!["2"])] {
        let state = lake.open(AsOf::Version(version)).await;
        assert_eq!(state.version(), version);
        assert_eq!(rows(&state, "SELECT n FROM t").await, expected);
    }
    assert_eq!(code(&lake, AsOf::Version(3)).await, ErrorCode::VersionNotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_gone_holds_no_table() {
    let lake = table();
    fs::remove_dir_all(lake.path()).unwrap();
    for as_of in [AsOf::Latest, AsOf::Version(0)] {
        assert_eq!(code(&lake, as_of).await, ErrorCode::LocationEmpty);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_keeps_the_version_that_it_took_first() {
    let mut lake = table();
    lake.commit([one(&lake, 1)]);
    let known = Arc::new(DeltaTables::new(1 << 20));
    let statement = TakenVersions::new(Arc::clone(&known));
    assert_eq!(statement.of(&lake.log()).await.unwrap().version(), 1);
    lake.commit([one(&lake, 2)]);
    assert_eq!(statement.of(&lake.log()).await.unwrap().version(), 1);
    let next = TakenVersions::new(known);
    assert_eq!(next.of(&lake.log()).await.unwrap().version(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_means_the_newest_version_not_younger() {
    let mut lake = table();
    for n in 1..3 {
        lake.commit([one(&lake, n)]);
    }
    for version in 0..3_u64 {
        let commit = lake.path().join(format!("_delta_log/{version:020}.json"));
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000 + 10 * version);
        fs::File::options().write(true).open(commit).unwrap().set_modified(time).unwrap();
    }
    for (second, version) in [(1_000, 0), (1_009, 0), (1_010, 1), (1_500, 2)] {
        assert_eq!(lake.open(AsOf::Timestamp(second * SECOND)).await.version(), version);
    }
    assert_eq!(code(&lake, AsOf::Timestamp(999 * SECOND)).await, ErrorCode::VersionNotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn times_in_commits_go_before_times_of_files() {
    let mut metadata = metadata(json!([column("n", "long")]), json!([]));
    metadata["configuration"] = json!({"delta.enableInCommitTimestamps": "true"});
    let protocol = json!({
        "minReaderVersion": 1, "minWriterVersion": 7, "writerFeatures": ["inCommitTimestamp"],
    });
    let mut lake = table();
    fs::remove_dir_all(lake.path().join("_delta_log")).unwrap();
    fs::create_dir(lake.path().join("_delta_log")).unwrap();
    let mut rest = vec![json!({"protocol": protocol}), json!({"metaData": metadata})];
    for version in 0..3_i64 {
        let commit = json!({"commitInfo": {"inCommitTimestamp": (version + 1) * SECOND}});
        let lines: Vec<String> =
            std::iter::once(commit).chain(rest.drain(..)).map(|line| line.to_string()).collect();
        let file = lake.path().join(format!("_delta_log/{version:020}.json"));
        fs::write(file, lines.join("\n")).unwrap();
        rest.push(one(&lake, version));
    }
    lake.commit([]);
    fs::remove_file(lake.path().join(format!("_delta_log/{:020}.json", 1))).unwrap();
    let commit = json!({"commitInfo": {"inCommitTimestamp": 2 * SECOND}});
    fs::write(lake.path().join(format!("_delta_log/{:020}.json", 1)), commit.to_string()).unwrap();
    for (time, version) in [(1_000, 0), (1_999, 0), (2_000, 1), (9_000, 2)] {
        assert_eq!(lake.open(AsOf::Timestamp(time)).await.version(), version, "{time}");
    }
    assert_eq!(code(&lake, AsOf::Timestamp(999)).await, ErrorCode::VersionNotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn going_on_from_a_version_gives_what_reading_anew_gives() {
    let mut lake = table();
    let mut adds = Vec::new();
    let mut known = lake.open(AsOf::Latest).await;
    for n in 0..90 {
        let add = one(&lake, n);
        let mut actions = vec![add.clone()];
        if n % 3 == 2 {
            actions.push(remove(&adds.swap_remove(0)));
        }
        adds.push(add);
        lake.commit(actions);
        if n % 2 == 0 {
            known = lake.log().refresh(&known).await.unwrap();
        }
    }
    let known = lake.log().refresh(&known).await.unwrap();
    let anew = lake.open(AsOf::Latest).await;
    assert_eq!((known.version(), known.file_count()), (90, 60));
    assert_eq!(anew.file_count(), 60);
    let sql = "SELECT n FROM t";
    assert_eq!(rows(&known, sql).await, rows(&anew, sql).await);
    assert!(Arc::ptr_eq(&known, &lake.log().refresh(&known).await.unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn new_columns_are_seen_when_going_on() {
    let mut lake = table();
    lake.commit([one(&lake, 1)]);
    let known = lake.open(AsOf::Latest).await;
    let columns = json!([column("n", "long"), column("later", "string")]);
    lake.commit([json!({"metaData": metadata(columns, json!([]))}), one(&lake, 2)]);
    let newest = lake.log().refresh(&known).await.unwrap();
    assert_eq!(rows(&newest, "SELECT * FROM t").await, ["1|null", "2|null"]);
    assert_eq!(rows(&known, "SELECT * FROM t").await, ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_table_at_the_same_place_is_noticed() {
    for versions_of_other in [1, 2, 3] {
        let mut lake = table();
        lake.commit([one(&lake, 1)]);
        let tables = DeltaTables::new(1 << 20);
        tables.state(&lake.log(), AsOf::Latest).await.unwrap();
        let mut other = Lake::plain(json!([column("other", "long")]));
        for version in 1..versions_of_other {
            other.commit([json!({"commitInfo": {"version": version}})]);
        }
        fs::remove_dir_all(lake.path().join("_delta_log")).unwrap();
        fs::rename(other.path().join("_delta_log"), lake.path().join("_delta_log")).unwrap();
        let state = tables.state(&lake.log(), AsOf::Latest).await.unwrap();
        assert_eq!(state.schema().columns().field(0).name(), "other");
        assert_eq!(state.version(), versions_of_other - 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn states_are_shared_and_bounded() {
    let mut lake = table();
    lake.commit([one(&lake, 1)]);
    let log = lake.log();
    let tables = DeltaTables::new(1 << 20);
    let first = tables.state(&log, AsOf::Latest).await.unwrap();
    assert!(Arc::ptr_eq(&first, &tables.state(&log, AsOf::Latest).await.unwrap()));
    assert!(Arc::ptr_eq(&first, &tables.state(&log, AsOf::Version(1)).await.unwrap()));
    assert_eq!(tables.state(&log, AsOf::Version(0)).await.unwrap().version(), 0);
    lake.commit([one(&lake, 2)]);
    assert_eq!(tables.state(&log, AsOf::Latest).await.unwrap().version(), 2);
    assert!(tables.bytes() > 0);
    let narrow = DeltaTables::new(1);
    narrow.state(&log, AsOf::Latest).await.unwrap();
    assert_eq!(narrow.bytes(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_refused_with_its_reason() {
    let empty = tempfile::tempdir().unwrap();
    let root = crate::delta::TableRoot::parse(&format!("{}/", empty.path().display())).unwrap();
    let store = Arc::new(object_store::local::LocalFileSystem::new());
    let nothing = crate::delta::DeltaLog::new(store, root).open(AsOf::Latest).await.unwrap_err();
    assert_eq!(nothing.code(), ErrorCode::LocationEmpty, "{nothing}");

    let columns = json!([column("n", "long")]);
    let unknown = Lake::new(features(&["fooBar"]), metadata(columns.clone(), json!([])));
    let refused = unknown.log().open(AsOf::Latest).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Unsupported);
    assert!(refused.to_string().contains("fooBar"), "{refused}");

    for data_type in ["variant", "geometry(OGC:CRS84)"] {
        let columns = json!([column("v", data_type)]);
        let lake = Lake::new(features(&["variantType"]), metadata(columns, json!([])));
        let refused = lake.log().open(AsOf::Latest).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::Unsupported, "{refused}");
    }

    let mut clone = table();
    let mut outside = one(&clone, 1);
    outside["add"]["path"] = json!("file:///elsewhere/1.parquet");
    clone.commit([outside]);
    assert_eq!(code(&clone, AsOf::Latest).await, ErrorCode::Unsupported);

    let later = json!({
        "minReaderVersion": 4, "minWriterVersion": 7, "readerFeatures": [], "writerFeatures": [],
    });
    let mut managed = features(&["catalogManaged"]);
    managed["writerFeatures"] = json!(["catalogManaged", "inCommitTimestamp"]);
    for (protocol, named) in [
        (json!({"minReaderVersion": 4, "minWriterVersion": 2}), "reader version 4"),
        (later, "reader version than 3"),
        (managed, "catalogManaged"),
    ] {
        let mut metadata = metadata(json!([column("n", "long")]), json!([]));
        metadata["configuration"] = json!({"delta.enableInCommitTimestamps": "true"});
        let refused = Lake::new(protocol, metadata).log().open(AsOf::Latest).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::Unsupported, "{refused}");
        assert!(refused.to_string().contains(named), "{refused}");
    }

    let mut gap = table();
    for n in 1..4 {
        gap.commit([one(&gap, n)]);
    }
    fs::remove_file(gap.path().join(format!("_delta_log/{:020}.json", 2))).unwrap();
    let refused = gap.log().open(AsOf::Latest).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::InvalidFile);
    assert!(refused.to_string().contains("version 2 is missing"), "{refused}");

    // What a system that lost its power leaves may be of the right length, and nothing else.
    for torn in ["{\"add\": 1", "\0\0\0\0", "\0{\"remove\": {}}\0", "no JSON", "7"] {
        let broken = table();
        fs::write(broken.path().join(format!("_delta_log/{:020}.json", 1)), torn).unwrap();
        assert_eq!(code(&broken, AsOf::Latest).await, ErrorCode::InvalidFile, "{torn:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_older_commit_lacks_does_not_matter() {
    let mut older = metadata(json!([]), json!([]));
    older.as_object_mut().unwrap().remove("schemaString");
    let protocol = json!({"minReaderVersion": 1, "minWriterVersion": 2});
    let mut lake = Lake::new(protocol.clone(), older);
    let newer = metadata(json!([column("n", "long")]), json!([]));
    lake.commit([json!({"protocol": protocol}), json!({"metaData": newer}), one(&lake, 1)]);
    assert_eq!(lake.rows("SELECT n FROM t").await, ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_the_same_under_each_spelling_of_its_absolute_path() {
    let mut lake = table();
    let folder = lake.path().display().to_string();
    let spelled = |n: i64, before: &str| {
        let mut add = one(&lake, n);
        add["add"]["path"] = json!(format!("{before}{folder}/{n}.parquet"));
        add
    };
    let [plain, short, long] = ["", "file:", "file://"].map(|before| spelled(1, before));
    let other = spelled(2, "");
    lake.commit([plain, other]);
    lake.commit([remove(&short)]);
    let known = lake.open(AsOf::Latest).await;
    assert_eq!(rows(&known, "SELECT n FROM t").await, ["2"]);
    lake.commit([long]);
    let again = lake.log().refresh(&known).await.unwrap();
    assert_eq!(rows(&again, "SELECT n FROM t").await, ["1", "2"]);
    lake.commit([remove(&short)]);
    let newest = lake.log().refresh(&again).await.unwrap();
    assert_eq!(rows(&newest, "SELECT n FROM t").await, ["2"]);
    assert_eq!(lake.rows("SELECT n FROM t").await, ["2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_whose_log_is_cleaned_up_is_not_found() {
    let mut lake = table();
    for n in 1..4 {
        lake.commit([one(&lake, n)]);
    }
    let latest = lake.open(AsOf::Latest).await;
    assert_eq!(latest.version(), 3);
    fs::remove_file(lake.path().join(format!("_delta_log/{:020}.json", 0))).unwrap();
    assert_eq!(code(&lake, AsOf::Version(1)).await, ErrorCode::VersionNotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_whose_folder_is_gone_is_told_as_such() {
    let lake = table();
    let known = DeltaTables::new(1 << 20);
    known.state(&lake.log(), AsOf::Latest).await.unwrap();
    fs::remove_dir_all(lake.path()).unwrap();
    assert_eq!(code(&lake, AsOf::Latest).await, ErrorCode::LocationEmpty);
    assert_eq!(code(&lake, AsOf::Version(0)).await, ErrorCode::LocationEmpty);
    let error = known.state(&lake.log(), AsOf::Latest).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::LocationEmpty, "{error}");
}
