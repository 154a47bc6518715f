//! `/api/v1`: executors and queries.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::problem::Problem;
use super::{Caller, Shared};
use crate::frontend::{Error, Services};
use crate::query::{QueryId, QueryStatus};

/// Name and version of the server.
pub(super) async fn info(_: Caller) -> Json<Value> {
    Json(json!({ "name": "lakegate", "version": env!("CARGO_PKG_VERSION") }))
}

/// The executors; none where the cluster port is closed.
pub(super) async fn cluster(_: Caller, State(services): Shared) -> Json<Value> {
    let executors =
        services.durable.as_ref().map(|durable| durable.executors()).unwrap_or_default();
    Json(json!({ "executors": executors }))
}

/// The queries that the caller may see, latest first.
pub(super) async fn queries(Caller(principal): Caller, State(services): Shared) -> Json<Value> {
    Json(json!({ "queries": services.query.registry().list(&principal) }))
}

/// One query.
pub(super) async fn query(
    Caller(principal): Caller,
    State(services): Shared,
    Path(id): Path<String>,
) -> Result<Json<QueryStatus>, Problem> {
    let status = parse(&id).and_then(|id| services.query.registry().get(&principal, id));
    status.map(Json).ok_or_else(|| unknown(id))
}

/// Stops a query; it is no error when it has ended already.
pub(super) async fn cancel(
    Caller(principal): Caller,
    State(services): Shared,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let services: &Services = &services;
    match parse(&id) {
        Some(query) if services.query.registry().cancel(&principal, query) => {
            Ok(StatusCode::NO_CONTENT)
        }
        _ => Err(unknown(id)),
    }
}

fn parse(id: &str) -> Option<QueryId> {
    id.parse().ok()
}

fn unknown(id: String) -> Problem {
    Problem::of(&Error::QueryNotFound { id })
}
