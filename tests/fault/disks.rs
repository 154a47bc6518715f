//! Disks that are full: spilled data and shuffle files find no room.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use lakegate_tests::{Cluster, Requirement, cluster, executor, server, tests, wait, workload};
use libtest_mimic::Trial;
use tempfile::TempDir;

/// Codes that say what happened: no room on the disk, or no memory because spilling found none.
const EXPECTED_CODES: [&str; 2] = ["disk_full", "memory_exhausted"];
/// Its rows, which an executor keeps on its disk until they are fetched, need far more than a small
/// disk has.
const BIG_RESULT: &str = "SELECT * FROM flights";
/// Sorts more than the memory limit of these tests.
const BIG_SORT: &str = "SELECT count(*), max(r) FROM (SELECT row_number() OVER (ORDER BY destination, \
                        delay, distance, origin, date) AS r FROM flights)";

pub(crate) fn tests() -> Vec<Trial> {
    let mut all = tests![needs &[Requirement::Root, Requirement::Tool("mount")];
        a_full_spill_folder_of_the_server_fails_one_query_with_a_code,
        a_full_disk_of_an_executor_fails_one_query_with_a_code,
        a_server_whose_disk_was_full_works_again_when_there_is_room,
    ];
    all.extend(tests![a_spill_limit_fails_one_query_with_a_code]);
    all
}

/// A small file system in memory, mounted for the life of this value.
struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    fn mount(mebibytes: u32) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        mount(&["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "tmpfs"], folder.path());
        Self { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().to_path_buf()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily, because a killed process may still hold files for a moment.
        let _ = Command::new("umount").arg("--lazy").arg(self.folder.path()).status();
    }
}

fn mount(arguments: &[&str], folder: &Path) {
    let status = Command::new("mount").args(arguments).arg(folder).status().expect("mount runs");
    assert!(status.success(), "mount: {status}");
}

fn a_full_spill_folder_of_the_server_fails_one_query_with_a_code() {
    let disk = SmallDisk::mount(24);
    let options = server::Options::default()
        .with_data_folder(&disk.path())
        .with_variable("LAKEGATE_LOCAL__MEMORY_LIMIT", "48MiB");
    let mut server = options.start();
    workload::create_flights(&server);
    let error = server.connect().fail(BIG_SORT);
    assert!(EXPECTED_CODES.contains(&error.code()), "{error}");
    server.assert_unharmed();
    assert_eq!(server.connect().run("SELECT count(*) FROM flights"), [["3000000"]]);
}

fn a_full_disk_of_an_executor_fails_one_query_with_a_code() {
    let disk = SmallDisk::mount(8);
    let mut cluster = Cluster::start(0);
    workload::create_flights(&cluster.server);
    let options = executor::Options::new(cluster.server.cluster_address());
    let options = options.with_data_folder(&disk.path()).with_arguments(&["--cores", "1"]);
    let mut executor = options.start("executor with a small disk");
    cluster::wait_for_active(&cluster.server, 1, Duration::from_secs(60));
    let mut sql = workload::connect_with_tier(&cluster.server, "durable");
    let error = sql.fail(BIG_RESULT);
    assert!(EXPECTED_CODES.contains(&error.code()), "{error}");
    assert!(executor.process().is_running(), "{}", executor.process().log_tail());
    assert_eq!(sql.run("SELECT count(*) FROM flights"), [["3000000"]]);
    cluster.server.assert_unharmed();
}

fn a_spill_limit_fails_one_query_with_a_code() {
    let options = server::Options::default()
        .with_variable("LAKEGATE_LOCAL__MEMORY_LIMIT", "48MiB")
        .with_variable("LAKEGATE_LOCAL__SPILL_LIMIT", "8MiB");
    let mut server = options.start();
    workload::create_flights(&server);
    let error = server.connect().fail(BIG_SORT);
    assert!(EXPECTED_CODES.contains(&error.code()), "{error}");
    server.assert_unharmed();
}

/// Writes into a file until nothing more fits.
fn fill(path: &Path) {
    let mut filler = fs::File::create(path).expect("the file can be made");
    for size in [1 << 16, 1 << 12, 1] {
        while filler.write_all(&vec![7; size]).is_ok() {}
    }
}

fn a_server_whose_disk_was_full_works_again_when_there_is_room() {
    let disk = SmallDisk::mount(24);
    let mut server = server::Options::default().with_data_folder(&disk.path()).start();
    let mut sql = server.connect();
    sql.run("CREATE TABLE there (n BIGINT)");
    let filler = disk.path().join("filler");
    fill(&filler);
    for statement in [
        "CREATE TABLE made (n BIGINT)",
        "CREATE TABLE filled AS SELECT value, md5(CAST(value AS VARCHAR)) AS text \
         FROM generate_series(1, 100000)",
        "INSERT INTO there SELECT value FROM generate_series(1, 1000000)",
    ] {
        let error = sql.fail(statement);
        assert_eq!(error.code(), "disk_full", "{statement}: {error}");
    }
    let schemas = (0..8).map(|number| sql.rows(&format!("CREATE SCHEMA full_{number}")));
    let failed: Vec<_> = schemas.filter_map(Result::err).collect();
    assert!(!failed.is_empty(), "the catalog still found room");
    for error in failed {
        assert_eq!(error.code(), "disk_full", "{error}");
    }
    fs::remove_file(&filler).expect("the file can be removed");
    for number in 0..8 {
        sql.run(&format!("CREATE SCHEMA schema_{number}"));
        sql.run("SELECT count(*) FROM system.queries");
    }
    sql.run("INSERT INTO there VALUES (1)");
    assert_eq!(sql.run("SELECT count(*) FROM there"), [["1"]]);
    let tables = || fs::read_dir(disk.path().join("tables")).expect("it has tables").count();
    wait::until("nothing to be left of what failed", Duration::from_secs(30), || match tables() {
        1 => Ok(()),
        more => Err(format!("{more} folders")),
    });
    server.assert_unharmed();
}
