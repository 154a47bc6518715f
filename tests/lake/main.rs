//! Data in object stores, Delta tables there, and who may read them, on real servers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test reports by panicking"
)]

mod azure;
mod azurite;
mod bounds;
mod cache;
mod fake_gcs;
mod gcs;
mod http;
mod links;
mod minio;
mod nginx;
mod postgres;
mod rights;
mod s3;
mod shared_catalog;
mod stored;
mod throttling;
mod versions;
mod views;
mod writes;

use std::process::ExitCode;

use lakegate_tests::suite;

fn main() -> ExitCode {
    let mut tests = rights::tests();
    tests.extend(views::tests());
    tests.extend(links::tests());
    tests.extend(s3::tests());
    tests.extend(gcs::tests());
    tests.extend(azure::tests());
    tests.extend(http::tests());
    tests.extend(shared_catalog::tests());
    tests.extend(bounds::tests());
    tests.extend(cache::tests());
    tests.extend(writes::tests());
    tests.extend(versions::tests());
    suite::run(tests)
}
