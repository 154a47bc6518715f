//! Stable error codes and what each means on every wire.
//!
//! An error enum of a component answers [`Coded::code`]; the code alone fixes the gRPC status, the
//! HTTP status, the SQLSTATE and whether the same request may succeed when repeated.

use std::error::Error as StdError;
use std::fmt;

/// Declares [`ErrorCode`] with everything that a code fixes, one row a code.
macro_rules! error_codes {
    ($( $(#[doc = $doc:literal])+ $name:ident = $text:literal, $grpc:ident, $http:literal, $sqlstate:literal, $retry:literal; )+) => {
        /// What went wrong, from a closed set. The text of a code never changes once released.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode { $( $(#[doc = $doc])+ $name, )+ }

        impl ErrorCode {
            /// Every code, in the order of the reference page.
            pub const ALL: &'static [ErrorCode] = &[ $( ErrorCode::$name, )+ ];

            /// The stable lower snake case text, such as `table_not_found`.
            pub const fn as_str(self) -> &'static str {
                match self { $( ErrorCode::$name => $text, )+ }
            }

            /// The gRPC status that carries this code.
            pub const fn grpc(self) -> tonic::Code {
                match self { $( ErrorCode::$name => tonic::Code::$grpc, )+ }
            }

            /// The HTTP status that carries this code.
            pub const fn http(self) -> u16 {
                match self { $( ErrorCode::$name => $http, )+ }
            }

            /// The SQLSTATE (ISO/IEC 9075, with PostgreSQL's classes where the standard has none).
            pub const fn sqlstate(self) -> &'static str {
                match self { $( ErrorCode::$name => $sqlstate, )+ }
            }

            /// Whether the same request may succeed when it is sent again unchanged.
            pub const fn is_retryable(self) -> bool {
                match self { $( ErrorCode::$name => $retry, )+ }
            }
        }
    };
}

error_codes! {
    /// The text is not SQL that Lakegate reads.
    SyntaxError = "syntax_error", InvalidArgument, 400, "42601", false;
    /// The statement parses but cannot be planned: types that do not fit, an ambiguous name.
    InvalidStatement = "invalid_statement", InvalidArgument, 400, "42000", false;
    /// A column that no table in scope has.
    ColumnNotFound = "column_not_found", InvalidArgument, 400, "42703", false;
    /// A function that does not exist, or not for these arguments.
    FunctionNotFound = "function_not_found", InvalidArgument, 400, "42883", false;
    /// No dataset or view of that name.
    TableNotFound = "table_not_found", NotFound, 404, "42P01", false;
    /// A version or time of a table that is not there, or no longer.
    VersionNotFound = "version_not_found", NotFound, 404, "42P01", false;
    /// No schema of that name.
    SchemaNotFound = "schema_not_found", NotFound, 404, "3F000", false;
    /// No project of that name.
    ProjectNotFound = "project_not_found", NotFound, 404, "3D000", false;
    /// No location, credential, user, role, API key or property of that name.
    ObjectNotFound = "object_not_found", NotFound, 404, "42704", false;
    /// The name is taken.
    AlreadyExists = "already_exists", AlreadyExists, 409, "42P07", false;
    /// Something that still holds or owns something, or that something depends on.
    NotEmpty = "not_empty", FailedPrecondition, 409, "2BP01", false;
    /// Correct SQL that Lakegate does not do.
    Unsupported = "unsupported", Unimplemented, 501, "0A000", false;
    /// A request field that has no meaning: an empty name, an unknown command, a broken message.
    InvalidArgument = "invalid_argument", InvalidArgument, 400, "22023", false;
    /// A setting that does not exist, may not be set, or whose value cannot be read.
    InvalidSetting = "invalid_setting", InvalidArgument, 400, "22023", false;
    /// A file that is not of the format it was declared to be.
    InvalidFile = "invalid_file", InvalidArgument, 400, "58030", false;
    /// A location that holds no file of the declared format.
    LocationEmpty = "location_empty", InvalidArgument, 400, "58P01", false;
    /// A location that does not exist or cannot be read.
    LocationNotFound = "location_not_found", NotFound, 404, "58P01", false;
    /// A data file that a table is made of and that somebody has removed.
    FileGone = "file_gone", NotFound, 410, "58P01", false;
    /// No credential, or one that is wrong.
    Unauthenticated = "unauthenticated", Unauthenticated, 401, "28000", false;
    /// A bearer token that was valid once.
    TokenExpired = "token_expired", Unauthenticated, 401, "28000", false;
    /// A ticket or handle that this service did not sign, or signed for somebody else.
    TicketInvalid = "ticket_invalid", PermissionDenied, 403, "42501", false;
    /// A ticket or handle past its time; run the statement again.
    TicketExpired = "ticket_expired", NotFound, 410, "26000", false;
    /// A known principal that may not do this.
    PermissionDenied = "permission_denied", PermissionDenied, 403, "42501", false;
    /// No query of that identifier.
    QueryNotFound = "query_not_found", NotFound, 404, "02000", false;
    /// The query was cancelled, by its client or by somebody who may.
    QueryCancelled = "query_cancelled", Cancelled, 499, "57014", false;
    /// The query took longer than its time limit.
    QueryTimeout = "query_timeout", DeadlineExceeded, 504, "57014", false;
    /// A memory limit was reached and spilling did not help.
    MemoryExhausted = "memory_exhausted", ResourceExhausted, 507, "53200", false;
    /// A disk is full: that of the scratch folder, of the catalog, or of files that are written.
    DiskFull = "disk_full", ResourceExhausted, 507, "53100", false;
    /// A named limit on size or number was reached.
    LimitExceeded = "limit_exceeded", ResourceExhausted, 429, "54000", false;
    /// More queries are waiting than the queue holds; try again.
    QueueFull = "queue_full", ResourceExhausted, 503, "53300", true;
    /// An executor was lost and the work could not be done elsewhere in time.
    ExecutorLost = "executor_lost", Unavailable, 503, "58000", true;
    /// The statement needs executors and none has joined.
    NoExecutors = "no_executors", FailedPrecondition, 503, "58000", true;
    /// A distributed query made no progress for longer than the watchdog allows.
    QueryStuck = "query_stuck", Unavailable, 504, "58000", true;
    /// A plan that would give wrong rows on executors and was therefore refused.
    PlanNotDistributable = "plan_not_distributable", Unimplemented, 501, "0A000", false;
    /// The data itself stopped the query: a division by zero, a value that does not cast.
    DataError = "data_error", InvalidArgument, 400, "22000", false;
    /// Reading or writing data failed below Lakegate.
    StorageError = "storage_error", Unavailable, 503, "58030", true;
    /// The catalog database cannot be reached.
    CatalogUnavailable = "catalog_unavailable", Unavailable, 503, "08006", true;
    /// Somebody else changed the same object at the same time.
    CatalogConflict = "catalog_conflict", Aborted, 409, "40001", true;
    /// The object is no longer as the request says it must be.
    PreconditionFailed = "precondition_failed", FailedPrecondition, 412, "55000", false;
    /// The configuration is refused.
    InvalidConfiguration = "invalid_configuration", FailedPrecondition, 500, "F0000", false;
    /// The service is starting or stopping.
    Unavailable = "unavailable", Unavailable, 503, "57P03", true;
    /// A fault of Lakegate itself.
    Internal = "internal", Internal, 500, "XX000", false;
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error of a component: it knows its code and, where there is one, what to try next.
pub trait Coded: StdError {
    /// The stable code of this error.
    fn code(&self) -> ErrorCode;

    /// An action that may help the reader, in one sentence; `None` where there is none.
    fn hint(&self) -> Option<String> {
        None
    }
}

/// Prints an error with all its causes on one line, joined by `: `, each text once.
///
/// A cause whose text the line already ends with or contains is left out, because libraries below
/// often repeat their source in their own text. So are backtraces, which some of them put there.
pub struct Chain<'a>(pub &'a dyn StdError);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        let mut line = without_backtrace(&text).to_string();
        let mut cause = self.0.source();
        while let Some(error) = cause {
            let text = error.to_string();
            let text = without_backtrace(&text);
            if !line.contains(text) {
                line.push_str(": ");
                line.push_str(text);
            }
            cause = error.source();
        }
        f.write_str(&line)
    }
}

/// The text before the call stack that a library has put behind it: from a line on that says so, or
/// that is the first frame.
pub fn without_backtrace(text: &str) -> &str {
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        if begins_backtrace(line) {
            return text[..end].trim_end();
        }
        end += line.len();
    }
    text
}

fn begins_backtrace(line: &str) -> bool {
    let line = line.trim_start();
    let rest = line.trim_start_matches(|first: char| first.is_ascii_digit());
    let is_frame = rest.len() < line.len()
        && rest.strip_prefix(": ").is_some_and(|name| name.contains("::") && !name.contains(' '));
    is_frame || ["backtrace:", "stack backtrace:"].iter().any(|word| starts_with(line, word))
}

fn starts_with(line: &str, word: &str) -> bool {
    line.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

/// The text of an error for a person: `code: cause chain (hint: …)`.
pub fn describe<E: Coded>(error: &E) -> String {
    let text = format!("{}: {}", error.code(), Chain(error));
    match error.hint() {
        Some(hint) => format!("{text} (hint: {hint})"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_code_has_its_own_text_in_lower_snake_case() {
        let texts: HashSet<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(texts.len(), ErrorCode::ALL.len());
        assert!(texts.iter().all(|text| text.chars().all(|c| c.is_ascii_lowercase() || c == '_')));
    }

    #[test]
    fn chain_names_each_cause_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("reading settings")]
        struct Outer(#[source] std::io::Error);
        let error = Outer(std::io::Error::other("disk on fire"));
        assert_eq!(Chain(&error).to_string(), "reading settings: disk on fire");
    }

    #[test]
    fn a_call_stack_is_no_part_of_a_text() {
        for stack in [
            "\n\nbacktrace:    0: std::backtrace::create\n             at /rustc/1/library/x.rs:1",
            "\n   0: std::backtrace_rs::backtrace::libunwind::trace\n             at /rustc/x.rs:1:1",
            "\n   0: <core::result::Result<T,F>>::from_residual\n   1: main",
            "\nstack backtrace:\n   0: main",
        ] {
            let error = std::io::Error::other(format!("column a comes twice{stack}"));
            assert_eq!(Chain(&error).to_string(), "column a comes twice", "{stack}");
        }
        for text in ["", "one\ntwo", "12:30: late", "line\n 3: a b::c is no frame", "backtrace"] {
            assert_eq!(without_backtrace(text), text);
        }
    }
}
