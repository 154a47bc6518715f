//! Things that break: processes killed, cables cut, disks full, input that is wrong.
//!
//! Every fault is made on purpose, at a chosen moment or at a random one whose seed is told; every
//! wait has a deadline, and afterwards the server must be unharmed and the answer the one of a run
//! without the fault.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test reports by panicking and printing"
)]

mod bad_input;
mod cancelling;
mod disks;
mod endurance;
mod executors;
mod hosts;
mod networks;
mod standstill;
mod tpch;
mod tpch_kills;
mod tpch_outages;
mod writes;

use std::process::ExitCode;

use lakegate_tests::suite;

fn main() -> ExitCode {
    let mut tests = bad_input::tests();
    tests.extend(cancelling::tests());
    tests.extend(executors::tests());
    tests.extend(tpch_kills::tests());
    tests.extend(writes::tests());
    tests.extend(standstill::tests());
    tests.extend(networks::tests());
    tests.extend(tpch_outages::tests());
    tests.extend(disks::tests());
    tests.extend(endurance::tests());
    suite::run(tests)
}
