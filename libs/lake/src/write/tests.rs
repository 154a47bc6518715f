//! Rows of queries in files of this machine.

use std::collections::HashSet;
use std::fs;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema};
use datafusion::datasource::provider_as_source;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::physical_plan::collect;
use datafusion::prelude::{SessionConfig, SessionContext};
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use tempfile::TempDir;

use super::{FileFormat, FileLayout, FileSink, FileWrite, WrittenFile, remove_files};
use crate::delta::TableRoot;

fn session() -> SessionContext {
    // Small batches, so that there are several.
    SessionContext::new_with_config(
        SessionConfig::new().with_target_partitions(2).with_batch_size(100),
    )
}

/// Writes the rows of `sql` as `change` says.
async fn written(
    place: &str,
    sql: &str,
    change: impl FnOnce(&mut FileWrite),
) -> (FileWrite, Result<Vec<WrittenFile>, DataFusionError>) {
    let session = session();
    let query = session.sql(sql).await.unwrap().into_unoptimized_plan();
    let mut write = FileWrite {
        root: TableRoot::parse(place).unwrap(),
        stem: "statement".to_string(),
        layout: FileLayout::Own,
        columns: Arc::new(Schema::clone(query.schema().as_arrow())),
        partitions: Vec::new(),
        format: FileFormat::PARQUET,
        file_bytes: 1 << 20,
    };
    change(&mut write);
    let sink = provider_as_source(Arc::new(FileSink::new(Arc::new(write.clone()))));
    let plan = LogicalPlanBuilder::insert_into(query, "t", sink, InsertOp::Append).unwrap();
    let frame = session.execute_logical_plan(plan.build().unwrap()).await.unwrap();
    let plan = frame.create_physical_plan().await.unwrap();
    let files = collect(plan, session.task_ctx()).await.map(|told| {
        told.iter().flat_map(|batch| WrittenFile::from_batch(batch).unwrap()).collect()
    });
    (write, files)
}

fn folder() -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let place = format!("{}/", folder.path().display());
    (folder, place)
}

fn rows(files: &[WrittenFile]) -> u64 {
    files.iter().map(|file| file.rows).sum()
}

#[tokio::test]
async fn a_file_that_is_full_is_followed_by_the_next() {
    let (_folder, place) = folder();
    let sql =
        "SELECT value, repeat(CAST(value AS VARCHAR), 20) AS text FROM generate_series(1, 5000)";
    let (_, files) = written(&place, sql, |write| write.file_bytes = 20_000).await;
    let files = files.unwrap();
    assert!(files.len() > 3, "{}", files.len());
    assert_eq!(rows(&files), 5_000);
    for file in &files {
        assert_eq!(fs::metadata(format!("/{}", file.path)).unwrap().len(), file.bytes);
        assert!(file.bytes < 60_000, "{}", file.bytes);
    }
}

#[tokio::test]
async fn more_partition_values_than_open_files_are_all_written() {
    let (_folder, place) = folder();
    let sql = "SELECT value % 300 AS p, value FROM generate_series(1, 3000)";
    let (_, files) = written(&place, sql, |write| {
        write.partitions = vec![0];
        write.layout = FileLayout::Hive;
    })
    .await;
    let files = files.unwrap();
    assert_eq!(rows(&files), 3_000);
    let values: HashSet<_> = files.iter().map(|file| file.partition_values.clone()).collect();
    assert_eq!(values.len(), 300);
    assert!(files.iter().all(|file| {
        file.path
            .contains(&format!("/p={}/statement-", file.partition_values[0].as_deref().unwrap()))
    }));
}

#[tokio::test]
async fn one_file_has_all_rows_in_their_order() {
    let (folder, _) = folder();
    let place = format!("{}/rows.csv", folder.path().display());
    let sql = "SELECT value FROM generate_series(1, 500) ORDER BY value DESC";
    let (_, files) = written(&place, sql, |write| {
        write.layout = FileLayout::Single;
        write.format = FileFormat::CSV;
    })
    .await;
    assert_eq!(files.unwrap().len(), 1);
    let text = fs::read_to_string(place).unwrap();
    let expected: Vec<_> = std::iter::once("value".to_string())
        .chain((1..=500).rev().map(|n| n.to_string()))
        .collect();
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn a_null_where_none_may_be_fails_and_its_files_can_be_removed() {
    let (folder, place) = folder();
    let sql = "SELECT nullif(value, 4000) AS n FROM generate_series(1, 5000)";
    let (write, files) = written(&place, sql, |write| {
        let field = write.columns.field(0).clone();
        write.columns = Arc::new(Schema::new(vec![Field::clone(&field).with_nullable(false)]));
        write.file_bytes = 1_000;
    })
    .await;
    let refused = files.unwrap_err().to_string();
    assert!(refused.contains("\"n\" takes no NULL"), "{refused}");
    let store: Arc<dyn ObjectStore> = Arc::new(LocalFileSystem::new());
    let removed = remove_files(&store, &write, &HashSet::new()).await.unwrap();
    assert!(removed > 0);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn files_of_other_statements_stay_when_those_of_one_are_removed() {
    let (folder, place) = folder();
    fs::write(folder.path().join("other.parquet"), "not ours").unwrap();
    let hive = |write: &mut FileWrite| write.layout = FileLayout::Hive;
    let (write, files) = written(&place, "SELECT 1 AS n", hive).await;
    let kept = files.unwrap().into_iter().map(|file| file.path).collect();
    let store: Arc<dyn ObjectStore> = Arc::new(LocalFileSystem::new());
    assert_eq!(remove_files(&store, &write, &kept).await.unwrap(), 0);
    assert_eq!(remove_files(&store, &write, &HashSet::new()).await.unwrap(), 1);
    assert!(folder.path().join("other.parquet").is_file());
}
