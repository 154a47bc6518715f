//! The Python files, each on a server of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lakegate_tests::{Cluster, Requirement, Server, binary, data, server, suite};
use libtest_mimic::Trial;

/// Scale factor of the TPC-H tables: large enough for several files, small enough for every run.
const TPCH_SCALE_FACTOR: &str = "0.1";
/// Executors of the distributed runs.
const EXECUTORS: usize = 2;
/// The file that is also run on executors.
const TPCH: &str = "test_tpch";

/// One test a file, and TPC-H once more on two executors.
pub(crate) fn tests() -> Vec<Trial> {
    let mut tests: Vec<Trial> = files()
        .into_iter()
        .map(|file| {
            let name = file.file_stem().expect("a file has a name").to_string_lossy().into_owned();
            let name = format!("python::{}", name.trim_start_matches("test_"));
            suite::test_with(name, &[Requirement::Tool("python3")], move || {
                run(&file, &Server::start(), "auto");
            })
        })
        .collect();
    tests.push(suite::test_with(
        "python::tpch_on_two_executors",
        &[Requirement::Tool("python3")],
        || {
            let cluster = Cluster::start(EXECUTORS);
            run(&folder().join(format!("{TPCH}.py")), &cluster.server, "durable");
        },
    ));
    tests
}

fn folder() -> PathBuf {
    binary::workspace().join("tests/clients/python")
}

fn files() -> Vec<PathBuf> {
    let entries = fs::read_dir(folder()).expect("the folder of Python tests can be read");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "py"))
        .filter(|path| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with("test_")))
        .collect();
    files.sort();
    files
}

fn run(file: &Path, server: &Server, tier: &str) {
    let mut command = Command::new(data::python());
    command.args(["-m", "pytest", "-p", "no:cacheprovider"]).arg(file).current_dir(folder());
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command.env("LAKEGATE_TEST_ADDRESS", server.address());
    command.env("LAKEGATE_TEST_USER", server::USER);
    command.env("LAKEGATE_TEST_PASSWORD", server::PASSWORD);
    command.env("LAKEGATE_TEST_DATA", data::small());
    command.env("LAKEGATE_TEST_TIER", tier);
    if file.file_stem().is_some_and(|name| name == TPCH) {
        command.env("LAKEGATE_TEST_TPCH", data::tpch(TPCH_SCALE_FACTOR));
    }
    let output = command.output().expect("Python runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{}\n{text}\n{}",
        file.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    // The last line of pytest counts its tests.
    println!("{}", text.lines().last().unwrap_or_default());
}
