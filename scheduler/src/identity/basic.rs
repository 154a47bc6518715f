//! The credentials of a call, read from its `authorization` header.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};

/// Bytes of the longest header that is looked at.
const HEADER_BYTES_MAX: usize = 8 << 10;

/// The header in which the listener tells the address that a call comes from. What a client sends
/// under this name is taken away.
const PEER: HeaderName = HeaderName::from_static("lakegate-internal-peer");

/// Base64 with or without padding: some drivers leave it out.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a caller shows to prove who it is.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// A name and a password.
    Basic {
        /// The name of the principal.
        name: String,
        /// The password.
        password: String,
        /// The address that it comes from, where that is known.
        peer: Option<IpAddr>,
    },
    /// A token from an earlier login.
    Bearer {
        /// The token.
        token: String,
    },
}

impl Credential {
    /// The credential of a call; `None` when it shows none, or one that cannot be read.
    pub fn of_headers(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(AUTHORIZATION)?;
        if value.len() > HEADER_BYTES_MAX {
            return None;
        }
        let credential = Self::parse(value.to_str().ok()?)?;
        Some(match credential {
            Self::Basic { name, password, .. } => {
                Self::Basic { name, password, peer: peer_of(headers) }
            }
            token => token,
        })
    }

    /// Reads `Basic …` or `Bearer …`; the scheme in any case.
    pub fn parse(header: &str) -> Option<Self> {
        let (scheme, value) = header.trim().split_once(' ')?;
        let value = value.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(Self::Bearer { token: value.to_string() }).filter(|_| !value.is_empty());
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let text = String::from_utf8(LENIENT.decode(value).ok()?).ok()?;
        // Only the first colon splits: a password may contain more of them.
        let (name, password) = text.split_once(':')?;
        Some(Self::Basic { name: name.to_string(), password: password.to_string(), peer: None })
    }
}

/// Notes in the headers of a call where it comes from.
pub fn note_peer(headers: &mut HeaderMap, peer: IpAddr) {
    match HeaderValue::from_str(&peer.to_string()) {
        Ok(value) => drop(headers.insert(PEER, value)),
        Err(_) => drop(headers.remove(PEER)),
    }
}

fn peer_of(headers: &HeaderMap) -> Option<IpAddr> {
    headers.get(PEER)?.to_str().ok()?.parse().ok()
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Basic { name, .. } => {
                f.debug_struct("Basic").field("name", name).finish_non_exhaustive()
            }
            Self::Bearer { .. } => f.write_str("Bearer(***)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(name: &str, password: &str) -> Option<Credential> {
        Some(Credential::Basic { name: name.into(), password: password.into(), peer: None })
    }

    #[test]
    fn padding_and_scheme_case_make_no_difference() {
        assert_eq!(Credential::parse("Basic dXNlcjpwYXNzMQ"), basic("user", "pass1"));
        assert_eq!(Credential::parse("basic dXNlcjpwYXNzMQ=="), basic("user", "pass1"));
        let bearer = Credential::Bearer { token: "abc".into() };
        assert_eq!(Credential::parse("BEARER abc"), Some(bearer));
    }

    #[test]
    fn first_colon_splits_name_and_password() {
        let encoded = LENIENT.encode("ada:p:a:s:s");
        assert_eq!(Credential::parse(&format!("Basic {encoded}")), basic("ada", "p:a:s:s"));
        let encoded = LENIENT.encode("ada:");
        assert_eq!(Credential::parse(&format!("Basic {encoded}")), basic("ada", ""));
    }

    #[test]
    fn what_cannot_be_read_is_no_credential() {
        for header in
            ["", "Basic", "Basic !!!", "Basic dXNlcg==", "Digest abc", "Bearer ", "Basic /w=="]
        {
            assert_eq!(Credential::parse(header), None, "{header}");
        }
    }

    #[test]
    fn the_address_of_a_call_is_what_the_listener_says() {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Basic dXNlcjpwYXNzMQ"));
        headers.append(PEER, HeaderValue::from_static("10.0.0.1"));
        headers.append(PEER, HeaderValue::from_static("10.0.0.2"));
        let listener: IpAddr = "::1".parse().unwrap();
        note_peer(&mut headers, listener);
        let Some(Credential::Basic { peer, .. }) = Credential::of_headers(&headers) else {
            panic!("no credential");
        };
        assert_eq!(peer, Some(listener));
    }

    #[test]
    fn debug_text_shows_no_secret() {
        let text = format!("{:?}", basic("ada", "hunter2"));
        assert!(text.contains("ada") && !text.contains("hunter2"));
    }
}
