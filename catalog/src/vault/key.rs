//! Master keys.

use std::fmt;

use lakegate_common::secret::Secret;
use sha2::{Digest, Sha256};

use crate::error::Error;

/// The bytes of a master key, for AES-256.
const KEY_BYTES: usize = 32;

/// The bytes of the hash that identifies a key.
const ID_BYTES: usize = 8;

/// A key that encrypts the secrets of credentials. It does not print.
#[derive(Clone)]
pub struct MasterKey {
    id: String,
    bytes: [u8; KEY_BYTES],
}

impl MasterKey {
    /// The key that 64 hex digits stand for.
    ///
    /// # Errors
    /// The secret is something else.
    pub fn from_secret(secret: &Secret) -> Result<Self, Error> {
        let digits = secret.as_bytes();
        let mut bytes = [0; KEY_BYTES];
        if digits.len() != 2 * KEY_BYTES {
            return Err(Error::InvalidMasterKey);
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| Error::InvalidMasterKey)?;
            let is_hex = pair.bytes().all(|digit| digit.is_ascii_hexdigit());
            *byte = match u8::from_str_radix(pair, 16) {
                Ok(byte) if is_hex => byte,
                _ => return Err(Error::InvalidMasterKey),
            };
        }
        Ok(Self { id: id_of(&bytes), bytes })
    }

    /// What tells this key from others, and nothing else about it.
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.bytes
    }
}

fn id_of(bytes: &[u8; KEY_BYTES]) -> String {
    let hash = Sha256::new().chain_update(b"lakegate master key id").chain_update(bytes).finalize();
    hash.iter().take(ID_BYTES).map(|byte| format!("{byte:02x}")).collect()
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(***)")
    }
}

/// The master keys of a server: one to encrypt with, and older ones that may still be needed to
/// decrypt.
#[derive(Debug, Clone)]
pub struct KeyRing {
    current: MasterKey,
    previous: Vec<MasterKey>,
}

impl KeyRing {
    /// A ring with one key.
    pub fn new(current: MasterKey) -> Self {
        Self { current, previous: Vec::new() }
    }

    /// The ring with one more key to decrypt with.
    #[must_use]
    pub fn with_previous(mut self, key: MasterKey) -> Self {
        self.previous.push(key);
        self
    }

    /// The identifier of the key that encrypts.
    pub(crate) fn current_id(&self) -> &str {
        self.current.id()
    }

    pub(super) fn current(&self) -> &MasterKey {
        &self.current
    }

    pub(super) fn find(&self, id: &str) -> Option<&MasterKey> {
        std::iter::once(&self.current).chain(&self.previous).find(|key| key.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_master_key_is_sixty_four_hex_digits_and_never_shows_itself() {
        let digits = "0123456789abcdefABCDEF".repeat(3);
        let key = MasterKey::from_secret(&Secret::from_text(&digits[..64])).unwrap();
        assert_eq!(key.bytes()[..2], [0x01, 0x23]);
        assert_eq!(format!("{key:?} {:?}", KeyRing::new(key.clone())).matches("***").count(), 2);
        assert!(!digits.contains(key.id()));
        for wrong in ["", &digits[..63], &digits[..65], &"g".repeat(64), &"+1".repeat(32)] {
            let error = MasterKey::from_secret(&Secret::from_text(wrong)).unwrap_err();
            assert!(matches!(error, Error::InvalidMasterKey), "{error}");
        }
    }

    #[test]
    fn different_keys_have_different_identifiers() {
        let key = |digit: &str| {
            MasterKey::from_secret(&Secret::from_text(digit.repeat(64))).unwrap().id().to_string()
        };
        assert_eq!(key("a"), key("a"));
        assert_ne!(key("a"), key("b"));
    }
}
