//! Checkpoints: logs whose first commits are gone, and states that go on across them.

use std::fs;
use std::sync::Arc;

use delta_kernel::Snapshot;
use delta_kernel_default_engine::DefaultEngineBuilder;
use delta_kernel_default_engine::executor::tokio::TokioMultiThreadExecutor;
use lakegate_common::{Coded, ErrorCode};
use object_store::local::LocalFileSystem;
use serde_json::{Value, json};

use super::support::{Lake, column, long, longs, plan, remove, rows};
use crate::delta::AsOf;
use crate::delta::blocking::blocking;

async fn checkpoint(lake: &Lake) {
    let url = lake.root().to_string();
    let engine = DefaultEngineBuilder::new(Arc::new(LocalFileSystem::new()))
        .with_task_executor(Arc::new(TokioMultiThreadExecutor::new(
            tokio::runtime::Handle::current(),
        )))
        .build();
    let written = blocking(move |_| {
        Snapshot::builder_for(url).build(&engine)?.checkpoint(&engine, None).map(drop)
    });
    written.await.unwrap();
}

fn add(lake: &Lake, n: i64) -> Value {
    let mut add = lake.file(&format!("{n}.parquet"), vec![(long("n"), longs([n]))]);
    let statistics = json!({
        "numRecords": 1, "minValues": {"n": n}, "maxValues": {"n": n}, "nullCount": {"n": 0},
    });
    add["add"]["stats"] = json!(statistics.to_string());
    add
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_which_only_a_checkpoint_is_left_has_rows_and_no_history() {
    let mut lake = Lake::plain(json!([column("n", "long")]));
    lake.commit([add(&lake, 1)]);
    checkpoint(&lake).await;
    for version in 0..2 {
        fs::remove_file(lake.path().join(format!("_delta_log/{version:020}.json"))).unwrap();
    }
    assert_eq!(lake.rows("SELECT n FROM t").await, ["1"]);
    assert!(lake.log().history(10).await.unwrap().is_empty());
    fs::remove_dir_all(lake.path().join("_delta_log")).unwrap();
    assert_eq!(lake.log().history(10).await.unwrap_err().code(), ErrorCode::LocationEmpty);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_checkpoint_holds_needs_no_commits() {
    let mut lake = Lake::plain(json!([column("n", "long")]));
    let first = add(&lake, 1);
    lake.commit([first.clone()]);
    for n in 2..6 {
        lake.commit([add(&lake, n)]);
    }
    lake.commit([remove(&first)]);
    checkpoint(&lake).await;
    for version in 0..6 {
        fs::remove_file(lake.path().join(format!("_delta_log/{version:020}.json"))).unwrap();
    }
    lake.commit([add(&lake, 7)]);
    let state = lake.open(AsOf::Latest).await;
    assert_eq!(rows(&state, "SELECT n FROM t").await, ["2", "3", "4", "5", "7"]);
    let pruned = plan(&state, "SELECT n FROM t WHERE n = 4").await;
    let read = |n: i64| pruned.contains(&format!("/{n}.parquet"));
    assert!(read(4) && ![2, 3, 5, 7].into_iter().any(read), "{pruned}");
    assert_eq!(lake.open(AsOf::Version(6)).await.file_count(), 4);
    let gone = lake.log().open(AsOf::Version(3)).await.unwrap_err();
    assert_eq!(gone.code(), ErrorCode::VersionNotFound, "{gone}");
    assert_eq!(lake.log().history(9).await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_goes_on_across_checkpoints() {
    let mut lake = Lake::plain(json!([column("n", "long")]));
    let mut known = lake.open(AsOf::Latest).await;
    let mut last: Option<Value> = None;
    for n in 0..130 {
        let added = add(&lake, n);
        let replaced = last.replace(added.clone()).filter(|_| n % 2 == 0);
        lake.commit(replaced.iter().map(remove).chain([added]));
        if n % 20 == 5 {
            checkpoint(&lake).await;
        }
        if n % 3 == 0 || n > 100 {
            known = lake.log().refresh(&known).await.unwrap();
        }
    }
    let anew = lake.open(AsOf::Latest).await;
    assert_eq!((known.version(), known.file_count()), (130, 66));
    assert_eq!(anew.file_count(), 66);
    let sql = "SELECT sum(n), count(*) FROM t";
    assert_eq!(rows(&known, sql).await, rows(&anew, sql).await);
}
