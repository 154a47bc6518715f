//! What the routes take from a request: the caller, identifiers, parameters, bodies. Whatever is
//! wrong with it is told as a problem.

use std::str::FromStr;
use std::sync::Arc;

use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderMap};
use axum::http::request::Parts;
use http_body_util::LengthLimitError;
use serde::de::DeserializeOwned;

use super::problem::Problem;
use crate::frontend::{Error, Services};
use crate::identity::{Credential, Principal};

/// The types of content that are read as JSON.
const JSON_TYPES: [&str; 2] = ["application/json", "application/merge-patch+json"];

/// The caller of a route that not everybody may use.
pub(super) struct Caller(pub(super) Principal);

impl FromRequestParts<Arc<Services>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        services: &Arc<Services>,
    ) -> Result<Self, Problem> {
        let credential = Credential::of_headers(&parts.headers);
        match services.authenticator.principal(credential).await {
            Ok(principal) => Ok(Self(principal)),
            Err(error) => Err(Problem::of(&Error::Identity(error))),
        }
    }
}

/// The text in the place of a path's only parameter.
pub(super) struct Segment(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Segment {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(text)) => Ok(Self(text)),
            Err(_) => Err(Problem::invalid("the path is no text")),
        }
    }
}

/// The identifier in a path.
pub(super) struct Id<T>(pub(super) T);

impl<S: Send + Sync, T: FromStr> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Segment(text) = Segment::from_request_parts(parts, state).await?;
        identifier(&text).map(Self)
    }
}

/// The two identifiers in a path.
pub(super) struct Ids<A, B>(pub(super) A, pub(super) B);

impl<S: Send + Sync, A: FromStr, B: FromStr> FromRequestParts<S> for Ids<A, B> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<(String, String)>::from_request_parts(parts, state).await {
            Ok(Path((first, second))) => Ok(Self(identifier(&first)?, identifier(&second)?)),
            Err(_) => Err(Problem::invalid("the path is no text")),
        }
    }
}

/// Reads an identifier.
///
/// # Errors
/// The text is none.
pub(super) fn identifier<T: FromStr>(text: &str) -> Result<T, Problem> {
    let shown: String = text.chars().take(40).collect();
    text.parse().map_err(|_| Problem::invalid(format!("{shown:?} is no identifier")))
}

/// The parameters after the `?`.
pub(super) struct Params<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(params)) => Ok(Self(params)),
            Err(rejection) => Err(Problem::invalid(rejection.body_text())),
        }
    }
}

/// The body, which is JSON of at most `limits.body_bytes` and complete within
/// `limits.request_time`.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Arc<Services>> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, services: &Arc<Services>) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            let problem = Problem::invalid("the body must have the content type application/json");
            return Err(problem.with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        let limits = &services.limits;
        let reading = bytes_of(request.into_body(), limits.body_bytes);
        let bytes = match tokio::time::timeout(limits.request_time, reading).await {
            Ok(bytes) => bytes?,
            Err(_) => {
                let slow = Problem::of(&Error::RequestTooSlow { limit: limits.request_time });
                return Err(slow.with_status(StatusCode::REQUEST_TIMEOUT));
            }
        };
        serde_json::from_slice(&bytes).map(Self).map_err(|error| Problem::invalid(told(&error)))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|text| text.split(';').next()).unwrap_or_default().trim();
    JSON_TYPES.iter().any(|json| json.eq_ignore_ascii_case(essence))
}

async fn bytes_of(body: Body, limit: usize) -> Result<bytes::Bytes, Problem> {
    let too_large =
        || Problem::of(&Error::BodyTooLarge { limit }).with_status(StatusCode::PAYLOAD_TOO_LARGE);
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large());
    }
    to_bytes(body, limit).await.map_err(|error| {
        if error.into_inner().is::<LengthLimitError>() {
            too_large()
        } else {
            Problem::invalid("the body was not sent to its end")
        }
    })
}

/// What is wrong with a body. Values are not repeated: they may be secrets.
fn told(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let names_a_member = ["unknown field", "missing field", "duplicate field", "unknown variant"]
        .iter()
        .any(|beginning| text.starts_with(beginning));
    if names_a_member || !error.is_data() {
        return format!("the body is not as it should be: {text}");
    }
    format!(
        "the body is not as it should be: a value is not of its type at line {} column {}",
        error.line(),
        error.column()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Keys {
        #[serde(rename = "key")]
        _key: String,
    }

    #[test]
    fn what_is_told_of_a_body_names_members_and_no_values() {
        for (body, expected) in [
            (r#"{"kez": "hunter2"}"#, "unknown field `kez`"),
            (r#"{"key": "a", "key": "hunter2"}"#, "duplicate field `key`"),
            (r#"{"key": {"hunter2": 1}}"#, "line 1 column"),
            (r#"{"key": 4711}"#, "line 1 column"),
            (r#"["hunter2""#, "line 1 column"),
            ("{}", "missing field `key`"),
            ("", "EOF"),
        ] {
            let text = told(&serde_json::from_str::<Keys>(body).unwrap_err());
            assert!(text.contains(expected), "{body}: {text}");
            assert!(!text.contains("hunter2") && !text.contains("4711"), "{text}");
        }
    }
}
