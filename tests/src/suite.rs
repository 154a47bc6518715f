//! Runs a layer: its tests by name, one at a time, with those the machine cannot run counted as
//! ignored and never as passed.

use std::process::ExitCode;
use std::time::Instant;

use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::requirements::{self, Requirement};

/// A test of the given name; it passes when `body` returns.
pub fn test(name: impl Into<String>, body: impl FnOnce() + Send + 'static) -> Trial {
    test_with(name, &[], body)
}

/// A test that needs something of the machine: without it, it prints one line and is ignored.
pub fn test_with(
    name: impl Into<String>,
    requirements: &'static [Requirement],
    body: impl FnOnce() + Send + 'static,
) -> Trial {
    let name = name.into();
    let shown = name.clone();
    Trial::ignorable_test(name, move || {
        if let Some(missing) = requirements::first_missing(requirements) {
            println!("skipped: {shown} needs {missing}");
            return Ok(Completion::ignored_with(format!("needs {missing}")));
        }
        let start = Instant::now();
        body();
        println!("{shown}: {:.1} s", start.elapsed().as_secs_f64());
        Ok::<Completion, Failed>(Completion::Completed)
    })
}

/// Runs the tests that the command line selects and answers the exit code.
///
/// One at a time unless `--test-threads` says otherwise: each starts processes of its own and many
/// measure how long something takes.
pub fn run(tests: Vec<Trial>) -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(arguments.test_threads.unwrap_or(1));
    libtest_mimic::run(&arguments, tests).exit_code()
}

/// Makes a list of tests from functions, each test named as its function.
#[macro_export]
macro_rules! tests {
    ($($function:ident),* $(,)?) => {
        vec![$($crate::suite::test(stringify!($function), $function)),*]
    };
    (needs $requirements:expr; $($function:ident),* $(,)?) => {
        vec![$($crate::suite::test_with(stringify!($function), $requirements, $function)),*]
    };
}
