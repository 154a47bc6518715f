//! Starting the two services: a runtime, the service, one line on the standard error if it fails.

use std::future::Future;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use lakegate_common::{Chain, Coded, ErrorCode};
use tokio::runtime::{Builder, Runtime};

use crate::args::{ExecutorArgs, ServeArgs};

/// Threads of a service's runtime on machines with fewer cores: waiting must never stop answering.
const MIN_WORKER_THREADS: usize = 4;

/// Stack of those threads, in bytes. Planning a deeply nested statement recurses deeply.
const THREAD_STACK_BYTES: usize = 8 << 20;

/// How long blocking work may hold up the end of the process.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs a server until it is told to stop.
pub(crate) fn serve(args: ServeArgs) -> ExitCode {
    let config_file = args.config.clone();
    let options = lakegate_scheduler::Options { config_file, flags: args.settings() };
    run(lakegate_scheduler::run(options))
}

/// Runs an executor until it is told to stop.
pub(crate) fn executor(args: ExecutorArgs) -> ExitCode {
    let config_file = args.config.clone();
    let options = lakegate_executor::Options { config_file, flags: args.settings() };
    run(lakegate_executor::run(options))
}

/// Runs a service to its end and reports why it failed, if it did.
fn run<E: Coded>(service: impl Future<Output = Result<(), E>>) -> ExitCode {
    let runtime = match start_runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            report(ErrorCode::Internal, &format!("starting threads: {error}"), None);
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(Box::pin(service));
    runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(error.code(), &Chain(&error).to_string(), error.hint());
            ExitCode::FAILURE
        }
    }
}

/// A runtime with a thread for each core.
fn start_runtime() -> io::Result<Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Builder::new_multi_thread()
        .worker_threads(cores.max(MIN_WORKER_THREADS))
        .thread_name("lakegate")
        .thread_stack_size(THREAD_STACK_BYTES)
        .enable_all()
        .build()
}

/// Writes an error for the person who started the process.
fn report(code: ErrorCode, text: &str, hint: Option<String>) {
    let mut stderr = io::stderr().lock();
    // Nobody is left to tell when the standard error is gone.
    let _ = writeln!(stderr, "error: {code}: {text}");
    if let Some(hint) = hint {
        let _ = writeln!(stderr, "hint: {hint}");
    }
}
