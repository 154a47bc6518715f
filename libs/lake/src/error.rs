//! What can go wrong between a location and a table.

use datafusion::error::DataFusionError;
use lakegate_common::{Coded, ErrorCode};

/// A location, a format or a file that cannot become a table.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A URL scheme that no store here serves.
    #[error("locations of scheme {scheme:?} are not served; location {location:?}")]
    UnknownScheme {
        /// The scheme as written.
        scheme: String,
        /// The whole location as written.
        location: String,
    },
    /// A text that is neither a path nor a URL.
    #[error("{location:?} is neither a path nor a URL")]
    MalformedLocation {
        /// The location as written.
        location: String,
        /// Why it cannot be read.
        #[source]
        source: DataFusionError,
    },
    /// Nothing lies at the location.
    #[error("nothing lies at {location:?}")]
    LocationNotFound {
        /// The location as resolved.
        location: String,
    },
    /// The location is there and holds no file of the format.
    #[error("{location:?} holds no {format} file")]
    LocationEmpty {
        /// The location as resolved.
        location: String,
        /// The declared format.
        format: crate::Format,
    },
    /// A format that Lakegate does not read.
    #[error("format {format:?} is not one of PARQUET, CSV, JSON")]
    UnknownFormat {
        /// The format as written.
        format: String,
    },
    /// An option that the format does not have, or whose value it does not take.
    #[error("option of a {format} table refused")]
    InvalidOption {
        /// The declared format.
        format: crate::Format,
        /// Which option, and why.
        #[source]
        source: DataFusionError,
    },
    /// A declared column or partition column that does not fit the files.
    #[error("declared columns do not fit: {reason}")]
    InvalidColumns {
        /// What does not fit.
        reason: String,
    },
    /// A file that is not what the format says, or that cannot be read.
    #[error("the files at {location:?} cannot be read as {format}")]
    UnreadableFiles {
        /// The location as resolved.
        location: String,
        /// The declared format.
        format: crate::Format,
        /// The reader's own words.
        #[source]
        source: DataFusionError,
    },
}

impl Coded for Error {
    fn code(&self) -> ErrorCode {
        match self {
            Error::UnknownScheme { .. } | Error::UnknownFormat { .. } => ErrorCode::Unsupported,
            Error::MalformedLocation { .. }
            | Error::InvalidOption { .. }
            | Error::InvalidColumns { .. } => ErrorCode::InvalidArgument,
            Error::LocationNotFound { .. } => ErrorCode::LocationNotFound,
            Error::LocationEmpty { .. } => ErrorCode::LocationEmpty,
            Error::UnreadableFiles { .. } => ErrorCode::InvalidFile,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Error::UnknownScheme { .. } => {
                "give an absolute path or a file:// URL on the server's machine"
            }
            Error::LocationNotFound { .. } => {
                "paths are those of the server's machine; executors must see the same path"
            }
            Error::LocationEmpty { .. } => {
                "check the folder and the file name extension, or name the files with a glob"
            }
            Error::UnreadableFiles { .. } => "check STORED AS and the OPTIONS of the table",
            _ => return None,
        };
        Some(hint.to_string())
    }
}
