//! Writers that break: servers and executors killed while rows are written, statements cancelled.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use lakegate_tests::random::Random;
use lakegate_tests::server::Options;
use lakegate_tests::{Cluster, Server, data, tests, wait, workload};
use libtest_mimic::Trial;

/// How often the server is killed.
const KILLS: usize = 20;
/// Rows of one insert, so that a part of one would show.
const ROWS: i64 = 50;
/// How long a series of inserts goes on at most before its server is killed.
const SERIES: Duration = Duration::from_millis(400);
/// How often an executor is killed while it writes.
const EXECUTOR_KILLS: usize = 4;

pub(crate) fn tests() -> Vec<Trial> {
    tests![
        every_acknowledged_insert_is_there_once_after_kills_of_the_server,
        a_table_is_whole_when_an_executor_is_killed_while_it_writes,
        a_cancelled_write_leaves_no_row_and_no_file,
        a_write_that_fails_leaves_no_row_and_no_file,
    ]
}

/// Numbers whose insert was answered, in a series that the server's end ends.
fn insert_until_killed(server: &mut Server, first: i64, moment: Duration) -> (BTreeSet<i64>, i64) {
    let mut sql = server.connect();
    let series = thread::spawn(move || {
        let mut acknowledged = BTreeSet::new();
        let mut n = first;
        loop {
            let insert = format!("INSERT INTO kept SELECT {n} FROM generate_series(1, {ROWS})");
            if sql.rows(&insert).is_err() {
                return (acknowledged, n + 1);
            }
            acknowledged.insert(n);
            n += 1;
        }
    });
    thread::sleep(moment);
    server.process().kill();
    series.join().expect("the series ends with an error")
}

fn every_acknowledged_insert_is_there_once_after_kills_of_the_server() {
    let mut random = Random::seeded();
    let mut server = Server::start();
    server.connect().run("CREATE TABLE kept (n BIGINT)");
    let mut acknowledged = BTreeSet::new();
    let mut next = 0;
    for _ in 0..KILLS {
        let (answered, following) = insert_until_killed(&mut server, next, random.moment(SERIES));
        acknowledged.extend(answered);
        next = following;
        server = server.start_again();
    }
    let counted = server.connect().run("SELECT n, count(*) FROM kept GROUP BY n");
    let counted: BTreeMap<i64, i64> = counted
        .iter()
        .map(|row| (row[0].parse().expect("a number"), row[1].parse().expect("a count")))
        .collect();
    assert!(counted.values().all(|count| *count == ROWS), "{counted:?}");
    let missing: Vec<_> = acknowledged.iter().filter(|n| !counted.contains_key(n)).collect();
    assert!(missing.is_empty(), "answered and not there: {missing:?}");
    // Each kill may meet one insert between its commit and its answer.
    assert!(counted.len() <= acknowledged.len() + KILLS);
    println!("{} inserts answered, {} there, {KILLS} kills", acknowledged.len(), counted.len());
    assert!(acknowledged.len() >= KILLS, "hardly any insert ran");
}

fn a_table_is_whole_when_an_executor_is_killed_while_it_writes() {
    let mut random = Random::seeded();
    let mut cluster = Cluster::start(2);
    for statement in data::tpch_statements(&data::tpch("0.1")) {
        cluster.server.connect().run(&statement);
    }
    let expected = "SELECT count(*), sum(l_orderkey), sum(l_extendedprice) FROM ";
    let rows = cluster.server.connect().run(&format!("{expected} lineitem"));
    let mut met = 0;
    for round in 0..EXECUTOR_KILLS {
        let sql = workload::connect_with_tier(&cluster.server, "durable");
        let create = format!("CREATE TABLE copy_{round} AS SELECT * FROM lineitem");
        let running = sql.spawn(&create);
        thread::sleep(random.moment(Duration::from_millis(800)));
        met += usize::from(!running.is_finished());
        cluster.replace_executor(random.index(2));
        running.join().expect("the statement's thread ends").expect("the table is made");
        let found = cluster.server.connect().run(&format!("{expected} copy_{round}"));
        assert_eq!(found, rows);
        cluster.wait_for_active(2);
    }
    assert!(met > 0, "no kill met a table that was being made");
    wait_for_files_to_be_those_of_logs(&cluster.server);
    cluster.server.assert_unharmed();
}

fn a_cancelled_write_leaves_no_row_and_no_file() {
    // Files are full early, so that several are whole when the time is over.
    let options = Options::default().with_variable("LAKEGATE_WRITE__FILE_SIZE", "256KiB");
    let mut server = options.start();
    let mut sql = server.connect();
    sql.run("CREATE TABLE kept (n BIGINT)");
    sql.run("SET lakegate.execution.timeout = '1s'");
    let endless = "INSERT INTO kept SELECT a.value FROM generate_series(1, 10000000) a, \
                   generate_series(1, 1000) b";
    assert_eq!(sql.fail(endless).code(), "query_timeout");
    assert_eq!(server.connect().run("SELECT count(*) FROM kept"), [["0"]]);
    wait_for_files_to_be_those_of_logs(&server);
    server.assert_unharmed();
}

fn a_write_that_fails_leaves_no_row_and_no_file() {
    let mut cluster = Cluster::start(2);
    let mut sql = workload::connect_with_tier(&cluster.server, "durable");
    workload::create_flights(&cluster.server);
    sql.run("CREATE TABLE kept (n BIGINT)");
    // One of three million rows does not become a number, late.
    let insert = "INSERT INTO kept SELECT CAST(CASE WHEN delay > 1400 THEN 'x' ELSE '1' END AS BIGINT) \
                  FROM flights";
    assert_eq!(sql.fail(insert).code(), "data_error");
    assert_eq!(sql.run("SELECT count(*) FROM kept"), [["0"]]);
    let create = insert.replace("INSERT INTO kept", "CREATE TABLE never AS");
    assert_eq!(sql.fail(&create).code(), "data_error");
    assert_eq!(sql.fail("SELECT * FROM never").code(), "table_not_found");
    wait_for_files_to_be_those_of_logs(&cluster.server);
    cluster.server.assert_unharmed();
}

/// Files of tables that no log names are removed, after a while.
fn wait_for_files_to_be_those_of_logs(server: &Server) {
    let tables = server.data_folder().join("tables");
    wait::until("no file is left that no log names", Duration::from_secs(30), || {
        let found = files(&tables);
        // Parts of files that were never finished count too.
        let is_log = |path: &Path| path.iter().any(|part| part == "_delta_log");
        let data = found.iter().filter(|path| !is_log(path)).count();
        let logs = found.iter().filter(|path| has_extension(path, "json"));
        let named: usize = logs
            .map(|log| fs::read_to_string(log).expect("a commit can be read"))
            .map(|commit| commit.lines().filter(|line| line.starts_with("{\"add\"")).count())
            .sum();
        if data == named { Ok(()) } else { Err(format!("{data} files, {named} in logs")) }
    });
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found == extension)
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
