//! The process `lakegate executor`: start, signals, stop.

use std::io::Write;
use std::path::Path;

use lakegate_common::cluster_token::{ClusterToken, TOKEN_FILE, TOKEN_VARIABLE};
use lakegate_common::secret::{self, Secret};
use lakegate_common::telemetry;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::config::{Config, Options};
use crate::{Error, Node};

/// Runs an executor until it is told to end. The first SIGTERM or SIGINT drains it, a second one
/// ends it at once.
///
/// Prints `joined HOST:PORT as ID` whenever it has joined and `ready` after the first time.
///
/// # Errors
/// It cannot start, or a part of it ended that must not.
pub async fn run(options: Options) -> Result<(), Error> {
    let config = Config::load(options).map_err(|source| Error::Config { source })?;
    telemetry::init("executor").map_err(|source| Error::Telemetry { source })?;
    let token = token(&config.data_dir)?;
    let mut signals = Signals::listen()?;
    let mut node = tokio::select! {
        node = Node::start(config, &token) => node?,
        () = signals.next() => return Ok(()),
    };
    let _ = writeln!(std::io::stdout(), "ready");
    tokio::select! {
        error = node.failed() => return Err(error),
        () = signals.next() => {}
    }
    tokio::select! {
        () = node.drain() => {}
        () = signals.next() => tracing::warn!("told again to end: ending at once"),
    }
    Ok(())
}

/// The join token: from the environment, or from the data folder.
fn token(data_dir: &Path) -> Result<ClusterToken, Error> {
    let given =
        secret::from_environment(TOKEN_VARIABLE).map_err(|source| Error::Secret { source })?;
    let path = data_dir.join(TOKEN_FILE);
    let text = match given {
        Some(text) => text,
        None => std::fs::read_to_string(&path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => Error::TokenMissing { path: path.clone() },
            _ => Error::Scratch { action: "reading", path: path.clone(), source },
        })?,
    };
    ClusterToken::new(&Secret::from_text(text)).map_err(|source| Error::Token { source })
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Error> {
        let failed = |source| Error::Threads { source };
        Ok(Self {
            terminate: signal(SignalKind::terminate()).map_err(failed)?,
            interrupt: signal(SignalKind::interrupt()).map_err(failed)?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
