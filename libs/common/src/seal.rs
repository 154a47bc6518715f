//! Bytes that only holders of a key can read, and nobody can change unseen: AES-256-GCM.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use hmac::{Hmac, Mac};
use rand::TryRngCore;
use rand::rngs::OsRng;
use sha2::Sha256;

use crate::secret::Secret;

/// Bytes of the number that is used once, which stand before what is sealed.
const NONCE_BYTES: usize = 12;

/// Seals and opens bytes.
#[derive(Clone)]
pub struct SealingKey {
    cipher: Aes256Gcm,
}

/// What was sealed with another key, for something else, or was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sealed bytes cannot be opened: the key is another one, or they were changed")]
pub struct Unopenable;

/// Bytes could not be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("bytes cannot be sealed: the operating system gives no random bytes")]
pub struct Unsealable;

impl SealingKey {
    /// A key of exactly 32 bytes.
    pub fn new(key: &[u8; 32]) -> Self {
        Self { cipher: Aes256Gcm::new(key.into()) }
    }

    /// The key for `purpose` that follows from a secret; another purpose gives another key.
    pub fn derived(secret: &Secret, purpose: &str) -> Self {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
            unreachable!("HMAC takes keys of every length")
        };
        mac.update(purpose.as_bytes());
        Self::new(&mac.finalize().into_bytes().into())
    }

    /// Seals `plain` for the context `of`, which must be said again to open it.
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub fn seal(&self, plain: &[u8], of: &[u8]) -> Result<Vec<u8>, Unsealable> {
        let mut nonce = [0_u8; NONCE_BYTES];
        OsRng.try_fill_bytes(&mut nonce).map_err(|_| Unsealable)?;
        let payload = Payload { msg: plain, aad: of };
        let sealed = self.cipher.encrypt(&Nonce::from(nonce), payload).map_err(|_| Unsealable)?;
        Ok([&nonce[..], &sealed].concat())
    }

    /// Opens what [`SealingKey::seal`] made.
    ///
    /// # Errors
    /// Another key, another context, or changed bytes.
    pub fn open(&self, sealed: &[u8], of: &[u8]) -> Result<Vec<u8>, Unopenable> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(Unopenable)?;
        let payload = Payload { msg: sealed, aad: of };
        self.cipher.decrypt(&Nonce::from(*nonce), payload).map_err(|_| Unopenable)
    }
}

impl std::fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealingKey(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SealingKey {
        SealingKey::derived(&Secret::from_text("a secret of a cluster"), "tests")
    }

    #[test]
    fn what_is_sealed_is_opened_by_the_same_key_for_the_same_context_only() {
        let sealed = key().seal(b"key of a bucket", b"context").unwrap();
        assert_eq!(key().open(&sealed, b"context"), Ok(b"key of a bucket".to_vec()));
        assert_eq!(key().open(&sealed, b"another"), Err(Unopenable));
        let other = SealingKey::derived(&Secret::from_text("a secret of a cluster"), "more tests");
        assert_eq!(other.open(&sealed, b"context"), Err(Unopenable));
    }

    #[test]
    fn sealing_twice_gives_different_bytes_and_changed_bytes_are_refused() {
        let first = key().seal(b"x", b"").unwrap();
        assert_ne!(first, key().seal(b"x", b"").unwrap());
        for at in 0..first.len() {
            let mut changed = first.clone();
            changed[at] ^= 1;
            assert_eq!(key().open(&changed, b""), Err(Unopenable));
        }
        assert_eq!(key().open(&first[..5], b""), Err(Unopenable));
    }
}
