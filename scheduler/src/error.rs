//! Why the server does not start, or ends.

use std::io;
use std::path::PathBuf;

use lakegate_common::config::ConfigError;
use lakegate_common::supervisor::{StopTimedOut, TaskFailed};
use lakegate_common::{Coded, ErrorCode, secret, telemetry};

use crate::{durable, query};

/// Why the server does not start, or ends.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings are refused.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Logs or metrics cannot be set up.
    #[error(transparent)]
    Telemetry(#[from] telemetry::Error),
    /// The data folder cannot be used.
    #[error("{action} {}", .path.display())]
    DataFolder {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// Another server uses the data folder.
    #[error("another server uses the data folder {}", .path.display())]
    DataFolderInUse {
        /// The folder.
        path: PathBuf,
    },
    /// An address cannot be listened on.
    #[error("listening on {address}")]
    Bind {
        /// The address, as given.
        address: String,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// A key, token or password cannot be read or made.
    #[error(transparent)]
    Secret(#[from] secret::Error),
    /// The catalog cannot be used.
    #[error(transparent)]
    Catalog(#[from] lakegate_catalog::Error),
    /// The query path cannot be set up.
    #[error(transparent)]
    Query(#[from] query::Error),
    /// The cluster port cannot be set up.
    #[error(transparent)]
    Durable(#[from] durable::Error),
    /// Standard output cannot be written.
    #[error("writing to the standard output")]
    Output {
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// Signals cannot be waited for.
    #[error("waiting for signals")]
    Signals {
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// A task without which the server cannot go on has failed.
    #[error(transparent)]
    TaskFailed(#[from] TaskFailed),
    /// Tasks did not end in time.
    #[error(transparent)]
    StopTimedOut(#[from] StopTimedOut),
}

impl Coded for Error {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Config(error) => error.code(),
            Self::Telemetry(error) => error.code(),
            Self::DataFolder { .. } | Self::DataFolderInUse { .. } | Self::Bind { .. } => {
                ErrorCode::InvalidConfiguration
            }
            Self::Secret(error) => error.code(),
            Self::Catalog(error) => error.code(),
            Self::Query(error) => error.code(),
            Self::Durable(error) => error.code(),
            Self::Output { .. } | Self::Signals { .. } => ErrorCode::Internal,
            Self::TaskFailed(error) => error.code(),
            Self::StopTimedOut(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::DataFolderInUse { .. } => {
                Some("stop the other server, or choose another folder with --data-dir".to_string())
            }
            Self::Bind { source, .. } if source.kind() == io::ErrorKind::AddrInUse => Some(
                "another process listens there; choose another port, or port 0 for a free one"
                    .to_string(),
            ),
            Self::Config(error) => error.hint(),
            Self::Telemetry(error) => error.hint(),
            Self::Secret(error) => error.hint(),
            Self::Catalog(error) => error.hint(),
            Self::Query(error) => error.hint(),
            Self::Durable(error) => error.hint(),
            _ => None,
        }
    }
}
