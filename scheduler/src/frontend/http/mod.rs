//! HTTP on the client port: health, metrics, and a first `/api/v1`.

mod api;
mod health;
mod problem;

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::routing::get;

use super::{Error, Services};
use crate::identity::{Credential, Principal};

use problem::Problem;

/// The HTTP routes.
pub(super) fn routes(services: Arc<Services>) -> Router {
    Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .route("/api/v1/info", get(api::info))
        .route("/api/v1/cluster", get(api::cluster))
        .route("/api/v1/queries", get(api::queries))
        .route("/api/v1/queries/{query_id}", get(api::query).delete(api::cancel))
        .method_not_allowed_fallback(problem::method_not_allowed)
        .with_state(services)
}

/// The answer to paths that are none.
pub(crate) use problem::not_found;

/// The caller of a route that not everybody may use.
struct Caller(Principal);

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

type Shared = State<Arc<Services>>;
