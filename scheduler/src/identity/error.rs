//! Why a caller is not let in.

use std::time::Duration;

use lakegate_common::{Coded, ErrorCode, secret};

/// Why a caller is not let in.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The call shows no credential, or none that can be read.
    #[error("the call carries no user and password and no token")]
    Missing,
    /// The name is unknown or the password is wrong; callers do not learn which.
    #[error("user or password is wrong")]
    Wrong,
    /// The token is not one of this server.
    #[error("the token is not valid")]
    InvalidToken,
    /// The session of the token has ended: closed, idle for too long, or the server was restarted.
    #[error("the session has ended")]
    SessionEnded,
    /// Too many failed logins of this name from this address.
    #[error("too many failed logins of this user from this address; the next try is taken in {} ms", wait.as_millis())]
    Throttled {
        /// How long to wait.
        wait: Duration,
    },
    /// More logins are being checked than the server takes at one time.
    #[error("too many logins at one time")]
    Busy,
    /// As many sessions are open as may be.
    #[error("as many sessions are open as `limits.sessions` allows")]
    TooManySessions,
    /// The catalog cannot be asked.
    #[error("looking up the user")]
    Catalog {
        /// Why.
        #[source]
        source: lakegate_catalog::Error,
    },
    /// The stored hash of the password cannot be used.
    #[error("checking the password")]
    Password {
        /// Why.
        #[source]
        source: secret::Error,
    },
    /// The check of the password ended without an answer.
    #[error("the check of the password was broken off")]
    Interrupted,
}

impl Coded for Error {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Missing | Self::Wrong | Self::InvalidToken => ErrorCode::Unauthenticated,
            Self::SessionEnded => ErrorCode::TokenExpired,
            Self::Throttled { .. } | Self::TooManySessions => ErrorCode::LimitExceeded,
            Self::Busy => ErrorCode::Unavailable,
            Self::Catalog { source } => source.code(),
            Self::Password { .. } | Self::Interrupted => ErrorCode::Internal,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Missing => Some("connect with a user name and password".to_string()),
            Self::SessionEnded => Some("connect again".to_string()),
            _ => None,
        }
    }
}
