//! Data in object stores, Delta tables there, and who may read them, on real servers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test reports by panicking"
)]

mod minio;
mod rights;
mod s3;

use std::process::ExitCode;

use lakegate_tests::suite;

fn main() -> ExitCode {
    let mut tests = rights::tests();
    tests.extend(s3::tests());
    suite::run(tests)
}
