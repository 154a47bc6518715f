//! Secrets: the keys and tokens that a process keeps, the ones it is given, and passwords.
//!
//! A [`Secret`] is a text. What [`load_or_create`] keeps in a file can therefore be copied into an
//! environment variable of another process and is the same secret there.

mod environment;
mod file;
mod in_clear;
mod password;

use std::fmt;
use std::path::PathBuf;

use rand::TryRngCore;
use rand::rngs::OsRng;
use subtle::ConstantTimeEq;

use crate::error::{Coded, ErrorCode};

pub use environment::from_environment;
pub use file::load_or_create;
pub use in_clear::{
    HIDDEN, is_secret_name, may_hold_secrets, url_holds_a_secret, without_secrets_of_urls,
};
pub use password::{hash_password, one_time_password, verify_password};

/// A text that nobody should see. Comparing takes the same time wherever two texts differ.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// The secret that somebody wrote down, without the white space round it.
    pub fn from_text(text: impl AsRef<str>) -> Self {
        Self(text.as_ref().trim().to_string())
    }

    /// A text as it is, white space included: a password.
    pub fn exactly(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// A new secret of so many random bytes, as twice as many hex digits.
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub fn random(bytes: usize) -> Result<Self, Error> {
        let drawn = random_bytes(bytes)?;
        Ok(Self(drawn.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// The text itself, to be sent or stored. It must not reach logs, plans or error texts.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The text as bytes, to sign with.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// Bytes from the operating system's own source of randomness.
fn random_bytes(count: usize) -> Result<Vec<u8>, Error> {
    let mut drawn = vec![0_u8; count];
    OsRng.try_fill_bytes(&mut drawn).map_err(|source| Error::Random { source })?;
    Ok(drawn)
}

/// What can go wrong with a secret. No variant holds the secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("reading the secret in {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: std::io::Error,
    },
    /// The file cannot be made.
    #[error("writing the secret in {}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: std::io::Error,
    },
    /// Somebody other than the owner may read or change the file.
    #[error("the secret in {} is open to others (mode {mode:03o})", .path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file does not hold what a file of this kind holds.
    #[error("the secret in {} is not a line of at least {digits_min} hex digits", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The number of digits that is required.
        digits_min: usize,
    },
    /// A secret was given twice, in a variable and in a file.
    #[error("both {variable} and {variable}_FILE are given")]
    GivenTwice {
        /// The variable without `_FILE`.
        variable: String,
    },
    /// A variable holds no valid text.
    #[error("the environment variable {variable} is not valid UTF-8")]
    NotText {
        /// The variable.
        variable: String,
    },
    /// The operating system gives no random bytes.
    #[error("drawing random bytes")]
    Random {
        /// The reason.
        #[source]
        source: rand::rand_core::OsError,
    },
    /// A password cannot be hashed, or a stored hash is none.
    #[error("{action}")]
    Password {
        /// What was tried.
        action: &'static str,
        /// The reason.
        #[source]
        source: HashError,
    },
}

/// Why a password cannot be hashed or a hash cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct HashError(argon2::password_hash::Error);

impl Coded for Error {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Read { .. }
            | Self::Write { .. }
            | Self::Exposed { .. }
            | Self::Malformed { .. }
            | Self::GivenTwice { .. }
            | Self::NotText { .. } => ErrorCode::InvalidConfiguration,
            Self::Random { .. } | Self::Password { .. } => ErrorCode::Internal,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Exposed { path, .. } => Some(format!(
                "run chmod 600 {}, and make a new secret if others may have read it",
                path.display()
            )),
            Self::Malformed { path, .. } => Some(format!(
                "remove {} to have a new secret made at the next start",
                path.display()
            )),
            Self::GivenTwice { variable } => Some(format!("unset {variable} or {variable}_FILE")),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_shows_itself() {
        let secret = Secret::from_text("hunter2");
        assert!(!format!("{secret:?}").contains("hunter2"));
    }

    #[test]
    fn secrets_are_equal_when_their_texts_are() {
        let secret = Secret::random(32).unwrap();
        assert_eq!(secret, Secret::from_text(format!("{}\n", secret.expose())));
        assert_ne!(secret, Secret::random(32).unwrap());
        assert_ne!(Secret::from_text("ab"), Secret::from_text("abc"));
        assert_eq!(secret.expose().len(), 64);
    }
}
