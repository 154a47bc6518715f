//! What a caller is told of a failure below a view.

use std::error::Error as StdError;

use lakegate_common::{Coded, ErrorCode};

use crate::task_failure::broken_connection;

/// A failure inside of a view, without its cause: that may name tables, columns, files and values
/// that the caller may not know of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("view {view} cannot be read{}", .connection.map(|words| format!(": {words}")).unwrap_or_default())]
pub struct ViewFailure {
    /// The view's full name.
    pub view: String,
    /// What the cause means.
    pub code: ErrorCode,
    /// The words by which the scheduler knows that a connection to an executor broke.
    connection: Option<&'static str>,
}

impl ViewFailure {
    /// A failure of `view`.
    pub fn new(view: &str, code: ErrorCode) -> Self {
        Self { view: view.to_string(), code, connection: None }
    }

    /// The failure of `view` in place of `cause`, which goes to the log.
    pub fn hiding(view: &str, code: ErrorCode, cause: &(dyn StdError + 'static)) -> Self {
        let (mut text, mut below) = (cause.to_string(), cause.source());
        while let Some(error) = below {
            text = format!("{text}: {error}");
            below = error.source();
        }
        tracing::warn!(view, code = code.as_str(), cause = text, "a view cannot be read");
        Self { connection: broken_connection(&text), ..Self::new(view, code) }
    }
}

impl Coded for ViewFailure {
    fn code(&self) -> ErrorCode {
        self.code
    }

    fn hint(&self) -> Option<String> {
        Some("whoever made it sees why, and the log tells it".to_string())
    }
}
