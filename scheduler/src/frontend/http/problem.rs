//! Errors over HTTP: `application/problem+json`, with the stable code beside the standard members.

use axum::http::header::{CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use lakegate_common::{Chain, Coded, ErrorCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{frontend, query};

/// An error as an HTTP answer.
pub(crate) struct Problem {
    status: StatusCode,
    code: ErrorCode,
    detail: String,
    hint: Option<String>,
}

/// Why a request was refused or failed, in the form of RFC 9457.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemBody {
    /// A URI of the code.
    #[schema(example = "urn:lakegate:error:not_empty")]
    r#type: String,
    /// The code in words.
    #[schema(example = "Not empty")]
    title: String,
    /// The HTTP status.
    #[schema(example = 409)]
    status: u16,
    /// The stable code, one of those in errors.md.
    #[schema(example = "not_empty")]
    code: &'static str,
    /// What went wrong this time.
    detail: String,
    /// What may help.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    hint: Option<String>,
}

impl Problem {
    /// The answer that carries `error`: its code fixes the status.
    pub(crate) fn of(error: &dyn Coded) -> Self {
        let code = error.code();
        if code == ErrorCode::Internal {
            tracing::error!(error = %Chain(error), "internal error");
        }
        let status = StatusCode::from_u16(code.http()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, code, detail: Chain(error).to_string(), hint: error.hint() }
    }

    /// The same with another status, where HTTP has one that says more than that of the code.
    pub(super) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// A request that has no meaning.
    pub(super) fn invalid(reason: impl Into<String>) -> Self {
        Self::of(&frontend::Error::InvalidCommand { reason: reason.into() })
    }

    fn body(self) -> ProblemBody {
        let code = self.code.as_str();
        let mut title = code.replace('_', " ");
        title[..1].make_ascii_uppercase();
        ProblemBody {
            r#type: format!("urn:lakegate:error:{code}"),
            title,
            status: self.status.as_u16(),
            code,
            detail: self.detail,
            hint: self.hint,
        }
    }
}

impl From<frontend::Error> for Problem {
    fn from(error: frontend::Error) -> Self {
        Self::of(&error)
    }
}

impl From<query::Error> for Problem {
    fn from(error: query::Error) -> Self {
        Self::of(&error)
    }
}

impl From<lakegate_catalog::Error> for Problem {
    fn from(error: lakegate_catalog::Error) -> Self {
        Self::of(&error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status;
        let mut response = (status, axum::Json(self.body())).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            let challenge =
                HeaderValue::from_static("Basic realm=\"lakegate\", Bearer realm=\"lakegate\"");
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// The answer to a path that names nothing.
pub(crate) async fn not_found(uri: Uri) -> Problem {
    Problem::invalid(format!("there is nothing at {}", uri.path()))
        .with_status(StatusCode::NOT_FOUND)
}

/// The answer to a method that a path does not take.
pub(super) async fn method_not_allowed(uri: Uri) -> Problem {
    Problem::invalid(format!("{} does not take this method", uri.path()))
        .with_status(StatusCode::METHOD_NOT_ALLOWED)
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
