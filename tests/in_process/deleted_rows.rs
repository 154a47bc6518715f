//! A Delta table with deleted rows, of one large file.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::physical_plan::{ExecutionPlanProperties, displayable};
use datafusion::prelude::{SessionConfig, SessionContext};
use lakegate_common::ByteSize;
use lakegate_lake::StringLayout;
use lakegate_lake::delta::{AsOf, DeltaLog, DeltaTable, TableRoot};
use lakegate_scheduler::durable;
use lakegate_scheduler::query::QueryId;

use super::support::{Fleet, read, until};

const ROWS: u64 = 300_000;
/// Deletes the rows 3, 4, 7, 11, 18 and 29.
const VECTOR: &str = "^Bg9^0rr910000000000iXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L";
const DELETED: u64 = 3 + 4 + 7 + 11 + 18 + 29;

/// Writes the table: a file of several row groups, in which the number of a row is its value.
async fn write(folder: &Path) {
    let session = SessionContext::new();
    let file = folder.join("a.parquet");
    let sql = format!(
        "COPY (SELECT value AS n FROM generate_series(0, {})) TO '{}' \
         OPTIONS ('format.max_row_group_size' '30000')",
        ROWS - 1,
        file.display()
    );
    session.sql(&sql).await.unwrap().collect().await.unwrap();
    let size = fs::metadata(file).unwrap().len();
    let features = r#"["deletionVectors"]"#;
    let schema = r#"{\"type\":\"struct\",\"fields\":[{\"name\":\"n\",\"type\":\"long\",\"nullable\":true,\"metadata\":{}}]}"#;
    let actions = format!(
        r#"{{"protocol":{{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":{features},"writerFeatures":{features}}}}}
{{"metaData":{{"id":"a","format":{{"provider":"parquet","options":{{}}}},"configuration":{{}},"schemaString":"{schema}","partitionColumns":[],"createdTime":0}}}}
{{"add":{{"path":"a.parquet","partitionValues":{{}},"size":{size},"modificationTime":0,"dataChange":true,"stats":"{{\"numRecords\":{ROWS}}}","deletionVector":{{"storageType":"i","pathOrInlineDv":"{VECTOR}","sizeInBytes":44,"cardinality":6}}}}}}"#
    );
    let log = folder.join("_delta_log");
    fs::create_dir(&log).unwrap();
    fs::write(log.join(format!("{:020}.json", 0)), actions).unwrap();
}

/// A session in which plans for the executors are made, with the table `t`.
async fn session(fleet: &Fleet, folder: &Path) -> Arc<SessionContext> {
    let mut config = SessionConfig::new();
    config.options_mut().optimizer.repartition_file_min_size = 1;
    let config = fleet.durable.session_config(config);
    let state = fleet.durable.session_state(config, Arc::new(RuntimeEnv::default()));
    let session = SessionContext::new_with_state(state);
    let root = TableRoot::parse(&format!("{}/", folder.display())).unwrap();
    let log = DeltaLog::in_session(&session.state(), root).unwrap();
    let table = DeltaTable::new(log.open(AsOf::Latest).await.unwrap(), StringLayout::Plain);
    session.register_table("t", Arc::new(table)).unwrap();
    Arc::new(session)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_executor_reads_a_part_of_one_file_with_deleted_rows() {
    let config = durable::Config { hold_back: ByteSize(0), ..durable::Config::default() };
    let fleet = Fleet::start(2, config).await;
    let folder = tempfile::tempdir().unwrap();
    write(folder.path()).await;
    let session = session(&fleet, folder.path()).await;
    let plan = session.sql("SELECT n, n + 1 FROM t").await.unwrap();
    let plan = plan.create_physical_plan().await.unwrap();
    let shown = displayable(plan.as_ref()).indent(false).to_string();
    assert!(shown.contains("DeltaScanExec"), "{shown}");
    assert!(plan.output_partitioning().partition_count() >= 2, "{shown}");
    let all = fleet.durable.run(QueryId::new(), Arc::clone(&session), plan).await.unwrap();
    // Each has one core, and files of a query stay where they were made while nobody has read them.
    until("both executors have made rows", || {
        fleet.executors.iter().all(|executor| executor.jobs() > 0)
    })
    .await;
    let tasks: Vec<usize> = all.progress.borrow().iter().map(|stage| stage.tasks).collect();
    assert!(tasks.first().is_some_and(|tasks| *tasks >= 2), "{tasks:?}");
    drop(all);
    let sums = session.sql("SELECT count(*), sum(n), sum(n + 1) FROM t WHERE n >= 0").await;
    let plan = sums.unwrap().create_physical_plan().await.unwrap();
    let sums = fleet.durable.run(QueryId::new(), session, plan).await.unwrap();
    let (rows, sum) = (ROWS - 6, ROWS * (ROWS - 1) / 2 - DELETED);
    let line = format!("| {rows} | {sum} | {} |", sum + rows);
    let read: String = read(sums).await.unwrap().split_whitespace().collect();
    let line: String = line.split_whitespace().collect();
    assert!(read.contains(&line), "{read} has no {line}");
}
