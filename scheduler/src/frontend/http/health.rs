//! Whether the server lives and serves, and its metrics; open to everybody who reaches the port.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use lakegate_common::telemetry;

use super::Shared;
use super::problem::Problem;

/// The content type of Prometheus' text format.
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// 200 while the server works; 503 when a part has died that only a restart brings back.
#[utoipa::path(get, path = "/healthz", operation_id = "healthz", tag = "service", security(()),
    responses((status = 200, description = "It works", body = String),
        (status = 503, description = "A part has died", body = String)))]
pub(super) async fn healthz(State(services): Shared) -> Response {
    if services.is_healthy() {
        return "ok\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, "the event loop of the durable tier has died\n")
        .into_response()
}

/// 200 while statements are served; 503 while the server starts or stops.
#[utoipa::path(get, path = "/readyz", operation_id = "readyz", tag = "service", security(()),
    responses((status = 200, description = "Statements are served", body = String),
        (status = 503, description = "Statements are not served", body = String)))]
pub(super) async fn readyz(State(services): Shared) -> Response {
    match (services.is_ready(), services.is_healthy()) {
        (true, true) => "ready\n".into_response(),
        (true, false) => (StatusCode::SERVICE_UNAVAILABLE, "not healthy\n").into_response(),
        (false, _) => (StatusCode::SERVICE_UNAVAILABLE, "starting or stopping\n").into_response(),
    }
}

/// All metrics for Prometheus.
#[utoipa::path(get, path = "/metrics", operation_id = "metrics", tag = "service", security(()),
    responses((status = 200, description = "All metrics", body = String)))]
pub(super) async fn metrics() -> Response {
    match telemetry::metrics() {
        Ok(metrics) => ([(CONTENT_TYPE, PROMETHEUS_TEXT)], metrics.render()).into_response(),
        Err(error) => Problem::of(&error).into_response(),
    }
}
