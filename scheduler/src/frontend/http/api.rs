//! `/api/v1`: executors and queries.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::Shared;
use super::problem::Problem;
use super::request::{Caller, Segment};
use crate::durable::ExecutorStatus;
use crate::frontend::Error;
use crate::query::{QueryId, QueryStatus};

/// What answers.
#[derive(Serialize, ToSchema)]
pub(super) struct Information {
    /// `lakegate`.
    name: &'static str,
    /// Its version.
    version: &'static str,
}

/// The executors that work for the server.
#[derive(Serialize, ToSchema)]
pub(super) struct Cluster {
    /// None where the cluster port is closed.
    executors: Vec<ExecutorStatus>,
}

/// The queries that run and those that ended last.
#[derive(Serialize, ToSchema)]
pub(super) struct Queries {
    /// Latest first.
    queries: Vec<QueryStatus>,
}

/// Name and version of the server.
#[utoipa::path(get, path = "/api/v1/info", operation_id = "get_info", tag = "service",
    responses((status = 200, description = "What answers", body = Information)))]
pub(super) async fn info(_: Caller) -> Json<Information> {
    Json(Information { name: "lakegate", version: env!("CARGO_PKG_VERSION") })
}

/// The executors.
#[utoipa::path(get, path = "/api/v1/cluster", operation_id = "get_cluster", tag = "service",
    responses((status = 200, description = "All executors", body = Cluster)))]
pub(super) async fn cluster(_: Caller, State(services): Shared) -> Json<Cluster> {
    let executors =
        services.durable.as_ref().map(|durable| durable.executors()).unwrap_or_default();
    Json(Cluster { executors })
}

/// The queries that the caller may see.
#[utoipa::path(get, path = "/api/v1/queries", operation_id = "list_queries", tag = "queries",
    responses((status = 200, description = "All that are kept", body = Queries)))]
pub(super) async fn queries(Caller(principal): Caller, State(services): Shared) -> Json<Queries> {
    Json(Queries { queries: services.query.registry().list(&principal) })
}

/// One query.
#[utoipa::path(get, path = "/api/v1/queries/{query_id}", operation_id = "get_query",
    tag = "queries", params(("query_id" = String, Path, format = "uuid")),
    responses((status = 200, description = "The query", body = QueryStatus)))]
pub(super) async fn query(
    Caller(principal): Caller,
    State(services): Shared,
    Segment(id): Segment,
) -> Result<Json<QueryStatus>, Problem> {
    let status = parse(&id).and_then(|id| services.query.registry().get(&principal, id));
    status.map(Json).ok_or_else(|| unknown(id))
}

/// Stops a query; it is no error when it has ended already.
#[utoipa::path(delete, path = "/api/v1/queries/{query_id}", operation_id = "cancel_query",
    tag = "queries", params(("query_id" = String, Path, format = "uuid")),
    responses((status = 204, description = "It stops")))]
pub(super) async fn cancel(
    Caller(principal): Caller,
    State(services): Shared,
    Segment(id): Segment,
) -> Result<StatusCode, Problem> {
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
