//! What the log reader's errors mean to a user.

use arrow::error::ArrowError;
use delta_kernel::KernelError;
use delta_kernel::history_manager::error::LogHistoryError;

use crate::Error;

/// How the log reader begins to tell of a type that it does not know.
const UNKNOWN_TYPE: &str = "Unsupported Delta table type";

/// How it begins to tell of a version of the protocol that it does not know.
const UNKNOWN_READER: &str = "Unsupported minimum reader version ";
/// How it tells of a protocol with features in a version that is not the one of features.
const FEATURES_OUT_OF_PLACE: &str = "Reader features must not be present";

/// The error of opening or reading the table at `location`.
pub(super) fn failure(location: &str, error: KernelError) -> Error {
    let location = location.to_string();
    match error {
        KernelError::Backtraced { source, .. } => failure(&location, *source),
        KernelError::Cancelled => Error::Cancelled,
        KernelError::Unsupported(text) => {
            Error::UnsupportedFeature { location, feature: feature(&text) }
        }
        // A table whose commits a catalog decides on, which is not asked here.
        KernelError::MaxCatalogVersion(_) => {
            Error::UnsupportedFeature { location, feature: "catalogManaged".to_string() }
        }
        KernelError::InvalidProtocol(text) if text.contains(FEATURES_OUT_OF_PLACE) => {
            let feature = "reader features in another reader version than 3".to_string();
            Error::UnsupportedFeature { location, feature }
        }
        KernelError::Schema(text) if text.contains(UNKNOWN_TYPE) => {
            Error::UnsupportedFeature { location, feature: unknown_type(&text) }
        }
        // A folder of this machine that is gone, or none; object stores have no log there either.
        KernelError::EmptyLog | KernelError::InvalidTableLocation(_) => {
            Error::NotDelta { location }
        }
        KernelError::FileNotFound(path) if path.trim_end_matches('/').ends_with("_delta_log") => {
            Error::NotDelta { location }
        }
        KernelError::MissingVersion(version) => Error::VersionNotFound {
            location,
            version,
            source: Some(Box::new(KernelError::MissingVersion(version))),
        },
        KernelError::LogHistory(history) => history_failure(location, history),
        error @ (KernelError::ObjectStore(_)
        | KernelError::IOError(_)
        | KernelError::Reqwest(_)
        | KernelError::JoinFailure(_)) => {
            Error::UnreadableLog { location, source: Box::new(error) }
        }
        error => Error::CorruptLog {
            location,
            reason: short(&error).to_string(),
            source: Some(Box::new(error)),
        },
    }
}

fn history_failure(location: String, error: Box<LogHistoryError>) -> Error {
    match *error {
        LogHistoryError::TimestampOutOfRange { .. }
        | LogHistoryError::EmptyTimestampRange { .. } => Error::TimestampOutOfRange {
            location,
            source: Box::new(KernelError::LogHistory(error)),
        },
        LogHistoryError::NoCommitsFound { .. } => Error::NotDelta { location },
        LogHistoryError::Internal { source: Some(source), .. } => failure(&location, *source),
        other => Error::CorruptLog {
            location,
            reason: "its history cannot be read".to_string(),
            source: Some(Box::new(KernelError::LogHistory(Box::new(other)))),
        },
    }
}

/// The error of opening the newest version. A version that is missing then is one between others.
pub(super) fn newest_failure(location: &str, error: KernelError) -> Error {
    match error {
        KernelError::Backtraced { source, .. } => newest_failure(location, *source),
        KernelError::MissingVersion(version) => Error::CorruptLog {
            location: location.to_string(),
            reason: format!("version {version} is missing between others"),
            source: Some(Box::new(KernelError::MissingVersion(version))),
        },
        other => failure(location, other),
    }
}

/// The error of opening one version: what a log without that version says in many ways.
pub(super) fn version_failure(location: &str, version: u64, error: KernelError) -> Error {
    match error {
        KernelError::Backtraced { source, .. } => version_failure(location, version, *source),
        error @ (KernelError::MissingVersion(_)
        | KernelError::StartVersionNotFound { .. }
        | KernelError::InvalidLogSegment(_)
        | KernelError::Generic(_)
        | KernelError::FileNotFound(_)
        | KernelError::InvalidCheckpoint(_)
        | KernelError::InternalError(_)
        | KernelError::MissingMetadata
        | KernelError::MissingProtocol
        | KernelError::MissingMetadataAndProtocol
        | KernelError::EmptyLog) => Error::VersionNotFound {
            location: location.to_string(),
            version,
            source: Some(Box::new(error)),
        },
        other => failure(location, other),
    }
}

fn short(error: &KernelError) -> &'static str {
    match error {
        KernelError::MalformedJson(_) | KernelError::Arrow(ArrowError::JsonError(_)) => {
            "a commit is not readable JSON"
        }
        KernelError::Parquet(_) | KernelError::InvalidCheckpoint(_) => {
            "a checkpoint is not readable"
        }
        KernelError::MissingProtocol
        | KernelError::MissingMetadata
        | KernelError::MissingMetadataAndProtocol => "protocol or schema is missing",
        KernelError::InvalidProtocol(_) => "its protocol is invalid",
        KernelError::Schema(_) => "its schema is invalid",
        KernelError::FileNotFound(_) => "a file of the log is missing",
        _ => "it does not follow the protocol",
    }
}

/// The feature in the log reader's words about one that it does not read.
fn feature(text: &str) -> String {
    match (text.strip_prefix(UNKNOWN_READER), text.split('\'').nth(1)) {
        (Some(version), _) => format!("reader version {version}"),
        (None, Some(name)) if text.starts_with("Feature '") => name.to_string(),
        _ => lower_first(text),
    }
}

/// The type in the log reader's words about one that it does not know.
fn unknown_type(text: &str) -> String {
    let name = text.split('\'').nth(1).unwrap_or(text);
    format!("the type {name:?}")
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map(|first| first.to_lowercase().chain(characters).collect())
        .unwrap_or_default()
}
