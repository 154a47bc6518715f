//! Drivers that others wrote against a real server: ADBC, pandas, polars and raw Flight from Python,
//! and the JDBC driver from a small Java program.
//!
//! `setup.sh` brings the drivers into the cache folder. Each Python file and each part of the Java
//! program is one test here, on a server of its own; what it prints is shown when it fails.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test reports by panicking and printing"
)]

mod java;
mod python;

use std::process::ExitCode;

use lakegate_tests::suite;

fn main() -> ExitCode {
    let mut tests = python::tests();
    tests.extend(java::tests());
    suite::run(tests)
}
