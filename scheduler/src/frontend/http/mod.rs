//! HTTP on the client port: health, metrics, and `/api/v1`.
//!
//! Routes are made together with what the OpenAPI document tells of them, so that neither is
//! without the other.

mod api;
mod catalog;
mod health;
mod openapi;
mod problem;
mod request;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Services;

/// The HTTP routes.
pub(super) fn routes(services: Arc<Services>) -> Router {
    let router = documented().split_for_parts().0;
    router.method_not_allowed_fallback(problem::method_not_allowed).with_state(services)
}

/// The routes, and what the document tells of them.
fn documented() -> OpenApiRouter<Arc<Services>> {
    OpenApiRouter::with_openapi(openapi::frame())
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(health::metrics))
        .routes(routes!(openapi::document))
        .routes(routes!(api::info))
        .routes(routes!(api::cluster))
        .routes(routes!(api::queries))
        .routes(routes!(api::query, api::cancel))
        .merge(catalog::routes())
}

/// The answer to paths that are none.
pub(crate) use problem::not_found;

type Shared = State<Arc<Services>>;
