//! What can stop a statement or a command of the shell.

use std::io;
use std::path::PathBuf;

use arrow::error::ArrowError;
use lakegate_common::{Chain, Coded, ErrorCode};
use parquet::errors::ParquetError;

use crate::args::Format;

/// A statement or command that did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The server or the way to it failed.
    #[error(transparent)]
    Client(#[from] lakegate_client::Error),
    /// Ctrl-C.
    #[error("cancelled")]
    Cancelled,
    /// Rows cannot be shown or encoded.
    #[error("writing rows as {format}")]
    Encode {
        /// The output format.
        format: Format,
        #[source]
        source: ArrowError,
    },
    /// Rows cannot be written as Parquet.
    #[error("writing a Parquet file")]
    Parquet {
        #[source]
        source: ParquetError,
    },
    /// The output did not take what was written.
    #[error("writing the output")]
    Write {
        #[source]
        source: io::Error,
    },
    /// A file cannot be opened, read or made.
    #[error("{action} {path:?}")]
    File {
        /// What was attempted.
        action: &'static str,
        /// The file.
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// Binary output would go to a terminal.
    #[error("{format} output is binary and would go to the terminal")]
    BinaryToTerminal {
        /// The output format.
        format: Format,
    },
    /// A second result for a file that can hold one.
    #[error("an output in the format {format} holds one result, and has one already")]
    SecondResult {
        /// The output format.
        format: Format,
    },
    /// A command of the shell that does not exist or is not used like that.
    #[error("{text}")]
    Command {
        /// What is wrong.
        text: String,
    },
    /// A table or view that is not there.
    #[error("there is no table or view {name}")]
    NoTable {
        /// The name as it was typed.
        name: String,
    },
    /// Files that include one another without end.
    #[error("more than {limit} files include one another")]
    TooDeep {
        /// The most that may.
        limit: usize,
    },
    /// No password and nobody to ask for one.
    #[error("no password was given")]
    NoPassword,
}

impl Failure {
    /// A command that is not used like that.
    pub(crate) fn command(text: impl Into<String>) -> Self {
        Self::Command { text: text.into() }
    }

    /// The stable code as text.
    pub(crate) fn code_text(&self) -> &str {
        match self {
            Self::Client(error) => error.code_text(),
            other => other.code().as_str(),
        }
    }

    /// The text with all its causes, on one line.
    pub(crate) fn text(&self) -> String {
        Chain(self).to_string()
    }
}

impl Coded for Failure {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Client(error) => error.code(),
            Self::Cancelled => ErrorCode::QueryCancelled,
            Self::Encode { .. } | Self::Parquet { .. } => ErrorCode::Unsupported,
            Self::Write { .. } => ErrorCode::StorageError,
            Self::File { .. } => ErrorCode::LocationNotFound,
            Self::NoTable { .. } => ErrorCode::TableNotFound,
            Self::TooDeep { .. } => ErrorCode::LimitExceeded,
            Self::NoPassword => ErrorCode::Unauthenticated,
            Self::BinaryToTerminal { .. } | Self::SecondResult { .. } | Self::Command { .. } => {
                ErrorCode::InvalidArgument
            }
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Client(error) => error.hint(),
            Self::BinaryToTerminal { .. } => {
                Some("redirect the standard output or give --output-file".to_string())
            }
            Self::SecondResult { .. } => Some(
                "write each result to a file of its own, in the shell with \\o FILE".to_string(),
            ),
            Self::Command { .. } => Some("\\? lists the commands".to_string()),
            Self::NoTable { .. } => Some("\\d lists tables and views".to_string()),
            Self::NoPassword => Some("set LAKEGATE_PASSWORD or LAKEGATE_PASSWORD_FILE".to_string()),
            _ => None,
        }
    }
}
