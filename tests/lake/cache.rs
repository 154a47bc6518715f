//! Objects that are read again: from the cache, and never another version than the store has.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use lakegate_tests::executor::{self, Executor};
use lakegate_tests::server;
use lakegate_tests::sql::{Sql, runtime};
use lakegate_tests::{Cluster, Requirement, data, tests, wait};
use libtest_mimic::Trial;
use object_store::ObjectStoreExt;
use object_store::path::Path as ObjectPath;
use tempfile::TempDir;

use crate::bounds::metric;
use crate::minio::{BUCKET, KEY, Minio, SECRET};
use crate::stored;

/// Disk space that the caches of these tests have.
const DISK: u64 = 3 << 20;
/// Where a record has the name of its first block, and how long that is.
const NAME_AT: usize = 12;
const NAME_BYTES: usize = 32;
/// How long blocks may wait to be written.
const WRITE_DEADLINE: Duration = Duration::from_secs(20);
const QUERY: &str = "SELECT count(*), sum(n) FROM numbers WHERE n >= 0";

pub(crate) fn tests() -> Vec<Trial> {
    const NEEDS: &[Requirement] = &[Requirement::Tool("minio")];
    tests![needs NEEDS;
        what_was_read_once_comes_from_the_cache,
        a_replaced_object_is_read_anew,
        a_file_is_kept_by_one_executor,
        killed_executors_leave_no_more_than_the_bound_and_start_with_it,
    ]
}

/// One executor whose folder outlives it, and a table of one Parquet object.
struct Lake {
    minio: Minio,
    cluster: Cluster,
    admin: Sql,
    folder: TempDir,
}

impl Lake {
    fn new() -> Self {
        let minio = Minio::start();
        put(&minio, "numbers-0.parquet");
        let options = server::Options::default();
        let disk = DISK.to_string();
        let options = options.with_variable("LAKEGATE_STORE__CACHE_DISK", &disk);
        let mut cluster = Cluster::start_with(options, 0);
        let folder = tempfile::tempdir().unwrap();
        cluster.executors.push(executor(&cluster, folder.path()));
        cluster.wait_for_active(1);
        let mut admin = cluster.server.connect();
        locate(&mut admin, &minio);
        admin.run(&format!(
            "CREATE EXTERNAL TABLE numbers STORED AS PARQUET LOCATION 's3://{BUCKET}/n.parquet'"
        ));
        Self { minio, cluster, admin, folder }
    }

    fn on(&mut self, tier: &str) -> Vec<Vec<String>> {
        self.admin.run(&format!("SET lakegate.execution.tier = '{tier}'"));
        self.admin.run(QUERY)
    }
}

/// Makes the bucket known.
fn locate(admin: &mut Sql, minio: &Minio) {
    admin.run(&format!(
        "CREATE CREDENTIAL minio TYPE S3 \
         WITH (access_key_id = '{KEY}', secret_access_key = '{SECRET}')"
    ));
    admin.run(&format!(
        "CREATE LOCATION raw URL 's3://{BUCKET}/' CREDENTIAL minio WITH \
         (endpoint = '{}', region = 'us-east-1', path_style = true, allow_http = true)",
        minio.endpoint()
    ));
}

fn put(minio: &Minio, file: &str) {
    let bytes = fs::read(data::small().join("parts").join(file)).unwrap();
    let path = ObjectPath::from("n.parquet");
    runtime().block_on(minio.store().put(&path, bytes.into())).unwrap();
}

fn executor(cluster: &Cluster, folder: &Path) -> Executor {
    executor::Options::new(cluster.server.cluster_address())
        .with_data_folder(folder)
        .with_variable("LAKEGATE_STORE__CACHE_DISK", &DISK.to_string())
        .with_arguments(&["--cores", "1"])
        .start("executor with a folder of the test")
}

fn bytes_in(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).unwrap().flatten();
    files.filter_map(|file| Some(file.metadata().ok()?.len())).sum()
}

/// The names of the first blocks of each record in the files of a cache.
fn blocks_in(folder: &Path) -> HashSet<Vec<u8>> {
    let files = fs::read_dir(folder).unwrap().flatten().map(|file| file.path());
    let files: Vec<_> = files.map(|path| fs::read(path).unwrap()).collect();
    let named = |record: &[u8]| Some(record.strip_prefix(b"LGB3")?[NAME_AT - 4..].to_vec());
    files.iter().flat_map(|bytes| bytes.windows(NAME_AT + NAME_BYTES).filter_map(named)).collect()
}

fn what_was_read_once_comes_from_the_cache() {
    let mut lake = Lake::new();
    for (tier, by) in [("local", "by=\"server\""), ("durable", "by=\"executors\"")] {
        let first = lake.on(tier);
        let hits = metric(&lake.cluster, "lakegate_store_cache_hits_total", &[by]);
        let misses = metric(&lake.cluster, "lakegate_store_cache_misses_total", &[by]);
        assert!(misses > 0.0, "{tier}");
        assert_eq!(lake.on(tier), first, "{tier}");
        let hits_now = metric(&lake.cluster, "lakegate_store_cache_hits_total", &[by]);
        let misses_now = metric(&lake.cluster, "lakegate_store_cache_misses_total", &[by]);
        assert!(hits_now > hits, "{tier}: {hits_now} hits after {hits}");
        assert!((misses_now - misses).abs() < 0.5, "{tier}: something was read anew");
    }
}

fn a_replaced_object_is_read_anew() {
    let mut lake = Lake::new();
    for tier in ["local", "durable"] {
        put(&lake.minio, "numbers-0.parquet");
        assert_eq!(lake.on(tier), [["250", "31125"]], "{tier}");
        put(&lake.minio, "numbers-1.parquet");
        assert_eq!(lake.on(tier), [["250", "93625"]], "{tier}");
    }
}

fn a_file_is_kept_by_one_executor() {
    let minio = Minio::start();
    stored::upload(minio.store(), "raw");
    let cluster = Cluster::start(2);
    let mut admin = cluster.server.connect();
    locate(&mut admin, &minio);
    let url = format!("s3://{BUCKET}/raw/parts/");
    admin.run(&format!("CREATE EXTERNAL TABLE numbers STORED AS PARQUET LOCATION '{url}'"));
    admin.run("SET lakegate.execution.tier = 'durable'");
    for least in 0..6 {
        admin.run(&format!("SELECT count(*), sum(n) FROM numbers WHERE n >= {least}"));
    }
    let caches = cluster.executors.iter().map(|executor| executor.data_folder().join("cache"));
    let caches: Vec<_> = caches.collect();
    // Each of the four files is one block, written a little after it was read.
    let blocks = wait::until("all files on disk", WRITE_DEADLINE, || {
        let blocks: Vec<_> = caches.iter().map(|cache| blocks_in(cache)).collect();
        let count = blocks.iter().map(HashSet::len).sum::<usize>();
        if count >= 4 { Ok(blocks) } else { Err(format!("{count} blocks")) }
    });
    let counts: Vec<_> = blocks.iter().map(HashSet::len).collect();
    assert_eq!(counts, [2, 2], "a file was read by both executors, or all by one");
}

fn killed_executors_leave_no_more_than_the_bound_and_start_with_it() {
    let mut lake = Lake::new();
    let expected = lake.on("durable");
    lake.cluster.executors[0].kill();
    lake.cluster.wait_for_active(0);
    let cache = lake.folder.path().join("cache");
    // What a process leaves that is killed while it writes, or that had a larger bound.
    fs::write(cache.join("unfinished"), vec![0; 1 << 20]).unwrap();
    for name in 0..9_u8 {
        let file = format!("{}.blocks", format!("{name:02x}").repeat(8));
        fs::write(cache.join(file), vec![name; 1 << 20]).unwrap();
    }
    lake.cluster.executors[0] = executor(&lake.cluster, lake.folder.path());
    lake.cluster.wait_for_active(1);
    assert!(bytes_in(&cache) <= DISK, "{} bytes", bytes_in(&cache));
    assert!(!cache.join("unfinished").exists());
    assert_eq!(lake.on("durable"), expected);
    assert!(bytes_in(&cache) <= DISK);
}
