//! The data that tests read: the demo's real files, small files beside the tests, and generated
//! TPC-H tables.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use crate::binary;

/// The TPC-H tables, in the order of the specification.
pub const TPCH_TABLES: [&str; 8] =
    ["region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem"];

/// The folder with the flights, airports, weather and bird strikes of the demo.
pub fn demo() -> PathBuf {
    binary::workspace().join("demo/data")
}

/// The folder with small files of the SQL tests.
pub fn small() -> PathBuf {
    binary::workspace().join("tests/slt/data")
}

/// Where generated data and client libraries are kept between runs.
pub fn cache() -> PathBuf {
    let base = match env::var_os("XDG_CACHE_HOME") {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(env::var_os("HOME").expect("HOME is set")).join(".cache"),
    };
    base.join("lakegate")
}

/// Makes the Python environment and fetches the JDBC driver, once; answers the Python program.
///
/// # Panics
/// When the set-up script fails, with its output.
pub fn python() -> PathBuf {
    let script = binary::workspace().join("tests/clients/setup.sh");
    let output = Command::new(&script).output().expect("the set-up script runs");
    assert!(
        output.status.success(),
        "{} failed\n{}{}",
        script.display(),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    cache().join("venv/bin/python")
}

/// A folder with the TPC-H tables at a scale factor such as `0.01`, one folder with Parquet files
/// a table; made once and kept.
///
/// The large tables are in several files, so that executors share the work.
///
/// # Panics
/// When the generator fails.
pub fn tpch(scale_factor: &str) -> PathBuf {
    let folder = cache().join("tests").join(format!("tpch-sf{scale_factor}"));
    if folder.join("complete").is_file() {
        return folder;
    }
    let generator = python().with_file_name("tpchgen-cli");
    fs::create_dir_all(folder.parent().expect("the cache folder has a name")).expect("made");
    let made = tempfile::Builder::new().prefix("tpch-").tempdir_in(folder.parent().unwrap());
    let made = made.expect("a temporary folder can be made");
    generate(&generator, scale_factor, made.path());
    fs::write(made.path().join("complete"), "").expect("the marker can be written");
    // Another process may have been quicker: then its folder stays.
    if fs::rename(made.path(), &folder).is_err() {
        assert!(folder.join("complete").is_file(), "{} is incomplete", folder.display());
    }
    folder
}

fn generate(generator: &Path, scale_factor: &str, folder: &Path) {
    let status = Command::new(generator)
        .args(["parquet", "-s", scale_factor, "--parts=4", "--output-dir"])
        .arg(folder)
        .stdout(Stdio::null())
        .status();
    let status = status.unwrap_or_else(|error| panic!("{}: {error}", generator.display()));
    assert!(status.success(), "tpchgen-cli failed: {status}");
}

/// The statements that make the TPC-H tables known under their names.
pub fn tpch_statements(folder: &Path) -> Vec<String> {
    let statement = |table: &&str| {
        format!(
            "CREATE EXTERNAL TABLE IF NOT EXISTS {table} STORED AS PARQUET LOCATION '{}/'",
            folder.join(table).display()
        )
    };
    TPCH_TABLES.iter().map(statement).collect()
}
