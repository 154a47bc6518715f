//! Passwords: stored as Argon2id hashes, never as they are.
//!
//! Hashing and verifying take tens of milliseconds of one core on purpose; call them where they
//! block no other work, such as `tokio::task::spawn_blocking`.

use argon2::Argon2;
use argon2::password_hash::{self, PasswordHash, PasswordHasher, PasswordVerifier, SaltString};

use super::{Error, HashError, random_bytes};

/// Letters and digits that look alike in no usual typeface.
const ALPHABET: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";

/// One-time passwords are this many groups of letters, about 99 bits in all.
const GROUPS: usize = 4;
const GROUP_LETTERS: usize = 5;

/// The bytes of salt of a hash.
const SALT_BYTES: usize = 16;

/// The hash of a password, with its salt and parameters, as a PHC text.
///
/// # Errors
/// The operating system gives no random bytes, or the password is longer than Argon2 takes (4 GiB).
pub fn hash_password(password: &str) -> Result<String, Error> {
    let failed = |error| Error::Password { action: "hashing a password", source: HashError(error) };
    let salt = SaltString::encode_b64(&random_bytes(SALT_BYTES)?).map_err(failed)?;
    let hash = Argon2::default().hash_password(password.as_bytes(), &salt).map_err(failed)?;
    Ok(hash.to_string())
}

/// Whether the password is the one that was hashed.
///
/// # Errors
/// The stored text is no hash.
pub fn verify_password(password: &str, hash: &str) -> Result<bool, Error> {
    let failed =
        |error| Error::Password { action: "reading a password hash", source: HashError(error) };
    let parsed = PasswordHash::new(hash).map_err(failed)?;
    match Argon2::default().verify_password(password.as_bytes(), &parsed) {
        Ok(()) => Ok(true),
        Err(password_hash::Error::Password) => Ok(false),
        Err(source) => Err(failed(source)),
    }
}

/// A new password to be shown once, in groups: `k7mqp-x2dvr-9tfhw-c4nbs`.
///
/// # Errors
/// The operating system gives no random bytes.
pub fn one_time_password() -> Result<String, Error> {
    let mut groups = Vec::with_capacity(GROUPS);
    for _ in 0..GROUPS {
        let mut group = String::with_capacity(GROUP_LETTERS);
        while group.len() < GROUP_LETTERS {
            for byte in random_bytes(GROUP_LETTERS)? {
                // Bytes past the last whole round of the alphabet would favour its beginning.
                let fair = usize::from(byte) < 256 - 256 % ALPHABET.len();
                if fair && group.len() < GROUP_LETTERS {
                    group.push(char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]));
                }
            }
        }
        groups.push(group);
    }
    Ok(groups.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_itself_verifies() {
        let hash = hash_password("correct horse").unwrap();
        assert!(hash.starts_with("$argon2id$"), "{hash}");
        assert!(verify_password("correct horse", &hash).unwrap());
        assert!(!verify_password("correct horse ", &hash).unwrap());
        assert_ne!(hash, hash_password("correct horse").unwrap());
    }

    #[test]
    fn a_text_that_is_no_hash_is_an_error() {
        assert!(verify_password("x", "plain text").is_err());
    }

    #[test]
    fn one_time_passwords_are_long_readable_and_never_the_same() {
        let password = one_time_password().unwrap();
        assert_eq!(password.len(), GROUPS * GROUP_LETTERS + GROUPS - 1);
        assert!(password.bytes().all(|byte| byte == b'-' || ALPHABET.contains(&byte)));
        assert_ne!(password, one_time_password().unwrap());
    }
}
