//! Errors over HTTP: `application/problem+json`, with the stable code beside the standard members.

use axum::http::header::{CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use lakegate_common::{Chain, Coded, ErrorCode};

/// An error as an HTTP answer.
pub(crate) struct Problem {
    status: StatusCode,
    body: String,
}

impl Problem {
    /// The answer that carries `error`: its code fixes the status.
    pub(crate) fn of(error: &dyn Coded) -> Self {
        let code = error.code();
        if code == ErrorCode::Internal {
            tracing::error!(error = %Chain(error), "internal error");
        }
        let status = StatusCode::from_u16(code.http()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::new(status, code.as_str(), &Chain(error).to_string(), error.hint())
    }

    fn new(status: StatusCode, code: &str, detail: &str, hint: Option<String>) -> Self {
        let body = serde_json::json!({
            "type": "about:blank",
            "title": status.canonical_reason().unwrap_or(code),
            "status": status.as_u16(),
            "code": code,
            "detail": detail,
            "hint": hint,
        });
        Self { status, body: body.to_string() }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge =
                HeaderValue::from_static("Basic realm=\"lakegate\", Bearer realm=\"lakegate\"");
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// The answer to a path that names nothing.
pub(crate) async fn not_found(uri: Uri) -> Problem {
    let detail = format!("there is nothing at {}", uri.path());
    Problem::new(StatusCode::NOT_FOUND, ErrorCode::InvalidArgument.as_str(), &detail, None)
}

/// The answer to a method that a path does not take.
pub(super) async fn method_not_allowed(uri: Uri) -> Problem {
    let detail = format!("{} does not take this method", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::InvalidArgument.as_str(), &detail, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{frontend, identity};

    #[test]
    fn missing_credential_is_challenged() {
        let error = frontend::Error::Identity(identity::Error::Missing);
        let response = Problem::of(&error).into_response();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert!(response.headers().contains_key(WWW_AUTHENTICATE));
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    }
}
