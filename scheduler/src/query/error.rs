//! What can go wrong between a statement and its last row.

use std::time::Duration;

use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use lakegate_common::{Coded, ErrorCode};
use lakegate_engine::distributable::NotDistributable;
use lakegate_engine::security_barrier::ViewFailure;
use lakegate_engine::{failure, statement};

use crate::durable;

/// A statement that was refused, failed or was stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is no statement of Lakegate.
    #[error(transparent)]
    Statement(#[from] statement::Error),
    /// Views that lead back to themselves, or too deep.
    #[error("view {name} stands on more than {limit} views")]
    ViewsTooDeep {
        /// The view where counting ended.
        name: String,
        /// The bound.
        limit: usize,
    },
    /// A view that would stand on itself.
    #[error("view {name} would read itself")]
    ViewOfItself {
        /// The view.
        name: String,
    },
    /// A view whose inside the caller may not see.
    #[error(transparent)]
    View(#[from] ViewFailure),
    /// What the catalog holds of a dataset cannot be read by this version.
    #[error("the catalog's entry of {name} cannot be read")]
    CatalogEntry {
        /// The dataset.
        name: String,
        /// What does not decode.
        #[source]
        source: ArrowError,
    },
    /// The catalog refused or failed.
    #[error(transparent)]
    Catalog(#[from] lakegate_catalog::Error),
    /// The location or the files of a dataset.
    #[error(transparent)]
    Lake(#[from] lakegate_lake::Error),
    /// Planning failed.
    #[error("the statement cannot be planned")]
    Planning(#[source] DataFusionError),
    /// Running failed.
    #[error("the query failed")]
    Running(#[source] DataFusionError),
    /// A result value that its announced type cannot hold.
    #[error("the result does not fit its schema")]
    Result(#[source] ArrowError),
    /// The session insists on executors and they would give other rows than one process.
    #[error("executors cannot run the statement")]
    NotDistributable(#[from] NotDistributable),
    /// The durable tier refused or failed.
    #[error(transparent)]
    Durable(#[from] durable::Error),
    /// A setting that is unknown or takes no such value.
    #[error("setting {key:?} {reason}")]
    InvalidSetting {
        /// The key as written.
        key: String,
        /// What it takes.
        reason: String,
    },
    /// A volume where rows are asked for.
    #[error("{name:?} is a volume: it has files and no rows")]
    NoRows {
        /// The volume.
        name: String,
    },
    /// More or fewer values than columns.
    #[error("{given} values are given for {wanted} columns")]
    ColumnCount {
        /// The columns that are written.
        wanted: usize,
        /// The columns of the query.
        given: usize,
    },
    /// A column that the table does not have.
    #[error("there is no column {column:?}")]
    NoSuchColumn {
        /// The column as written.
        column: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// A column that stands in a list twice.
    #[error("column {column:?} is named twice")]
    ColumnTwice {
        /// The column.
        column: String,
    },
    /// No value for a column that takes no NULL.
    #[error("column {column:?} takes no NULL and gets no value")]
    ColumnMissing {
        /// The column.
        column: String,
    },
    /// A value of a type that does not become the column's.
    #[error("column {column:?} is of type {expected}, and {given} does not become that")]
    ColumnDoesNotFit {
        /// The column.
        column: String,
        /// Its type.
        expected: String,
        /// The type of the value.
        given: String,
    },
    /// A partition column whose values have no text to name folders by.
    #[error("column {column:?} is of type {data_type}, which parts no files")]
    PartsNoFiles {
        /// The column.
        column: String,
        /// Its type.
        data_type: String,
    },
    /// Partition columns only.
    #[error("at least one column must not be a partition column")]
    OnlyPartitionColumns,
    /// A statement that writes too many files.
    #[error("the statement writes more than {limit} files")]
    TooManyFiles {
        /// The bound.
        limit: usize,
    },
    /// A new table where something lies already.
    #[error("{location:?} is not empty")]
    PlaceTaken {
        /// The location of the statement.
        location: String,
    },
    /// A table that was dropped while rows for it were written.
    #[error("table {name} was dropped while rows for it were written")]
    TableGone {
        /// The table.
        name: String,
    },
    /// A text that is no type of a column.
    #[error("{written:?} is not a type that column {column:?} can have")]
    InvalidType {
        /// The column.
        column: String,
        /// The text.
        written: String,
    },
    /// A version, or changes, of what is no Delta table.
    #[error("{name} is {kind}: only Delta tables have versions")]
    NoVersions {
        /// Its name.
        name: String,
        /// What it is.
        kind: String,
    },
    /// An expression that needs rows where a value is needed before there are any.
    #[error("{expression} is no constant expression")]
    NotConstant {
        /// The expression.
        expression: String,
        /// What stands against it.
        #[source]
        source: Box<DataFusionError>,
    },
    /// A value that is no time.
    #[error("{expression} gives no time")]
    NotATime {
        /// The expression.
        expression: String,
    },
    /// A value that is no number of a version.
    #[error("{expression} gives no number of a version")]
    NotAVersion {
        /// The expression.
        expression: String,
    },
    /// Changes that end before they begin.
    #[error("changes from version {from} to version {to} end before they begin")]
    ChangesBackwards {
        /// The first version.
        from: u64,
        /// The last version.
        to: u64,
    },
    /// A word that is no privilege.
    #[error("{word} is no privilege")]
    UnknownPrivilege {
        /// The word as written.
        word: String,
    },
    /// A password that everybody knows.
    #[error("an empty password is none")]
    EmptyPassword,
    /// A password that cannot be kept.
    #[error("the password cannot be hashed")]
    Password(#[from] lakegate_common::secret::Error),
    /// A file of a Delta table that the table's log names and that is not there.
    #[error("version {version} of the Delta table at {table:?} cannot be read")]
    VersionIncomplete {
        /// The table's location.
        table: String,
        /// The version.
        version: u64,
        /// Whether the statement asked for that version.
        is_asked_for: bool,
        /// Which file is gone.
        #[source]
        source: Box<Error>,
    },
    /// The session asks for executors and none has joined.
    #[error("lakegate.execution.tier is 'durable' and no executor has joined")]
    NoExecutors,
    /// The datasets of a prepared statement have changed their columns.
    #[error("the datasets of the prepared statement have changed since it was prepared")]
    StalePreparation,
    /// Someone who may cancelled it.
    #[error("the query was cancelled")]
    Cancelled,
    /// It ran into its time limit.
    #[error("the query ran longer than its limit of {limit:?}")]
    Timeout {
        /// The limit.
        limit: Duration,
    },
    /// The queue of waiting queries is full, or the wait was too long.
    #[error("{waiting} queries are waiting for {running} places")]
    QueueFull {
        /// Queries that wait.
        waiting: usize,
        /// Queries that may run at once.
        running: usize,
    },
    /// The service is stopping.
    #[error("the server is stopping and takes no new statements")]
    Draining,
    /// The task that ran the query ended without a word.
    #[error("the query's task ended unexpectedly")]
    TaskLost,
    /// The local tier could not be set up.
    #[error("starting the threads of the local tier")]
    Threads(#[source] std::io::Error),
}

/// An error of a table of our own, such as those of the schema `system`, below what the engine has
/// put round it.
fn own<'a>(error: &'a DataFusionError) -> Option<&'a Error> {
    let first: &'a (dyn std::error::Error + 'static) = error;
    std::iter::successors(Some(first), |cause| cause.source())
        .find_map(|cause| cause.downcast_ref::<Error>())
}

impl Error {
    /// The failure of a plan that ran in this process.
    pub(super) fn running(error: DataFusionError) -> Self {
        if let DataFusionError::External(inner) = error.find_root()
            && let Some(failure) = inner.downcast_ref::<ViewFailure>()
        {
            return Self::View(failure.clone());
        }
        Self::Running(error)
    }
}

impl Coded for Error {
    fn code(&self) -> ErrorCode {
        match self {
            Error::Statement(error) => error.code(),
            Error::ViewsTooDeep { .. } => ErrorCode::LimitExceeded,
            Error::View(failure) => failure.code(),
            Error::CatalogEntry { .. } | Error::TaskLost | Error::Threads(_) => ErrorCode::Internal,
            Error::Catalog(error) => error.code(),
            Error::Lake(error) => error.code(),
            Error::Planning(error) | Error::Running(error) if own(error).is_some() => {
                own(error).map_or(ErrorCode::Internal, Coded::code)
            }
            Error::Planning(error) => match failure::code_of(error) {
                ErrorCode::DataError => ErrorCode::InvalidStatement,
                code => code,
            },
            Error::Running(error) => failure::code_of(error),
            Error::VersionIncomplete { .. } => ErrorCode::FileGone,
            Error::Result(_) => ErrorCode::DataError,
            Error::NotDistributable(error) => error.code(),
            Error::Durable(error) => error.code(),
            Error::InvalidSetting { .. } => ErrorCode::InvalidSetting,
            Error::NoRows { .. }
            | Error::NoVersions { .. }
            | Error::NotConstant { .. }
            | Error::ViewOfItself { .. }
            | Error::NotATime { .. }
            | Error::NotAVersion { .. }
            | Error::ChangesBackwards { .. }
            | Error::InvalidType { .. }
            | Error::UnknownPrivilege { .. } => ErrorCode::InvalidStatement,
            Error::NoSuchColumn { .. } => ErrorCode::ColumnNotFound,
            Error::ColumnCount { .. }
            | Error::ColumnTwice { .. }
            | Error::ColumnDoesNotFit { .. }
            | Error::PartsNoFiles { .. }
            | Error::OnlyPartitionColumns => ErrorCode::InvalidStatement,
            Error::ColumnMissing { .. } => ErrorCode::DataError,
            Error::TooManyFiles { .. } => ErrorCode::LimitExceeded,
            Error::PlaceTaken { .. } => ErrorCode::NotEmpty,
            Error::TableGone { .. } => ErrorCode::CatalogConflict,
            Error::EmptyPassword => ErrorCode::InvalidArgument,
            Error::Password(_) => ErrorCode::Internal,
            Error::NoExecutors => ErrorCode::NoExecutors,
            Error::StalePreparation => ErrorCode::InvalidStatement,
            Error::Cancelled => ErrorCode::QueryCancelled,
            Error::Timeout { .. } => ErrorCode::QueryTimeout,
            Error::QueueFull { .. } => ErrorCode::QueueFull,
            Error::Draining => ErrorCode::Unavailable,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Error::Statement(error) => error.hint(),
            Error::Catalog(error) => error.hint(),
            Error::Lake(error) => error.hint(),
            Error::View(failure) => failure.hint(),
            Error::NoSuchColumn { known, .. } => Some(format!("columns are {}", known.join(", "))),
            Error::PlaceTaken { .. } => Some(
                "name an empty folder, or read what is there with CREATE EXTERNAL TABLE"
                    .to_string(),
            ),
            Error::TooManyFiles { .. } => {
                Some("partition by a column with fewer values".to_string())
            }
            Error::NotDistributable(error) => error.hint(),
            Error::Durable(error) => error.hint(),
            Error::Planning(error) | Error::Running(error) => match own(error) {
                Some(own) => own.hint(),
                None => failure::hint_for(self.code()).map(str::to_string),
            },
            Error::VersionIncomplete { is_asked_for: true, .. } => Some(
                "VACUUM removes what only earlier versions need; read the newest version, or another \
                 one of DESCRIBE HISTORY"
                    .to_string(),
            ),
            Error::VersionIncomplete { is_asked_for: false, .. } => Some(
                "the log still names it: bring the file back, or repair the table with the engine \
                 that writes it"
                    .to_string(),
            ),
            Error::InvalidSetting { .. } => Some("SHOW ALL lists the settings".to_string()),
            Error::NotATime { .. } => {
                Some("write it as '2024-01-31 12:00:00' or TIMESTAMP '2024-01-31 12:00:00'".into())
            }
            Error::UnknownPrivilege { .. } => Some(
                "privileges are SELECT, MODIFY, CREATE, MANAGE, OWN, READ, WRITE and ALL"
                    .to_string(),
            ),
            Error::NoExecutors => {
                Some("start one with: lakegate executor --scheduler HOST:PORT".to_string())
            }
            Error::StalePreparation => Some("prepare the statement again".to_string()),
            Error::Timeout { .. } => {
                Some("raise it with SET lakegate.execution.timeout = '10min'".to_string())
            }
            _ => None,
        }
    }
}
