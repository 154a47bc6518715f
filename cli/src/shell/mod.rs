//! `lakegate sql`: statements from a person, from the command line, from files and pipes.

mod commands;
mod completion;
mod describe;
mod destination;
mod failure;
mod helper;
mod history;
mod identifier;
mod interrupt;
mod keywords;
mod names;
mod output;
mod password;
mod progress;
mod prompt;
mod report;
mod script;
mod session;
mod settings;
mod splitter;

use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use lakegate_client::Client;
use tokio::runtime::{Builder, Runtime};

use crate::args::SqlArgs;

use destination::Destination;
use failure::Failure;
use interrupt::Interrupts;
use script::{End, Script};
use session::Session;
use settings::Settings;

/// Threads beside the one that reads and writes: one moves bytes, one decodes.
const WORKER_THREADS: usize = 2;

/// Exit status of a command line that cannot be followed.
const EXIT_USAGE: u8 = 2;

/// How long saying good-bye to the server may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Runs the shell to its end.
pub(crate) fn run(args: SqlArgs) -> ExitCode {
    let started = Builder::new_multi_thread()
        .worker_threads(WORKER_THREADS)
        .thread_name("lakegate-sql")
        .enable_all()
        .build();
    let runtime = match started {
        Ok(runtime) => runtime,
        Err(error) => {
            report::note(&format!("ERROR internal: starting threads: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let status = match runtime.block_on(open(&args)) {
        Ok(mut session) => {
            let end = if is_interactive(&args) {
                converse(&runtime, &mut session)
            } else {
                runtime.block_on(run_scripts(&args, &mut session))
            };
            runtime.block_on(close(session));
            end.exit_status()
        }
        Err(failure) => {
            report::failure(&failure);
            exit_status_of(&failure)
        }
    };
    runtime.shutdown_background();
    ExitCode::from(status)
}

/// Connects and prepares everything that statements need.
async fn open(args: &SqlArgs) -> Result<Session, Failure> {
    if args.output_file.is_none() {
        Destination::stdout().check(args.output)?;
    }
    let password = password::password(&args.user)?;
    let client = Client::connect(&args.url, &args.user, &password).await?;
    client.set_session_options(args.project.as_deref(), args.schema.as_deref()).await?;
    // Not before, so that a file stays what it was when there is no way to the server.
    let destination = match &args.output_file {
        Some(path) => Destination::file(path)?,
        None => Destination::stdout(),
    };
    destination.check(args.output)?;
    let interrupts = Interrupts::install().map_err(|source| Failure::Write { source })?;
    Ok(Session {
        client,
        settings: Settings::of(args),
        destination,
        interrupts,
        names: None,
        file_depth: 0,
    })
}

/// Whether a person types the statements.
fn is_interactive(args: &SqlArgs) -> bool {
    args.command.is_empty() && args.file.is_empty() && io::stdin().is_terminal()
}

/// Lets a person type statements.
fn converse(runtime: &Runtime, session: &mut Session) -> End {
    match prompt::run(runtime, session) {
        Ok(()) => End::Done,
        Err(error) => {
            report::note(&format!("ERROR internal: reading the terminal: {error}"));
            End::Failed
        }
    }
}

/// Runs the statements of the command line, of files, or of a pipe.
async fn run_scripts(args: &SqlArgs, session: &mut Session) -> End {
    let mut script = Script::new(args.keep_going);
    for text in &args.command {
        if let Some(end) = script.run_text(session, text).await {
            return end;
        }
    }
    for path in &args.file {
        if let Some(end) = script.run_file(session, path).await {
            return end;
        }
    }
    if args.command.is_empty()
        && args.file.is_empty()
        && let Some(end) = script.run_file(session, Path::new("-")).await
    {
        return end;
    }
    script.end()
}

/// Ends the session on the server.
async fn close(session: Session) {
    // A server that has gone needs no good-bye.
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, session.client.close()).await;
}

/// The exit status of a shell that could not begin.
fn exit_status_of(failure: &Failure) -> u8 {
    use lakegate_client::Error;
    match failure {
        Failure::NoPassword | Failure::BinaryToTerminal { .. } => EXIT_USAGE,
        Failure::Client(Error::InvalidUrl { .. } | Error::TlsUnsupported { .. }) => EXIT_USAGE,
        _ => 1,
    }
}
