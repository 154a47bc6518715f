//! Why a request of a client is refused before, around or during its query.

use std::time::Duration;

use arrow_flight::error::FlightError;
use datafusion::arrow::error::ArrowError;
use lakegate_common::{Coded, ErrorCode};

use crate::{identity, query};

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes of the request are no command, action or message that is answered.
    #[error("{reason}")]
    InvalidCommand {
        /// What is wrong with them.
        reason: String,
    },
    /// A part of Flight SQL that is not offered.
    #[error("{what} are not supported")]
    Unsupported {
        /// What was asked for, in the plural.
        what: String,
    },
    /// A ticket or handle that this server did not sign for this principal and session.
    #[error("the ticket or handle is not valid for this session")]
    TicketInvalid,
    /// A ticket or handle past its time, or whose statement the session no longer keeps.
    #[error("the ticket or handle has expired")]
    TicketExpired,
    /// A request whose body is larger than one may be.
    #[error("the body of the request is larger than {limit} bytes")]
    BodyTooLarge {
        /// The bound.
        limit: usize,
    },
    /// The client did not finish its request in time.
    #[error("the request was not complete after {}", lakegate_common::duration::format(*.limit))]
    RequestTooSlow {
        /// The time that it had.
        limit: Duration,
    },
    /// No object of the identifier that a request names, or none that the caller may know of.
    #[error("there is no such {noun}")]
    NoSuchObject {
        /// What was looked for.
        noun: &'static str,
        /// The code of such an object that is not there.
        code: ErrorCode,
    },
    /// No query of that identifier that the caller may see.
    #[error("query {id:?} is not known")]
    QueryNotFound {
        /// The identifier, as sent.
        id: String,
    },
    /// The caller is not let in.
    #[error(transparent)]
    Identity(#[from] identity::Error),
    /// The query was refused or failed.
    #[error(transparent)]
    Query(#[from] query::Error),
    /// The catalog cannot be asked.
    #[error(transparent)]
    Catalog(#[from] lakegate_catalog::Error),
    /// A row of a result that is larger than one may be.
    #[error("a row of the result needs {bytes} bytes, more than {limit}")]
    RowTooLarge {
        /// What its message needs.
        bytes: usize,
        /// The bound.
        limit: usize,
    },
    /// A schema cannot be read or written.
    #[error("a schema cannot be encoded")]
    Schema {
        /// Why.
        #[source]
        source: ArrowError,
    },
    /// An answer cannot be put together.
    #[error("the answer cannot be encoded")]
    Answer {
        /// Why.
        #[source]
        source: FlightError,
    },
}

impl Coded for Error {
    fn code(&self) -> ErrorCode {
        match self {
            Self::InvalidCommand { .. } => ErrorCode::InvalidArgument,
            Self::Unsupported { .. } => ErrorCode::Unsupported,
            Self::TicketInvalid => ErrorCode::TicketInvalid,
            Self::TicketExpired => ErrorCode::TicketExpired,
            Self::BodyTooLarge { .. } | Self::RequestTooSlow { .. } | Self::RowTooLarge { .. } => {
                ErrorCode::LimitExceeded
            }
            Self::NoSuchObject { code, .. } => *code,
            Self::QueryNotFound { .. } => ErrorCode::QueryNotFound,
            Self::Identity(error) => error.code(),
            Self::Query(error) => error.code(),
            Self::Catalog(error) => error.code(),
            Self::Schema { .. } | Self::Answer { .. } => ErrorCode::Internal,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::TicketExpired => Some("run the statement again".to_string()),
            Self::RowTooLarge { .. } => Some(
                "leave out or cut the long values; the server's setting limits.row_bytes bounds \
                 them, and most clients have a bound of their own"
                    .to_string(),
            ),
            Self::Identity(error) => error.hint(),
            Self::Query(error) => error.hint(),
            Self::Catalog(error) => error.hint(),
            _ => None,
        }
    }
}
