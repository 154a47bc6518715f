//! The catalog over HTTP, on real servers, by a plain client that holds every answer against the
//! document in `docs/user/openapi.json`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test reports by panicking"
)]

mod client;
mod conditions;
mod datasets;
mod document;
mod objects;
mod pages;
mod principals;
mod refusals;
mod schema;

use std::process::ExitCode;

use lakegate_tests::suite;

fn main() -> ExitCode {
    let mut tests = objects::tests();
    tests.extend(datasets::tests());
    tests.extend(principals::tests());
    tests.extend(conditions::tests());
    tests.extend(pages::tests());
    tests.extend(refusals::tests());
    tests.extend(document::tests());
    suite::run(tests)
}
