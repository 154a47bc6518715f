//! What can go wrong between a client and a server.
//!
//! An error that the server reported keeps the server's stable code, message and hint. It travels as
//! a gRPC status whose message reads `CODE: text (hint: …)` and whose metadata repeats the code.

use std::error::Error as StdError;
use std::fmt;

use arrow_flight::error::FlightError;
use lakegate_common::{Coded, ErrorCode};
use tonic::{Code, Status};

/// The response metadata key that carries the stable code of a failure.
const CODE_KEY: &str = "lakegate-error-code";

/// What the end of a message looks like when there is a hint.
const HINT_OPENING: &str = " (hint: ";

/// A failed call to a server.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text names no server.
    #[error("{url:?} is no server address: {reason}")]
    InvalidUrl {
        /// What was given.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The address asks for TLS.
    #[error("{url:?} asks for TLS, which this client does not speak yet")]
    TlsUnsupported {
        /// What was given.
        url: String,
    },
    /// No connection could be opened.
    #[error("connecting to {address}")]
    Connect {
        /// `host:port` of the server.
        address: String,
        /// Why not.
        #[source]
        source: tonic::transport::Error,
    },
    /// The connection broke while a call was under way.
    #[error("the connection to the server broke")]
    Connection {
        /// What broke it.
        #[source]
        source: BrokenConnection,
    },
    /// The server refused or failed.
    #[error("{message}")]
    Server {
        /// The stable code as the server wrote it; it may be newer than this client.
        code: String,
        /// The text of the server, without code and hint.
        message: String,
        /// What the server says may help.
        hint: Option<String>,
    },
    /// A session option that the server did not take.
    #[error("the server refused the session option {name:?}: {reason}")]
    SessionOption {
        /// Name of the option.
        name: String,
        /// Why it was refused.
        reason: &'static str,
    },
    /// The server's answer lacks a part that the protocol demands.
    #[error("the server's answer lacks {what}")]
    MissingAnswer {
        /// The part.
        what: &'static str,
    },
    /// The server's answer cannot be read.
    #[error("reading {what} from the server")]
    Decode {
        /// The part.
        what: &'static str,
        /// Why not.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The rows are not of the schema that was announced.
    #[error("the result has the schema {streamed}, announced was {announced}")]
    SchemaMismatch {
        /// The schema of FlightInfo.
        announced: String,
        /// The schema of the stream.
        streamed: String,
    },
    /// A request to the HTTP interface failed before the server answered.
    #[error("requesting {path}")]
    Http {
        /// The path of the request.
        path: String,
        /// Why.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
}

/// What broke a connection. Its text is that of the first cause alone, because each layer of the
/// transport repeats in its own words what the one below said.
#[derive(Debug)]
pub struct BrokenConnection(Box<Status>);

impl fmt::Display for BrokenConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cause: &dyn StdError = &*self.0;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        write!(f, "{cause}")
    }
}

impl StdError for BrokenConnection {}

impl Error {
    /// The stable code as text; for an error of the server exactly what the server sent.
    pub fn code_text(&self) -> &str {
        match self {
            Self::Server { code, .. } => code,
            other => other.code().as_str(),
        }
    }

    /// Makes an error of a gRPC status.
    pub(crate) fn from_status(status: Status) -> Self {
        let coded = status.metadata().get(CODE_KEY).and_then(|value| value.to_str().ok());
        if let Some(code) = coded {
            let (message, hint) = split_message(status.message(), code);
            return Self::Server { code: code.to_string(), message, hint };
        }
        if status.source().is_some() {
            return Self::Connection { source: BrokenConnection(Box::new(status)) };
        }
        Self::Server {
            code: code_of_status(status.code()).as_str().to_string(),
            message: status.message().to_string(),
            hint: None,
        }
    }

    /// Makes an error of what the Flight decoder met.
    pub(crate) fn from_flight(error: FlightError) -> Self {
        match error {
            FlightError::Tonic(status) => Self::from_status(*status),
            other => Self::Decode { what: "a record batch", source: Box::new(other) },
        }
    }
}

impl Coded for Error {
    fn code(&self) -> ErrorCode {
        match self {
            Self::InvalidUrl { .. } => ErrorCode::InvalidArgument,
            Self::TlsUnsupported { .. } => ErrorCode::Unsupported,
            Self::Connect { .. } | Self::Connection { .. } | Self::Http { .. } => {
                ErrorCode::Unavailable
            }
            Self::Server { code, .. } => known_code(code).unwrap_or(ErrorCode::Internal),
            Self::SessionOption { .. } => ErrorCode::InvalidSetting,
            Self::MissingAnswer { .. } | Self::Decode { .. } | Self::SchemaMismatch { .. } => {
                ErrorCode::Internal
            }
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Server { hint, .. } => hint.clone(),
            Self::InvalidUrl { .. } => {
                Some("write an address such as grpc://127.0.0.1:8815".to_string())
            }
            Self::TlsUnsupported { .. } => {
                Some("use grpc:// towards a server without TLS".to_string())
            }
            Self::Connect { .. } => {
                Some("check the address, and that `lakegate serve` runs there".to_string())
            }
            _ => None,
        }
    }
}

/// The code of that text, if this client knows it.
fn known_code(text: &str) -> Option<ErrorCode> {
    ErrorCode::ALL.iter().copied().find(|code| code.as_str() == text)
}

/// The nearest code to a gRPC status that names none, as a proxy on the way sends it.
fn code_of_status(code: Code) -> ErrorCode {
    match code {
        Code::Cancelled => ErrorCode::QueryCancelled,
        Code::InvalidArgument | Code::OutOfRange | Code::NotFound => ErrorCode::InvalidArgument,
        Code::DeadlineExceeded => ErrorCode::QueryTimeout,
        Code::AlreadyExists => ErrorCode::AlreadyExists,
        Code::PermissionDenied => ErrorCode::PermissionDenied,
        Code::ResourceExhausted => ErrorCode::LimitExceeded,
        Code::Unimplemented => ErrorCode::Unsupported,
        Code::Unavailable => ErrorCode::Unavailable,
        Code::Unauthenticated => ErrorCode::Unauthenticated,
        _ => ErrorCode::Internal,
    }
}

/// Takes the leading code and the trailing hint off a message.
fn split_message(text: &str, code: &str) -> (String, Option<String>) {
    let text = text.strip_prefix(code).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(text);
    let hinted = text.strip_suffix(')').and_then(|text| text.rsplit_once(HINT_OPENING));
    match hinted {
        Some((message, hint)) => (message.to_string(), Some(hint.to_string())),
        None => (text.to_string(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status_with_code(code: Code, text: &str, stable: &'static str) -> Status {
        let mut status = Status::new(code, text);
        status.metadata_mut().insert(CODE_KEY, tonic::metadata::MetadataValue::from_static(stable));
        status
    }

    #[test]
    fn a_server_error_keeps_code_message_and_hint() {
        let text = "table_not_found: no dataset t (in public) (hint: SHOW TABLES lists them)";
        let error = Error::from_status(status_with_code(Code::NotFound, text, "table_not_found"));
        assert_eq!(error.code(), ErrorCode::TableNotFound);
        assert_eq!(error.to_string(), "no dataset t (in public)");
        assert_eq!(error.hint().as_deref(), Some("SHOW TABLES lists them"));
    }

    #[test]
    fn a_code_that_this_client_does_not_know_is_kept_as_text() {
        let error =
            Error::from_status(status_with_code(Code::Internal, "solar_flare: x", "solar_flare"));
        assert_eq!(error.code_text(), "solar_flare");
        assert_eq!(error.code(), ErrorCode::Internal);
    }

    #[test]
    fn a_status_without_a_code_gets_the_nearest_one() {
        let error = Error::from_status(Status::unavailable("proxy is away"));
        assert_eq!(error.code_text(), "unavailable");
        assert_eq!(error.to_string(), "proxy is away");
    }
}
