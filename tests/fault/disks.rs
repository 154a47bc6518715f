//! Disks that are full: spilled data and shuffle files find no room.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use lakegate_tests::{Cluster, Requirement, cluster, executor, server, tests, workload};
use libtest_mimic::Trial;
use tempfile::TempDir;

/// Codes that say what happened: no room on the disk, or no memory because spilling found none.
const EXPECTED_CODES: [&str; 2] = ["disk_full", "memory_exhausted"];
/// Sorts more than the memory limit of these tests.
const BIG_SORT: &str = "SELECT count(*), max(r) FROM (SELECT row_number() OVER (ORDER BY destination, \
                        delay, distance, origin, date) AS r FROM flights)";

pub(crate) fn tests() -> Vec<Trial> {
    let mut all = tests![needs &[Requirement::Root, Requirement::Tool("mount")];
        a_full_spill_folder_of_the_server_fails_one_query_with_a_code,
        a_full_disk_of_an_executor_fails_one_query_with_a_code,
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
    let error = sql.fail(workload::long_query());
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
