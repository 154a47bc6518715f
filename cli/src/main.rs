//! The `lakegate` binary: server, executor and shell.

mod args;
mod process;
mod shell;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, Command};

// Queries allocate many buffers of some megabytes from many threads; the system's allocator keeps
// them apart badly and gives little back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Serve(args) => process::serve(args),
        Command::Executor(args) => process::executor(args),
        Command::Sql(args) => shell::run(args),
        Command::Version => {
            let printed = writeln!(io::stdout(), "lakegate {}", env!("CARGO_PKG_VERSION"));
            if printed.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
    }
}
