//! Who is calling: credentials, principals, and the tokens that stand for them after a login.

mod authenticator;
mod basic;
mod error;
mod signer;
mod stale;
mod throttle;

use lakegate_catalog::PrincipalId;

pub use authenticator::Authenticator;
pub use basic::{Credential, note_peer};
pub use error::Error;
pub use signer::{Purpose, Signer};

/// Somebody who has proven who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The identifier in the catalog.
    pub id: PrincipalId,
    /// The name, as used to log in.
    pub name: String,
    /// Whether everything is allowed.
    pub is_admin: bool,
    /// What it was proven with.
    pub(crate) password: PasswordMark,
}

/// Tells one password from the next, without telling it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct PasswordMark([u8; 32]);

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A principal of that name.
    pub(crate) fn principal(name: &str) -> Principal {
        let id = uuid::Uuid::now_v7().to_string();
        Principal {
            id: id.parse().unwrap(),
            name: name.to_string(),
            is_admin: false,
            password: PasswordMark::default(),
        }
    }
}
