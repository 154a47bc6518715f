//! The document that describes all routes, made from them.

use std::sync::LazyLock;

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, Info, License, OpenApi, OpenApiBuilder, Ref, RefOr, ResponseBuilder,
};

use super::documented;
use super::problem::ProblemBody;
use super::request::Caller;

/// The name by which operations refer to problems.
const PROBLEM: &str = "Problem";

/// The document as text. It says nothing that is not the same in every server of this version.
static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    let mut document = documented().split_for_parts().1;
    for item in document.paths.paths.values_mut() {
        for operation in operations(item) {
            operation.responses.responses.insert("default".to_string(), problem());
        }
    }
    let mut text = document.to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
});

/// What the document says beside the routes.
pub(super) fn frame() -> OpenApi {
    let info = Info::builder()
        .title("Lakegate")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("How it is used: docs/user/rest.md. Error codes: docs/user/errors.md."))
        .license(Some(License::builder().name("Apache-2.0").identifier(Some("Apache-2.0")).build()))
        .build();
    let scheme = |scheme| SecurityScheme::Http(Http::new(scheme));
    let mut components = Components::new();
    components.add_security_scheme("basic", scheme(HttpAuthScheme::Basic));
    components.add_security_scheme("bearer", scheme(HttpAuthScheme::Bearer));
    components
        .schemas
        .insert(PROBLEM.to_string(), <ProblemBody as utoipa::PartialSchema>::schema());
    let none: [&str; 0] = [];
    OpenApiBuilder::new()
        .info(info)
        .components(Some(components))
        .security(Some([
            SecurityRequirement::new("basic", none),
            SecurityRequirement::new("bearer", none),
        ]))
        .build()
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    [get, put, post, delete, patch].into_iter().flatten()
}

fn problem() -> RefOr<utoipa::openapi::Response> {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(PROBLEM))).build();
    ResponseBuilder::new()
        .description("Refused or failed")
        .content("application/problem+json", content)
        .build()
        .into()
}

/// The document that describes all routes (OpenAPI 3.1).
#[utoipa::path(get, path = "/api/v1/openapi.json", operation_id = "get_openapi", tag = "service",
    responses((status = 200, description = "The document", body = utoipa::openapi::Object)))]
pub(super) async fn document(_: Caller) -> Response {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT.as_str()).into_response()
}
