//! What a server tells of Delta tables that change under it.

use std::fs;
use std::path::Path;

use lakegate_tests::sql::Sql;
use lakegate_tests::{Server, binary, tests};
use libtest_mimic::Trial;

const PASSWORD: &str = "a password";

pub(crate) fn tests() -> Vec<Trial> {
    tests![
        columns_of_a_later_version_are_told_once_somebody_has_read_it,
        the_log_tells_what_a_table_is_and_what_was_done_to_it,
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
