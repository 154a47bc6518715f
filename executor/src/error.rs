//! What keeps an executor from starting.

use std::path::PathBuf;

use datafusion::error::DataFusionError;
use lakegate_common::config::ConfigError;
use lakegate_common::{Coded, ErrorCode, cluster_token, secret, telemetry};

/// Why an executor cannot start or had to end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration is refused.
    #[error("reading the configuration")]
    Config {
        /// All faults.
        #[source]
        source: ConfigError,
    },
    /// The join token cannot be read.
    #[error("reading the join token")]
    Secret {
        /// The reason.
        #[source]
        source: secret::Error,
    },
    /// Nobody gave a join token.
    #[error("no join token is given")]
    TokenMissing {
        /// Where it could lie.
        path: PathBuf,
    },
    /// The join token cannot be used.
    #[error("using the join token")]
    Token {
        /// The reason.
        #[source]
        source: cluster_token::Error,
    },
    /// Logs or metrics cannot be set up.
    #[error("setting up telemetry")]
    Telemetry {
        /// The reason.
        #[source]
        source: telemetry::Error,
    },
    /// The data folder cannot be used.
    #[error("{action} {}", path.display())]
    Scratch {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The reason.
        #[source]
        source: std::io::Error,
    },
    /// Another executor uses the data folder.
    #[error("another executor uses the data folder {}", path.display())]
    ScratchTaken {
        /// The folder.
        path: PathBuf,
    },
    /// The port cannot be opened.
    #[error("listening on {address}")]
    Listen {
        /// The address.
        address: String,
        /// The reason.
        #[source]
        source: std::io::Error,
    },
    /// The scheduler's address makes no URL.
    #[error("{address:?} is not HOST:PORT of a scheduler's cluster port")]
    SchedulerAddress {
        /// As given.
        address: String,
    },
    /// Threads or memory for tasks cannot be had.
    #[error("starting the threads that run tasks")]
    Threads {
        /// The reason.
        #[source]
        source: std::io::Error,
    },
    /// The query runtime cannot be made.
    #[error("preparing the query runtime")]
    Runtime {
        /// The reason.
        #[source]
        source: DataFusionError,
    },
    /// The scheduler does not let this executor in, and asking again will not help.
    #[error("{scheduler} refuses this executor: {reason}")]
    Refused {
        /// The scheduler's address.
        scheduler: String,
        /// In the scheduler's words.
        reason: String,
    },
    /// A part of the executor ended that must not.
    #[error("the executor's {part} ended: {reason}")]
    PartEnded {
        /// Which.
        part: &'static str,
        /// Why, as far as known.
        reason: String,
    },
}

impl Coded for Error {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Config { source } => source.code(),
            Self::Secret { source } => source.code(),
            Self::Telemetry { source } => source.code(),
            Self::Token { .. } | Self::TokenMissing { .. } | Self::SchedulerAddress { .. } => {
                ErrorCode::InvalidConfiguration
            }
            Self::Scratch { .. } | Self::ScratchTaken { .. } => ErrorCode::StorageError,
            Self::Refused { .. } => ErrorCode::Unauthenticated,
            Self::Listen { .. } | Self::Threads { .. } => ErrorCode::Unavailable,
            Self::Runtime { .. } | Self::PartEnded { .. } => ErrorCode::Internal,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Secret { source } => source.hint(),
            Self::Token { source } => source.hint(),
            Self::TokenMissing { path } => Some(format!(
                "set {} to the content of {} in the scheduler's data folder, or copy that file to {}",
                cluster_token::TOKEN_VARIABLE,
                cluster_token::TOKEN_FILE,
                path.display()
            )),
            Self::ScratchTaken { .. } => {
                Some("give each executor a folder of its own with --data-dir".to_string())
            }
            Self::Refused { .. } => {
                Some("give the executor the scheduler's join token and version".to_string())
            }
            _ => None,
        }
    }
}
