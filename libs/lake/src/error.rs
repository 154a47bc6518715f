//! What can go wrong between a location and a table.

use datafusion::error::DataFusionError;
use delta_kernel::KernelError;
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
    /// A folder without a Delta log.
    #[error("{location:?} holds no Delta table")]
    NotDelta {
        /// The table's location.
        location: String,
    },
    /// A version that the table does not have, or whose log is cleaned up.
    #[error("version {version} of the table at {location:?} is not there, or no longer")]
    VersionNotFound {
        /// The table's location.
        location: String,
        /// The version asked for.
        version: u64,
        /// The log's own words.
        #[source]
        source: Option<Box<KernelError>>,
    },
    /// A time before the first version that can still be read.
    #[error("no version of the table at {location:?} is as old as that")]
    TimestampOutOfRange {
        /// The table's location.
        location: String,
        /// The log's own words, with the nearest time that there is.
        #[source]
        source: Box<KernelError>,
    },
    /// Something that the table's protocol requires and that is not read here.
    #[error("the table at {location:?} needs {feature}, which is not supported")]
    UnsupportedFeature {
        /// The table's location.
        location: String,
        /// The feature by its name in the Delta protocol, or what stands for it.
        feature: String,
    },
    /// A Delta log that contradicts itself or the protocol.
    #[error("the Delta log at {location:?} is damaged: {reason}")]
    CorruptLog {
        /// The table's location.
        location: String,
        /// What is wrong.
        reason: String,
        /// The log reader's own words.
        #[source]
        source: Option<Box<KernelError>>,
    },
    /// A Delta log that could not be read just now.
    #[error("the Delta log at {location:?} cannot be read")]
    UnreadableLog {
        /// The table's location.
        location: String,
        /// The store's own words.
        #[source]
        source: Box<KernelError>,
    },
    /// Reading the log was given up because nobody waits for it.
    #[error("reading the Delta log was cancelled")]
    Cancelled,
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
            Error::UnreadableFiles { .. } | Error::CorruptLog { .. } => ErrorCode::InvalidFile,
            Error::NotDelta { .. } => ErrorCode::LocationEmpty,
            Error::VersionNotFound { .. } | Error::TimestampOutOfRange { .. } => {
                ErrorCode::VersionNotFound
            }
            Error::UnsupportedFeature { .. } => ErrorCode::Unsupported,
            Error::UnreadableLog { .. } => ErrorCode::StorageError,
            Error::Cancelled => ErrorCode::QueryCancelled,
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
            Error::NotDelta { .. } => "the location must be the folder that holds _delta_log",
            Error::VersionNotFound { .. } | Error::TimestampOutOfRange { .. } => {
                "DESCRIBE HISTORY lists the versions that there are"
            }
            Error::UnreadableFiles { .. } => "check STORED AS and the OPTIONS of the table",
            _ => return None,
        };
        Some(hint.to_string())
    }
}
