//! Finding and running the files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use lakegate_tests::{binary, server, sql};
use sqllogictest::{Record, Runner};

use crate::database::{self, Database};
use crate::setup::{Kind, Setup};

/// Failures of one file after which the rest is not run.
const FAILURES_MAX: usize = 25;
/// The line by which a file says that its queries read files, so that executors must have worked.
const READS_FILES: &str = "# reads files";

/// All files, by name.
pub(crate) fn all() -> Vec<PathBuf> {
    let folder = binary::workspace().join("tests/slt");
    let entries = fs::read_dir(&folder).expect("the folder of SQL tests can be read");
    let paths = entries.map(|entry| entry.expect("an entry can be read").path());
    let mut files: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|extension| extension == "slt")).collect();
    assert!(!files.is_empty(), "no SQL tests in {}", folder.display());
    files.sort();
    files
}

/// The name of a file without folder and ending.
pub(crate) fn name(file: &Path) -> String {
    file.file_stem().expect("a file has a name").to_string_lossy().into_owned()
}

/// Runs a file to its end and panics with all its failures.
pub(crate) fn run(setup: &mut Setup, file: &Path) {
    let script = fs::read_to_string(file).expect("the file can be read");
    let script = setup.substitute(&script);
    let name = format!("{}.slt", name(file));
    let records = sqllogictest::parse_with_name(&script, name.as_str())
        .unwrap_or_else(|error| panic!("{error}"));
    let query_ids = Arc::default();
    let failures = run_records(setup, records, &query_ids);
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n"));
    let durable = durable_queries(setup, &query_ids);
    let reads_files = script.lines().any(|line| line == READS_FILES);
    match setup.kind {
        Kind::TwoExecutors if reads_files => {
            assert!(durable > 0, "{name} reads files, and no query of it ran on the executors");
        }
        Kind::TwoExecutors => {}
        Kind::Local => assert_eq!(durable, 0, "queries ran on executors that are not there"),
    }
    setup.server().assert_unharmed();
}

fn run_records(
    setup: &mut Setup,
    records: Vec<Record<database::Kind>>,
    query_ids: &Arc<Mutex<Vec<String>>>,
) -> Vec<String> {
    let first_statement = setup.first_statement();
    let url = setup.server().url();
    let mut runner = Runner::new(|| {
        let (url, query_ids) = (url.clone(), Arc::clone(query_ids));
        async move {
            Database::connect(&url, server::USER, server::PASSWORD, first_statement, query_ids)
                .await
        }
    });
    runner.with_column_validator(database::columns_agree);
    runner.add_label(&setup.kind.to_string());
    let mut failures = Vec::new();
    for record in records {
        if matches!(record, Record::Halt { .. }) || failures.len() == FAILURES_MAX {
            break;
        }
        if let Err(error) = sql::runtime().block_on(runner.run_async(record)) {
            failures.push(error.to_string());
        }
    }
    failures
}

fn durable_queries(setup: &mut Setup, query_ids: &Mutex<Vec<String>>) -> usize {
    let queries = setup.server().queries();
    let ids = query_ids.lock().expect("nobody panics with it");
    let tiers = ids.iter().filter_map(|id| queries.of(id));
    tiers.filter(|query| query["tier"] == "durable").count()
}
