//! Rows of queries in files of this machine.

mod slow;

use std::collections::HashSet;
use std::fs;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use arrow::datatypes::{Field, Schema};
use datafusion::datasource::provider_as_source;
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::parquet::file::reader::{FileReader, SerializedFileReader};
use datafusion::physical_plan::collect;
use datafusion::prelude::{SessionConfig, SessionContext};
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use tempfile::TempDir;
use url::Url;

use self::slow::Slow;
use super::{FileFormat, FileLayout, FileSink, FileWrite, WriteLimits, WrittenFile, remove_files};
use crate::delta::TableRoot;

/// How long an upload that was given up may take to be gone.
const GIVEN_UP_WITHIN: Duration = Duration::from_secs(30);

/// A session whose operators share so many bytes, with small batches, so that there are several.
fn session(partitions: usize, memory: usize) -> SessionContext {
    let config = SessionConfig::new()
        .with_target_partitions(partitions)
        .with_batch_size(100)
        // What each sorter keeps for its merge; the default is a good part of a small pool.
        .with_sort_spill_reservation_bytes(1 << 20);
    let pool = Arc::new(FairSpillPool::new(memory));
    let runtime = RuntimeEnvBuilder::new().with_memory_pool(pool).build_arc().unwrap();
    SessionContext::new_with_config_rt(config, runtime)
}

/// Writes the rows of `sql` as `change` says.
async fn written(
    place: &str,
    sql: &str,
    change: impl FnOnce(&mut FileWrite),
) -> (FileWrite, Result<Vec<WrittenFile>, DataFusionError>) {
    written_by(&session(2, 1 << 30), place, sql, change).await
}

async fn written_by(
    session: &SessionContext,
    place: &str,
    sql: &str,
    change: impl FnOnce(&mut FileWrite),
) -> (FileWrite, Result<Vec<WrittenFile>, DataFusionError>) {
    let query = session.sql(sql).await.unwrap().into_unoptimized_plan();
    let mut write = FileWrite {
        root: TableRoot::parse(place).unwrap(),
        stem: "statement".to_string(),
        layout: FileLayout::Own,
        columns: Arc::new(Schema::clone(query.schema().as_arrow())),
        partitions: Vec::new(),
        format: FileFormat::PARQUET,
        limits: WriteLimits { file_bytes: 1 << 20, ..WriteLimits::default() },
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
    let (_, files) = written(&place, sql, |write| write.limits.file_bytes = 20_000).await;
    let files = files.unwrap();
    assert!(files.len() > 3, "{}", files.len());
    assert_eq!(rows(&files), 5_000);
    for file in &files {
        assert_eq!(fs::metadata(format!("/{}", file.path)).unwrap().len(), file.bytes);
        assert!(file.bytes < 60_000, "{}", file.bytes);
    }
}

#[tokio::test]
async fn a_dictionary_that_the_first_file_gave_up_is_not_begun_in_the_next() {
    let (_folder, place) = folder();
    let sql = "SELECT value * 7919 % 1000003 AS each_once, value % 10 AS few \
               FROM generate_series(1, 800000)";
    let (_, files) = written(&place, sql, |write| write.limits.file_bytes = 3 << 19).await;
    let files = files.unwrap();
    assert_eq!(rows(&files), 800_000);
    let mut later = 0;
    for file in &files {
        let is_first = file.path.ends_with("-0.parquet");
        let file = fs::File::open(format!("/{}", file.path)).unwrap();
        let footer = SerializedFileReader::new(file).unwrap().metadata().row_group(0).clone();
        let has_dictionary =
            |column: usize| footer.column(column).dictionary_page_offset().is_some();
        assert_eq!([has_dictionary(0), has_dictionary(1)], [is_first, true], "{files:?}");
        later += usize::from(!is_first);
    }
    assert!(later > 0, "{files:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_partition_value_has_one_file_though_its_rows_come_in_any_order() {
    let (_folder, place) = folder();
    // Ten thousand values and NULL, each twenty times, in more rows than fit into memory.
    let sql = "SELECT nullif(value * 7919 % 10001, 10000) AS p, value, \
               repeat(CAST(value AS VARCHAR), 40) AS text FROM generate_series(1, 200020)";
    let (_, files) = written_by(&session(2, 80 << 20), &place, sql, |write| {
        write.partitions = vec![0];
        write.layout = FileLayout::Hive;
    })
    .await;
    let files = files.unwrap();
    assert_eq!(rows(&files), 200_020);
    assert_eq!(files.len(), 10_001);
    let values: HashSet<_> = files.iter().map(|file| file.partition_values.clone()).collect();
    assert_eq!(values.len(), 10_001);
    for file in &files {
        let value = file.partition_values[0].as_deref().unwrap_or("__HIVE_DEFAULT_PARTITION__");
        assert!(file.path.contains(&format!("/p={value}/statement-")), "{}", file.path);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_a_partition_value_keep_the_order_that_is_asked_for() {
    let (_folder, place) = folder();
    let sql = "SELECT value % 3 AS p, value FROM generate_series(1, 3000) ORDER BY value DESC";
    let (_, files) = written(&place, sql, |write| {
        write.partitions = vec![0];
        write.format = FileFormat::CSV;
    })
    .await;
    for file in files.unwrap() {
        let text = fs::read_to_string(format!("/{}", file.path)).unwrap();
        let values: Vec<i64> = text.lines().skip(1).map(|line| line.parse().unwrap()).collect();
        assert!(values.is_sorted_by(|a, b| a > b), "{}", file.path);
        assert_eq!(values.len(), 1000);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_writer_keeps_of_a_file_is_counted_in_every_format() {
    const TEXT: &str = "CAST(md5(CAST(value AS VARCHAR)) AS VARCHAR)";
    let columns = (0..8).map(|n| format!("{TEXT} || {n} AS c{n}")).collect::<Vec<_>>().join(", ");
    // A part of a file is ten megabytes: the small query stays below, the large one has several.
    let query = |rows: usize| format!("SELECT {columns} FROM generate_series(1, {rows})");
    for format in [FileFormat::PARQUET, FileFormat::CSV, FileFormat::Json] {
        let (_folder, place) = folder();
        let whole = |write: &mut FileWrite| {
            write.format = format;
            write.limits.file_bytes = 1 << 30;
        };
        let starved = session(1, 2 << 20);
        let (_, refused) = written_by(&starved, &place, &query(25_000), whole).await;
        let refused = refused.unwrap_err();
        let is_about_memory = matches!(refused.find_root(), DataFusionError::ResourcesExhausted(_));
        assert!(is_about_memory, "{format}: {refused}");
        let (_, files) = written_by(&session(1, 20 << 20), &place, &query(150_000), whole).await;
        let files = files.unwrap();
        assert_eq!((files.len(), rows(&files)), (1, 150_000), "{format}");
        assert!(files[0].bytes > 25 << 20, "{format}: {}", files[0].bytes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_files_are_on_their_way_than_may_be() {
    let store = Slow::store();
    let session = session(1, 1 << 30);
    let url = Url::parse("slow://store").unwrap();
    session.runtime_env().register_object_store(&url, Arc::clone(&store) as _);
    let sql = "SELECT value % 100 AS p, value FROM generate_series(1, 1000)";
    for open_files in [1, 4] {
        let (_, files) = written_by(&session, "slow://store/t/", sql, |write| {
            write.partitions = vec![0];
            write.limits.open_files = NonZeroUsize::new(open_files).unwrap();
        })
        .await;
        assert_eq!(files.unwrap().len(), 100);
        assert_eq!(store.between.most.swap(0, Ordering::Relaxed), open_files);
    }
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
        write.limits.file_bytes = 1_000;
    })
    .await;
    let refused = files.unwrap_err().to_string();
    assert!(refused.contains("\"n\" takes no NULL"), "{refused}");
    let store: Arc<dyn ObjectStore> = Arc::new(LocalFileSystem::new());
    let removed = remove_files(&store, &write, &HashSet::new()).await.unwrap();
    assert!(removed > 0);
    // An upload that was given up is removed by a task of its own; the folder may go with it.
    let left = || fs::read_dir(folder.path()).map_or(0, Iterator::count);
    let gone = async {
        while left() > 0 {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(GIVEN_UP_WITHIN, gone).await.is_ok(), "{} files are left", left());
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

#[tokio::test]
async fn what_a_killed_writer_has_left_is_removed_and_nothing_else() {
    for layout in [FileLayout::Own, FileLayout::Hive] {
        let (folder, place) = folder();
        let (write, files) = written(&place, "SELECT 1 AS n", |write| write.layout = layout).await;
        let kept = files.unwrap().into_iter().map(|file| file.path).collect();
        let own = match layout {
            FileLayout::Own => folder.path().join("statement"),
            _ => folder.path().join("p=1"),
        };
        fs::create_dir_all(&own).unwrap();
        // As the store names what is not finished.
        let left = own.join("statement-00000-0a-0-0.parquet#1");
        let others = ["p=1/other-0.parquet#1", "p=1/statement#a.csv", "other.parquet"]
            .map(|name| folder.path().join(name));
        fs::create_dir_all(folder.path().join("p=1")).unwrap();
        for file in others.iter().chain([&left]) {
            fs::write(file, "left").unwrap();
        }
        let store: Arc<dyn ObjectStore> = Arc::new(LocalFileSystem::new());
        let is_shared = layout == FileLayout::Hive;
        assert_eq!(remove_files(&store, &write, &kept).await.unwrap(), 1 + usize::from(is_shared));
        assert!(!left.exists());
        assert!(kept.iter().all(|path| fs::exists(format!("/{path}")).unwrap()));
        // Of a shared folder only what begins as the statement's files do.
        let stay = others.iter().filter(|path| path.exists()).count();
        assert_eq!(stay, if is_shared { 2 } else { 3 });
        remove_files(&store, &write, &HashSet::new()).await.unwrap();
        assert!(!folder.path().join("statement").exists());
    }
}
