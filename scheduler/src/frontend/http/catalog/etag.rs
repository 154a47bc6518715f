//! Strong ETags of representations, and what `If-Match` and `If-None-Match` say about them.
//!
//! A tag is a hash of the representation. That holds the object's revision, so each change of the
//! object gives another tag, and so does a change of what the caller may see of it.

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::{IF_MATCH, IF_NONE_MATCH};
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use utoipa::IntoParams;

use super::super::problem::Problem;

/// Bytes of the hash that a tag shows.
const TAG_BYTES: usize = 16;

/// The tag of a representation, with its quotes.
pub(super) fn tag_of(body: &[u8]) -> String {
    let hash = Sha256::digest(body);
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(&hash[..TAG_BYTES]))
}

/// The header of changes.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it is for the document: headers are read together")]
pub(super) struct IfMatch {
    /// The change is made only while the object has one of these entity tags, compared in the
    /// transaction of the change. Without it, the change is made on whatever is there.
    #[param(rename = "If-Match", nullable = false)]
    if_match: Option<String>,
}

/// The header of reading.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it is for the document: headers are read together")]
pub(super) struct IfNoneMatch {
    /// The object comes only if it has none of these entity tags.
    #[param(rename = "If-None-Match", nullable = false)]
    if_none_match: Option<String>,
}

/// Tags that a request names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tags {
    /// `*`: whatever is there.
    Any,
    /// One of these; the weak ones marked.
    These(Vec<(bool, String)>),
}

impl Tags {
    /// Whether a change of what has this tag is wanted. Weak tags never are the same.
    pub(super) fn match_strongly(&self, tag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::These(tags) => tags.iter().any(|(is_weak, one)| !is_weak && one == tag),
        }
    }

    /// Whether who asks has what has this tag already.
    pub(super) fn match_weakly(&self, tag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::These(tags) => tags.iter().any(|(_, one)| one == tag),
        }
    }
}

/// The conditions of a request.
#[derive(Debug, Clone, Default)]
pub(super) struct Conditions {
    /// `If-Match`.
    pub(super) if_match: Option<Tags>,
    /// `If-None-Match`.
    pub(super) if_none_match: Option<Tags>,
}

impl<S: Send + Sync> FromRequestParts<S> for Conditions {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let tags = |name: &'static str| {
            tags_in(&parts.headers, name)
                .map_err(|()| Problem::invalid(format!("{name} holds no list of entity tags")))
        };
        Ok(Self {
            if_match: tags(IF_MATCH.as_str())?,
            if_none_match: tags(IF_NONE_MATCH.as_str())?,
        })
    }
}

/// The tags in all headers of a name; `None` where there is none.
fn tags_in(headers: &HeaderMap, name: &str) -> Result<Option<Tags>, ()> {
    let mut lines = Vec::new();
    for value in headers.get_all(name) {
        lines.push(value.to_str().map_err(drop)?.trim());
    }
    match lines.as_slice() {
        [] => Ok(None),
        ["*"] => Ok(Some(Tags::Any)),
        lines => read_tags(&lines.join(",")).map(|tags| Some(Tags::These(tags))),
    }
}

/// Reads `"a", W/"b"`. A comma may stand inside of the quotes.
fn read_tags(text: &str) -> Result<Vec<(bool, String)>, ()> {
    let mut tags = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let opaque = rest.strip_prefix("W/");
        let is_weak = opaque.is_some();
        let quoted = opaque.unwrap_or(rest).strip_prefix('"').ok_or(())?;
        let (tag, behind) = quoted.split_once('"').ok_or(())?;
        if tag.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(());
        }
        tags.push((is_weak, format!("\"{tag}\"")));
        let behind = behind.trim_start();
        if !behind.is_empty() && !behind.starts_with(',') {
            return Err(());
        }
        rest = behind.trim_start_matches([',', ' ', '\t']);
    }
    if tags.is_empty() { Err(()) } else { Ok(tags) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(lines: &[&'static str]) -> Result<Option<Tags>, ()> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(IF_MATCH, axum::http::HeaderValue::from_static(line));
        }
        tags_in(&headers, IF_MATCH.as_str())
    }

    #[test]
    fn tags_are_read_from_one_line_or_several() {
        assert_eq!(tags(&[]), Ok(None));
        assert_eq!(tags(&["*"]), Ok(Some(Tags::Any)));
        let both = tags(&["\"a\", W/\"b,c\"", "\"d\""]).unwrap().unwrap();
        assert!(both.match_strongly("\"a\"") && both.match_strongly("\"d\""));
        assert!(!both.match_strongly("\"b,c\"") && both.match_weakly("\"b,c\""));
        assert!(!both.match_weakly("\"b\""));
    }

    #[test]
    fn what_is_no_tag_is_no_condition() {
        for line in ["", "a", "\"a", "\"a\" \"b\"", "W\"a\"", "*, \"a\"", "\"a b\"", ","] {
            assert_eq!(tags(&[line]), Err(()), "{line}");
        }
    }

    #[test]
    fn another_representation_has_another_tag() {
        assert_eq!(tag_of(b"{}"), tag_of(b"{}"));
        assert_ne!(tag_of(b"{}"), tag_of(b"{ }"));
    }
}
