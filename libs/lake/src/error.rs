//! What can go wrong between a location and a table.

use std::io::ErrorKind;

use datafusion::error::DataFusionError;
use datafusion::parquet::errors::ParquetError;
use delta_kernel::KernelError;
use lakegate_common::{Chain, Coded, ErrorCode};

use crate::store::StoreKind;

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
    /// A URL that names no objects, or more than that.
    #[error("{url:?} is no URL of a location: {reason}")]
    MalformedUrl {
        /// The URL as written.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A kind of store that Lakegate does not know.
    #[error("{kind:?} is not one of S3, GCS, AZURE, HTTP")]
    UnknownStoreKind {
        /// The kind as written.
        kind: String,
    },
    /// An option that credentials or locations of a kind do not have.
    #[error("a {of} of type {kind} has no option {key:?}")]
    UnknownStoreOption {
        /// The option as written.
        key: String,
        /// Of what.
        of: &'static str,
        /// The kind of store.
        kind: StoreKind,
        /// Those that there are.
        known: Vec<&'static str>,
    },
    /// A value that an option of a location does not take.
    #[error("option {key:?} does not take {value:?}; expected {expected}")]
    InvalidStoreOption {
        /// The option.
        key: String,
        /// The value as written.
        value: String,
        /// What there is instead.
        expected: &'static str,
    },
    /// A URL that no location covers.
    #[error("no location covers {url:?}")]
    NoAccess {
        /// The URL.
        url: String,
    },
    /// What access to a URL depends on does not answer. The reason is part of the text, because
    /// readers of files keep no more of an error than that.
    #[error("access to {url:?} cannot be had: {}", Chain(&**.source))]
    AccessUnavailable {
        /// The URL.
        url: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An object store that cannot be set up, or does not serve a request.
    #[error("the object store of {url:?} failed")]
    Store {
        /// The URL.
        url: String,
        /// The store's own words.
        #[source]
        source: object_store::Error,
    },
    /// A folder of a server that does not tell what lies in it.
    #[error("what lies below {url:?} cannot be listed: the server gives files, not folders")]
    NotListed {
        /// The URL of the folder.
        url: String,
        /// What the server said, if it was asked.
        #[source]
        source: Option<object_store::Error>,
    },
    /// An object that became another one in the middle of a query.
    #[error("{url:?} was replaced while it was read")]
    ObjectChanged {
        /// The URL.
        url: String,
    },
    /// A change of what can only be read.
    #[error("{url:?} can be read only")]
    ReadOnly {
        /// The URL.
        url: String,
    },
    /// A path through links that leave the location it belongs to.
    #[error("a link leads out of the location of {location:?}")]
    LeadsOut {
        /// The path as it is named.
        location: String,
    },
    /// A path into the folder of the process itself.
    #[error("{location:?} lies in the server's own folder")]
    OutOfBounds {
        /// The path as it is named.
        location: String,
    },
    /// A place among the commits of a Delta table.
    #[error("{location:?} lies in the log of a Delta table")]
    InLog {
        /// The place as written.
        location: String,
    },
    /// Nothing lies at the location.
    #[error("nothing lies at {location:?}")]
    LocationNotFound {
        /// The location as resolved.
        location: String,
    },
    /// The files of a location cannot be listed.
    #[error("the files at {location:?} cannot be listed")]
    Unlistable {
        /// The location as resolved.
        location: String,
        /// Why.
        #[source]
        source: DataFusionError,
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
    #[error("format {format:?} is not one of DELTA, PARQUET, CSV, JSON, ARROW")]
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
    /// One file that is not what the format says, or that cannot be read.
    #[error("the file {path:?} cannot be read as {format}")]
    UnreadableFile {
        /// The file's place in its store.
        path: String,
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
    /// A time after the newest version, of which nobody knows what the table will be then.
    #[error(
        "the newest version of the table at {location:?} is {version}, of {newest}: none is as young"
    )]
    TimestampAfterNewest {
        /// The table's location.
        location: String,
        /// The newest version.
        version: u64,
        /// Its time.
        newest: String,
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
    /// An option that written files do not have, or whose value it does not take.
    #[error("option {name:?} does not take {value:?}; expected {expected}")]
    InvalidWriteOption {
        /// The option as written.
        name: String,
        /// The value as written.
        value: String,
        /// What there is instead.
        expected: &'static str,
    },
    /// A column that no Delta table has.
    #[error("column {column:?} of type {data_type} cannot be stored in a Delta table")]
    UnstorableColumn {
        /// The column.
        column: String,
        /// Its type.
        data_type: String,
    },
    /// Columns or properties that do not make a Delta table.
    #[error("a Delta table like that cannot be made")]
    InvalidTable {
        /// What the log's rules say.
        #[source]
        source: Box<KernelError>,
    },
    /// A new table where one lies already.
    #[error("there is a table at {location:?}")]
    TableExists {
        /// The location.
        location: String,
    },
    /// Somebody changed the columns or the rules of a table while rows for it were written.
    #[error("the table at {location:?} was changed in its columns while rows for it were written")]
    TableChanged {
        /// The table's location.
        location: String,
    },
    /// Somebody changed the rows of a table while a statement read them to replace them.
    #[error("the table at {location:?} got other rows while it was read to be replaced")]
    RowsChanged {
        /// The table's location.
        location: String,
    },
    /// Rows that go from a table that keeps all of them.
    #[error("the table at {location:?} is append-only: its rows stay")]
    AppendOnly {
        /// The table's location.
        location: String,
    },
    /// A property that a table that is there cannot be given.
    #[error("property {name:?} of a table that is there cannot be changed")]
    PropertyNotSettable {
        /// The property.
        name: String,
        /// Those that can.
        known: Vec<&'static str>,
    },
    /// A value that a property does not take.
    #[error("property {name:?} does not take {value:?}")]
    PropertyValue {
        /// The property.
        name: String,
        /// The value as written.
        value: String,
    },
    /// A new column of a name that there is.
    #[error("there is a column {column:?}")]
    ColumnExists {
        /// The column.
        column: String,
    },
    /// A new column that rows that are there could not have.
    #[error("column {column:?} cannot be NOT NULL: rows that are there have no value")]
    ColumnNotNullable {
        /// The column.
        column: String,
    },
    /// Other writers were faster each time.
    #[error("other writers came first {attempts} times at the table at {location:?}")]
    CommitContention {
        /// The table's location.
        location: String,
        /// How often it was tried.
        attempts: usize,
    },
    /// A commit that the store did not take.
    #[error("the commit to the table at {location:?} failed")]
    CommitFailed {
        /// The table's location.
        location: String,
        /// The store's own words.
        #[source]
        source: Box<KernelError>,
    },
    /// Files that executors wrote where the server does not find them.
    #[error("{path:?} was written by an executor and is not there")]
    FileMissing {
        /// The file.
        path: String,
    },
    /// A file that a table is made of and that somebody has removed.
    #[error("the data file {file:?} is gone")]
    DataFileGone {
        /// The file's URL.
        file: String,
        /// The store's own words.
        #[source]
        source: object_store::Error,
    },
    /// Reading the log was given up because nobody waits for it.
    #[error("reading the Delta log was cancelled")]
    Cancelled,
}

impl Coded for Error {
    fn code(&self) -> ErrorCode {
        match self {
            Error::UnknownScheme { .. }
            | Error::UnknownFormat { .. }
            | Error::NotListed { .. }
            | Error::ReadOnly { .. } => ErrorCode::Unsupported,
            Error::NoAccess { .. } | Error::LeadsOut { .. } | Error::OutOfBounds { .. } => {
                ErrorCode::PermissionDenied
            }
            Error::InLog { .. } => ErrorCode::InvalidArgument,
            Error::AccessUnavailable { .. } | Error::ObjectChanged { .. } => {
                ErrorCode::StorageError
            }
            Error::Store { source, .. } => code_of_store(source),
            Error::MalformedLocation { .. }
            | Error::MalformedUrl { .. }
            | Error::UnknownStoreKind { .. }
            | Error::UnknownStoreOption { .. }
            | Error::InvalidStoreOption { .. }
            | Error::InvalidOption { .. }
            | Error::InvalidColumns { .. } => ErrorCode::InvalidArgument,
            Error::LocationNotFound { .. } => ErrorCode::LocationNotFound,
            Error::LocationEmpty { .. } => ErrorCode::LocationEmpty,
            Error::Unlistable { source, .. } => {
                code_of_stored(source).unwrap_or(ErrorCode::StorageError)
            }
            Error::UnreadableFiles { source, .. } | Error::UnreadableFile { source, .. } => {
                code_of_stored(source).unwrap_or(ErrorCode::InvalidFile)
            }
            Error::CorruptLog { .. } => ErrorCode::InvalidFile,
            Error::NotDelta { .. } => ErrorCode::LocationEmpty,
            Error::VersionNotFound { .. }
            | Error::TimestampOutOfRange { .. }
            | Error::TimestampAfterNewest { .. } => ErrorCode::VersionNotFound,
            Error::UnsupportedFeature { .. }
            | Error::AppendOnly { .. }
            | Error::PropertyNotSettable { .. }
            | Error::ColumnNotNullable { .. } => ErrorCode::Unsupported,
            Error::PropertyValue { .. } => ErrorCode::InvalidArgument,
            Error::ColumnExists { .. } => ErrorCode::AlreadyExists,
            Error::UnreadableLog { source, .. } | Error::CommitFailed { source, .. } => {
                code_of_kernel(source)
            }
            Error::InvalidWriteOption { .. } => ErrorCode::InvalidArgument,
            Error::UnstorableColumn { .. } | Error::InvalidTable { .. } => {
                ErrorCode::InvalidStatement
            }
            Error::TableExists { .. } => ErrorCode::NotEmpty,
            Error::TableChanged { .. }
            | Error::RowsChanged { .. }
            | Error::CommitContention { .. } => ErrorCode::CatalogConflict,
            Error::FileMissing { .. } => ErrorCode::StorageError,
            Error::DataFileGone { .. } => ErrorCode::FileGone,
            Error::Cancelled => ErrorCode::QueryCancelled,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Error::UnknownScheme { .. } => {
                "give a path on the server's machine, or a URL of s3, gs, az, abfss, http or https"
            }
            Error::UnknownStoreOption { known, .. } => {
                return Some(format!("options are {}", known.join(", ")));
            }
            Error::PropertyNotSettable { known, .. } => {
                return Some(format!("properties that can are {}", known.join(", ")));
            }
            Error::AppendOnly { .. } => {
                "ALTER TABLE name SET TBLPROPERTIES ('delta.appendOnly' = 'false') lets them go"
            }
            Error::ColumnNotNullable { .. } => "leave NOT NULL out",
            Error::MalformedUrl { .. } => "write it as s3://bucket/folder/",
            Error::NoAccess { .. } => {
                "CREATE LOCATION name URL 's3://bucket/prefix/' CREDENTIAL name"
            }
            Error::OutOfBounds { .. } => "its keys and its catalog lie there; name another folder",
            Error::InLog { .. } => "rows are added to a table with INSERT",
            Error::NotListed { .. } => "behind HTTP a table is one file: name it",
            Error::LocationNotFound { .. } => {
                "paths are those of the server's machine; executors must see the same path"
            }
            Error::LocationEmpty { .. } => {
                "check the folder and the file name extension, or name the files with a glob"
            }
            Error::NotDelta { .. } => "the location must be the folder that holds _delta_log",
            Error::TimestampAfterNewest { version, .. } => {
                return Some(format!("VERSION AS OF {version} is the newest"));
            }
            Error::VersionNotFound { .. } | Error::TimestampOutOfRange { .. } => {
                "DESCRIBE HISTORY lists the versions that there are"
            }
            Error::UnstorableColumn { .. } => "CAST it to a type that there is, such as VARCHAR",
            Error::FileMissing { .. } => {
                "a folder of this machine must be at the same path on every executor's"
            }
            Error::TableExists { .. } => {
                "name an empty folder, or read what is there with CREATE EXTERNAL TABLE"
            }
            Error::UnreadableFiles { .. } => "check STORED AS and the OPTIONS of the table",
            _ => return None,
        };
        Some(hint.to_string())
    }
}

/// The code of an error that comes from an object store, by whatever way.
fn code_of_stored(error: &DataFusionError) -> Option<ErrorCode> {
    match error {
        DataFusionError::Context(_, inner) => code_of_stored(inner),
        DataFusionError::ObjectStore(error) => Some(code_of_store(error)),
        DataFusionError::ParquetError(error) => Some(code_of_parquet(error)),
        DataFusionError::External(error) => error.downcast_ref::<Error>().map(Coded::code),
        _ => None,
    }
}

/// How errors of stores begin in texts that were made of them on the way up: by themselves, below an
/// error of Parquet, and as our own readers tell them.
const STORE_IN_TEXT: [&str; 3] =
    ["Object Store error: Generic ", "External: Generic ", "External: the object store of "];

/// The code of an error of reading a Parquet file, which may be one of its store: as it is, or in
/// words.
pub fn code_of_parquet(error: &ParquetError) -> ErrorCode {
    let of_text = || code_of_parquet_text(&error.to_string());
    let ParquetError::External(cause) = error else { return of_text() };
    let first: &(dyn std::error::Error + 'static) = cause.as_ref();
    let mut causes = std::iter::successors(Some(first), |cause| cause.source());
    let code = causes.find_map(|cause| {
        if let Some(error) = cause.downcast_ref::<object_store::Error>() {
            return Some(code_of_store(error));
        }
        if let Some(error) = cause.downcast_ref::<Error>() {
            return Some(error.code());
        }
        cause.downcast_ref::<DataFusionError>().and_then(code_of_stored)
    });
    code.unwrap_or_else(of_text)
}

/// The same of an error of which only the text is left.
pub fn code_of_parquet_text(text: &str) -> ErrorCode {
    match STORE_IN_TEXT.iter().any(|words| text.contains(words)) {
        true => ErrorCode::StorageError,
        false => ErrorCode::InvalidFile,
    }
}

/// The code of an error that an object store gave.
pub fn code_of_store(error: &object_store::Error) -> ErrorCode {
    use object_store::Error as Store;
    match error {
        Store::NotFound { .. } => ErrorCode::LocationNotFound,
        Store::PermissionDenied { .. } | Store::Unauthenticated { .. } => {
            ErrorCode::PermissionDenied
        }
        Store::Generic { source, .. } => match source.downcast_ref::<Error>() {
            Some(error) => error.code(),
            None if is_disk_full(source.as_ref()) => ErrorCode::DiskFull,
            None => ErrorCode::StorageError,
        },
        _ => ErrorCode::StorageError,
    }
}

/// The code of what kept the log of a table from being read or written.
fn code_of_kernel(error: &KernelError) -> ErrorCode {
    match error.without_backtrace() {
        // The table was there a moment ago.
        KernelError::ObjectStore(object_store::Error::NotFound { .. }) => ErrorCode::StorageError,
        KernelError::ObjectStore(error) => code_of_store(error),
        KernelError::IOError(error) if is_full(error) => ErrorCode::DiskFull,
        _ => ErrorCode::StorageError,
    }
}

/// Whether an error comes from a disk without room.
fn is_disk_full(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |cause| cause.source());
    causes.any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(is_full))
}

fn is_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

#[cfg(test)]
mod tests {
    use std::backtrace::Backtrace;

    use super::*;

    #[test]
    fn a_commit_without_room_is_told_from_one_that_the_store_did_not_take() {
        let full = || std::io::Error::from(ErrorKind::StorageFull);
        let stored =
            object_store::Error::Generic { store: "LocalFileSystem", source: full().into() };
        let traced = KernelError::Backtraced {
            source: Box::new(KernelError::IOError(full())),
            backtrace: Box::new(Backtrace::force_capture()),
        };
        for source in [KernelError::IOError(full()), traced, stored.into()] {
            let source = Box::new(source);
            let failed = Error::CommitFailed { location: "t".to_string(), source };
            assert_eq!(failed.code(), ErrorCode::DiskFull, "{failed:?}");
        }
        let source = Box::new(KernelError::IOError(ErrorKind::ConnectionReset.into()));
        let failed = Error::CommitFailed { location: "t".to_string(), source };
        assert_eq!(failed.code(), ErrorCode::StorageError);
    }
}
