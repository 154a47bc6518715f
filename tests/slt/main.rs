//! SQL behaviour: every `.slt` file on a server alone and on a server with two executors.
//!
//! Both must give the answers that the file expects, which come from another engine (`oracle.py`)
//! or from arithmetic, never from Lakegate. On two executors each connection first asks for the
//! durable tier, so that whatever reads files really is distributed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test reports by panicking and printing"
)]

mod database;
mod files;
mod setup;

use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use lakegate_tests::suite;

use crate::setup::{Kind, Setup};

fn main() -> ExitCode {
    let files = files::all();
    let mut tests = Vec::new();
    let mut setups = Vec::new();
    for kind in [Kind::Local, Kind::TwoExecutors] {
        let setup: Arc<Mutex<Option<Setup>>> = Arc::default();
        setups.push(Arc::clone(&setup));
        for file in &files {
            let (setup, file) = (Arc::clone(&setup), file.clone());
            tests.push(suite::test(format!("{kind}::{}", files::name(&file)), move || {
                let mut setup = setup.lock().unwrap_or_else(PoisonError::into_inner);
                files::run(setup.get_or_insert_with(|| Setup::start(kind)), &file);
            }));
        }
    }
    let code = suite::run(tests);
    // The processes end here, before the program does.
    drop(setups);
    code
}
