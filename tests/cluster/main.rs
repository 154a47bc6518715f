//! Several processes: joining, draining, restarting, and equal answers with and without executors.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test reports by panicking and printing"
)]

mod draining;
mod hosts;
mod joining;
mod restarting;

use std::process::ExitCode;

use lakegate_tests::suite;

fn main() -> ExitCode {
    let mut tests = joining::tests();
    tests.extend(draining::tests());
    tests.extend(restarting::tests());
    tests.extend(hosts::tests());
    suite::run(tests)
}
