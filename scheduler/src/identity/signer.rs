//! Signed text that the service hands out and recognises again: session tokens, tickets, handles.
//!
//! A signed text is `base64url(tag || payload)`: printable ASCII, because some clients keep handles as
//! UTF-8 strings. The tag covers a purpose and what the text is bound to, so that a ticket is of no
//! use as a token, and the ticket of one principal is of no use to another.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::digest::Key;
use hmac::{Hmac, Mac};
use lakegate_common::secret::Secret;
use sha2::{Digest, Sha256};

/// Bytes of the tag: HMAC-SHA256 cut to 128 bits.
const TAG_LENGTH: usize = 16;

/// What a signed text is for. Texts of one purpose are refused for every other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A bearer token.
    SessionToken,
    /// A ticket of DoGet.
    Ticket,
    /// The handle of a prepared statement.
    PreparedHandle,
    /// The key of the cache of verified credentials; never leaves the process.
    CredentialCache,
}

impl Purpose {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::SessionToken => b"session-token/1",
            Self::Ticket => b"ticket/1",
            Self::PreparedHandle => b"prepared-handle/1",
            Self::CredentialCache => b"credential-cache/1",
        }
    }
}

/// Signs and recognises texts with the key of this server.
pub struct Signer {
    /// The key of HMAC, one block long.
    key: Key<Hmac<Sha256>>,
}

impl Signer {
    /// A signer with the key that `secret` stands for.
    pub fn new(secret: &Secret) -> Self {
        let digest = Sha256::digest(secret.as_bytes());
        let mut key = Key::<Hmac<Sha256>>::default();
        key[..digest.len()].copy_from_slice(&digest);
        Self { key }
    }

    /// The signed text of `payload`, bound to `bound_to`.
    pub fn seal(&self, purpose: Purpose, bound_to: &str, payload: &[u8]) -> String {
        let tag = self.mac(purpose, bound_to, payload).finalize().into_bytes();
        let mut signed = Vec::with_capacity(TAG_LENGTH + payload.len());
        signed.extend_from_slice(&tag[..TAG_LENGTH]);
        signed.extend_from_slice(payload);
        URL_SAFE_NO_PAD.encode(signed)
    }

    /// The payload of a text that this signer made for the same purpose and binding; `None` for any
    /// other text.
    pub fn unseal(&self, purpose: Purpose, bound_to: &str, text: &[u8]) -> Option<Vec<u8>> {
        let mut signed = URL_SAFE_NO_PAD.decode(text).ok()?;
        if signed.len() < TAG_LENGTH {
            return None;
        }
        let payload = signed.split_off(TAG_LENGTH);
        self.mac(purpose, bound_to, &payload).verify_truncated_left(&signed).ok()?;
        Some(payload)
    }

    /// A digest of `secret` that only this process can compute.
    pub fn digest(&self, purpose: Purpose, bound_to: &str, secret: &[u8]) -> [u8; 32] {
        self.mac(purpose, bound_to, secret).finalize().into_bytes().into()
    }

    /// Each part goes in with its length before it, so that no two different requests share a text.
    fn mac(&self, purpose: Purpose, bound_to: &str, payload: &[u8]) -> Hmac<Sha256> {
        let mut mac = <Hmac<Sha256> as Mac>::new(&self.key);
        for part in [purpose.label(), bound_to.as_bytes(), payload] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new_signer() -> Signer {
        Signer::new(&Secret::random(32).unwrap())
    }

    #[test]
    fn signed_text_opens_only_for_what_it_was_made_for() {
        let signer = new_signer();
        let text = signer.seal(Purpose::Ticket, "ada", b"payload");
        assert!(text.is_ascii());
        assert_eq!(
            signer.unseal(Purpose::Ticket, "ada", text.as_bytes()),
            Some(b"payload".to_vec())
        );
        assert_eq!(signer.unseal(Purpose::Ticket, "bob", text.as_bytes()), None);
        assert_eq!(signer.unseal(Purpose::PreparedHandle, "ada", text.as_bytes()), None);
        assert_eq!(new_signer().unseal(Purpose::Ticket, "ada", text.as_bytes()), None);
    }

    #[test]
    fn every_altered_byte_is_noticed() {
        let signer = new_signer();
        let text = signer.seal(Purpose::Ticket, "ada", b"some payload").into_bytes();
        for index in 0..text.len() {
            let mut altered = text.clone();
            altered[index] = if altered[index] == b'A' { b'B' } else { b'A' };
            assert_eq!(signer.unseal(Purpose::Ticket, "ada", &altered), None, "byte {index}");
        }
        for garbage in [&b""[..], b"=", b"AAAA", &[0xff; 40], b"\xf0\x9f\x92\xa5"] {
            assert_eq!(signer.unseal(Purpose::Ticket, "ada", garbage), None);
        }
    }
}
