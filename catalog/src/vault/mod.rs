//! Keeps the secrets of credentials: AES-256-GCM with a key that is not in the database.
//!
//! A ciphertext belongs to one credential: the credential's identifier and name go into it as
//! associated data, so that a ciphertext that is moved to another row does not decrypt.

mod key;

use std::collections::BTreeMap;

use aes_gcm::aead::{Aead, Generate, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use lakegate_common::secret::Secret;

use crate::error::Error;
use crate::ids::CredentialId;

pub use key::{KeyRing, MasterKey};

/// Secrets by name, encrypted.
pub(crate) struct Sealed {
    /// Which master key opens it.
    pub(crate) key_id: String,
    /// Drawn anew for each encryption.
    pub(crate) nonce: Vec<u8>,
    /// The secrets and the tag that proves that nobody changed them.
    pub(crate) ciphertext: Vec<u8>,
}

/// Whose secrets they are.
#[derive(Clone, Copy)]
pub(crate) struct Owner<'a> {
    pub(crate) id: CredentialId,
    pub(crate) name: &'a str,
}

impl Owner<'_> {
    /// The identifier has a fixed length, so that no two owners have the same data.
    fn associated_data(self) -> Vec<u8> {
        format!("lakegate credential {} {}", self.id, self.name).into_bytes()
    }
}

impl KeyRing {
    /// Encrypts secrets with the current key.
    pub(crate) fn seal(
        &self,
        owner: Owner<'_>,
        secrets: &BTreeMap<String, Secret>,
    ) -> Result<Sealed, Error> {
        let key = self.current();
        let plain: BTreeMap<&str, &str> =
            secrets.iter().map(|(name, secret)| (name.as_str(), secret.expose())).collect();
        let plain = serde_json::to_vec(&plain)
            .map_err(|error| Error::damaged("secret", error.to_string()))?;
        let nonce = Nonce::try_generate().map_err(|_| Error::Random)?;
        let data = owner.associated_data();
        // The only failure is a text of 64 GiB.
        let ciphertext = cipher(key)
            .encrypt(&nonce, Payload { msg: &plain, aad: &data })
            .map_err(|_| Error::Undecryptable { credential: owner.name.to_string() })?;
        Ok(Sealed { key_id: key.id().to_string(), nonce: nonce.to_vec(), ciphertext })
    }

    /// Decrypts secrets with whichever key they were encrypted with.
    pub(crate) fn open(
        &self,
        owner: Owner<'_>,
        sealed: &Sealed,
    ) -> Result<BTreeMap<String, Secret>, Error> {
        let credential = || owner.name.to_string();
        let key = self.find(&sealed.key_id).ok_or_else(|| Error::UnknownMasterKey {
            credential: credential(),
            key_id: sealed.key_id.clone(),
        })?;
        let undecryptable = || Error::Undecryptable { credential: credential() };
        let nonce = Nonce::try_from(sealed.nonce.as_slice()).map_err(|_| undecryptable())?;
        let data = owner.associated_data();
        let plain = cipher(key)
            .decrypt(&nonce, Payload { msg: &sealed.ciphertext, aad: &data })
            .map_err(|_| undecryptable())?;
        let secrets: BTreeMap<String, String> =
            serde_json::from_slice(&plain).map_err(|_| undecryptable())?;
        Ok(secrets.into_iter().map(|(name, text)| (name, Secret::from_text(text))).collect())
    }
}

fn cipher(key: &MasterKey) -> Aes256Gcm {
    Aes256Gcm::new(&Key::<Aes256Gcm>::from(*key.bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(digit: &str) -> KeyRing {
        KeyRing::new(MasterKey::from_secret(&Secret::from_text(digit.repeat(64))).unwrap())
    }

    fn secrets() -> BTreeMap<String, Secret> {
        BTreeMap::from([("secret_access_key".to_string(), Secret::from_text("hunter2"))])
    }

    #[test]
    fn what_is_sealed_opens_for_its_owner_alone() {
        let (ring, id) = (ring("a"), CredentialId::generate());
        let owner = Owner { id, name: "minio" };
        let sealed = ring.seal(owner, &secrets()).unwrap();
        assert_eq!(ring.open(owner, &sealed).unwrap(), secrets());
        for other in [Owner { id, name: "other" }, Owner { id: CredentialId::generate(), ..owner }]
        {
            let error = ring.open(other, &sealed).unwrap_err();
            assert!(matches!(error, Error::Undecryptable { .. }), "{error}");
        }
    }

    #[test]
    fn a_changed_ciphertext_does_not_open() {
        let (ring, owner) = (ring("a"), Owner { id: CredentialId::generate(), name: "minio" });
        let mut sealed = ring.seal(owner, &secrets()).unwrap();
        assert!(!String::from_utf8_lossy(&sealed.ciphertext).contains("hunter2"));
        sealed.ciphertext[0] ^= 1;
        assert!(matches!(ring.open(owner, &sealed), Err(Error::Undecryptable { .. })));
        sealed.nonce.pop();
        assert!(matches!(ring.open(owner, &sealed), Err(Error::Undecryptable { .. })));
    }

    #[test]
    fn equal_secrets_are_never_sealed_equally() {
        let (ring, owner) = (ring("a"), Owner { id: CredentialId::generate(), name: "minio" });
        let (first, second) =
            (ring.seal(owner, &secrets()).unwrap(), ring.seal(owner, &secrets()).unwrap());
        assert_ne!(first.nonce, second.nonce);
        assert_ne!(first.ciphertext, second.ciphertext);
    }

    #[test]
    fn an_older_key_opens_until_it_is_taken_away() {
        let owner = Owner { id: CredentialId::generate(), name: "minio" };
        let old = MasterKey::from_secret(&Secret::from_text("a".repeat(64))).unwrap();
        let sealed = ring("a").seal(owner, &secrets()).unwrap();
        assert_eq!(ring("b").with_previous(old).open(owner, &sealed).unwrap(), secrets());
        let error = ring("b").open(owner, &sealed).unwrap_err();
        assert!(matches!(error, Error::UnknownMasterKey { .. }), "{error}");
    }
}
