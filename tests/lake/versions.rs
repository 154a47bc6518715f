//! What a server tells of Delta tables that change under it.

use std::fs;
use std::path::Path;

use lakegate_tests::sql::Sql;
use lakegate_tests::{Cluster, Server, binary, tests};
use libtest_mimic::Trial;

const PASSWORD: &str = "a password";

pub(crate) fn tests() -> Vec<Trial> {
    tests![
        columns_of_a_later_version_are_told_once_somebody_has_read_it,
        the_log_tells_what_a_table_is_and_what_was_done_to_it,
        a_commit_of_ours_tells_who_made_it_and_how_much_it_is,
        a_version_whose_files_are_gone_is_told_as_that_on_both_tiers,
    ]
}

fn data(table: &str) -> std::path::PathBuf {
    binary::workspace().join("tests/slt/data/delta").join(table)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let place = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &place);
        } else {
            fs::copy(entry.path(), place).unwrap();
        }
    }
}

fn columns_of_a_later_version_are_told_once_somebody_has_read_it() {
    let server = Server::start();
    let mut admin = server.connect();
    let folder = tempfile::tempdir().unwrap();
    copy(&data("visits"), folder.path());
    let later = folder.path().join(format!("_delta_log/{:020}.json", 2));
    let commit = fs::read(&later).unwrap();
    fs::remove_file(&later).unwrap();
    let place = folder.path().display();
    admin.run(&format!("CREATE EXTERNAL TABLE visits STORED AS DELTA LOCATION '{place}'"));
    admin.run(&format!("CREATE USER ann PASSWORD '{PASSWORD}'"));
    admin.run("GRANT SELECT ON visits TO ann");
    let mut ann = Sql::connect(&server.url(), "ann", PASSWORD).unwrap();
    let noted = "SELECT column_name FROM information_schema.columns WHERE table_name = 'visits'";
    assert_eq!(admin.run(noted).len(), 3);
    fs::write(&later, commit).unwrap();
    assert_eq!(admin.run(noted).len(), 3);
    // Who only reads is enough.
    assert_eq!(ann.run("SELECT count(amount), count(*) FROM visits"), [["4", "15"]]);
    assert_eq!(admin.run(noted).len(), 4);
    assert_eq!(ann.run("DESCRIBE visits").len(), 4);
    // Earlier versions are read with the columns of their time, and nothing is noted of them.
    assert_eq!(ann.run("SELECT * FROM visits VERSION AS OF 1 LIMIT 1")[0].len(), 3);
    assert_eq!(admin.run(noted).len(), 4);
}

fn the_log_tells_what_a_table_is_and_what_was_done_to_it() {
    let server = Server::start();
    let mut admin = server.connect();
    let place = data("ledger");
    let place = place.display();
    admin.run(&format!("CREATE EXTERNAL TABLE ledger STORED AS DELTA LOCATION '{place}'"));
    let (schema, batches) = admin.fetch("DESCRIBE DETAIL ledger").unwrap();
    let row = lakegate_tests::render::rows(&batches).unwrap().remove(0);
    let value = |name: &str| row[schema.index_of(name).unwrap()].as_str();
    assert_eq!((value("format"), value("name")), ("DELTA", "ledger"));
    assert_eq!((value("version"), value("num_files")), ("3", "1"));
    assert_eq!((value("min_reader_version"), value("min_writer_version")), ("1", "7"));
    assert_eq!(value("table_features"), r#"["changeDataFeed","inCommitTimestamp"]"#);
    assert!(value("properties").contains(r#""delta.enableChangeDataFeed":"true""#));
    let operations = admin.run("DESCRIBE HISTORY ledger");
    let operations: Vec<&str> = operations.iter().map(|row| row[2].as_str()).collect();
    assert_eq!(operations, ["DELETE", "MERGE", "WRITE", "WRITE"]);
    // Without a right on it nobody learns any of this, not even that it is there.
    admin.run(&format!("CREATE USER ann PASSWORD '{PASSWORD}'"));
    let mut ann = Sql::connect(&server.url(), "ann", PASSWORD).unwrap();
    assert_eq!(ann.fail("DESCRIBE HISTORY ledger").code(), "project_not_found");
    // Who may change it and not read it sees its columns and neither its place nor its history.
    admin.run("GRANT MODIFY ON ledger TO ann");
    assert_eq!(ann.fail("DESCRIBE HISTORY ledger").code(), "permission_denied");
    assert_eq!(ann.fail("DESCRIBE DETAIL ledger").code(), "permission_denied");
    assert_eq!(ann.fail("SELECT * FROM ledger VERSION AS OF 0").code(), "permission_denied");
    assert_eq!(ann.fail("SELECT * FROM table_changes('ledger', 0)").code(), "permission_denied");
    let told = format!("{:?}", ann.run("DESCRIBE EXTENDED ledger"));
    assert!(told.contains("amount") && !told.contains("slt/data"), "{told}");
}

fn a_commit_of_ours_tells_who_made_it_and_how_much_it_is() {
    let server = Server::start();
    let mut admin = server.connect();
    admin.run(&format!("CREATE USER ann PASSWORD '{PASSWORD}'"));
    admin.run("GRANT CREATE ON SCHEMA public TO ann");
    let mut ann = Sql::connect(&server.url(), "ann", PASSWORD).unwrap();
    ann.run("CREATE TABLE sums AS SELECT value AS n FROM generate_series(1, 10)");
    ann.run("GRANT SELECT, MODIFY ON sums TO admin");
    admin.run("INSERT INTO sums VALUES (11), (12)");
    ann.run("INSERT INTO sums SELECT n + 20 FROM sums WHERE n > 9");
    let told: Vec<_> = admin.run("DESCRIBE HISTORY sums");
    let metrics = |rows: &str, text: &str| {
        assert!(text.contains(&format!(r#""numOutputRows":"{rows}""#)), "{text}");
        assert!(
            text.contains(r#""numFiles":""#) && text.contains(r#""numOutputBytes":""#),
            "{text}"
        );
    };
    // By position: version, time, operation, parameters, metrics, user's id and name, engine, blind.
    let of = |version: usize, column: usize| told[2 - version][column].as_str();
    for (version, user, rows) in [(0, "ann", "10"), (1, "admin", "2"), (2, "ann", "3")] {
        assert_eq!(of(version, 6), user, "{version}");
        metrics(rows, of(version, 4));
    }
    // The last one looked at the table before it added to it.
    assert_eq!((of(1, 8), of(2, 8)), ("true", "NULL"));
}

/// The data files of a version of a table, by the log's JSON commits.
fn files_of(folder: &Path, version: usize) -> Vec<String> {
    let mut files = Vec::new();
    for version in 0..=version {
        let commit = folder.join(format!("_delta_log/{version:020}.json"));
        for line in fs::read_to_string(commit).unwrap().lines() {
            let action: serde_json::Value = serde_json::from_str(line).unwrap();
            let path = |kind: &str| Some(action[kind]["path"].as_str()?.to_owned());
            files.extend(path("add"));
            if let Some(removed) = path("remove") {
                files.retain(|file| *file != removed);
            }
        }
    }
    files
}

fn a_version_whose_files_are_gone_is_told_as_that_on_both_tiers() {
    let cluster = Cluster::start(2);
    let mut admin = cluster.server.connect();
    let folder = tempfile::tempdir().unwrap();
    copy(&data("ledger"), folder.path());
    let place = folder.path().display();
    admin.run(&format!("CREATE EXTERNAL TABLE ledger STORED AS DELTA LOCATION '{place}'"));
    let newest = files_of(folder.path(), 3);
    for file in files_of(folder.path(), 0).iter().filter(|file| !newest.contains(file)) {
        fs::remove_file(folder.path().join(file)).unwrap();
    }
    for tier in ["local", "durable"] {
        admin.run(&format!("SET lakegate.execution.tier = '{tier}'"));
        assert_eq!(admin.run("SELECT count(*), sum(amount) FROM ledger"), [["2", "31"]], "{tier}");
        let gone = admin.fail("SELECT * FROM ledger VERSION AS OF 0");
        assert_eq!(gone.code(), "file_gone", "{tier}: {gone}");
        let text = gone.to_string();
        for part in ["version 0 of the Delta table", "is gone"] {
            assert!(text.contains(part), "{tier}, {part}: {text}");
        }
    }
    for file in newest {
        fs::remove_file(folder.path().join(file)).unwrap();
    }
    for tier in ["local", "durable"] {
        admin.run(&format!("SET lakegate.execution.tier = '{tier}'"));
        let gone = admin.fail("SELECT * FROM ledger");
        assert_eq!(gone.code(), "file_gone", "{tier}: {gone}");
        let text = gone.to_string();
        assert!(text.contains("version 3 of the Delta table"), "{tier}: {text}");
    }
}
