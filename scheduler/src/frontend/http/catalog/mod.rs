//! The catalog over HTTP: projects, schemas, datasets, locations, credentials, users, roles, grants.
//!
//! Everything is read through what the caller may see and changed as the caller may change it; what
//! the caller may not know of answers as what is not there.

mod credentials;
mod dataset;
mod datasets;
mod etag;
mod grants;
mod locations;
mod members;
mod paging;
mod patch;
mod projects;
mod resource;
mod roles;
mod schemas;
mod users;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::frontend::Services;

/// The routes of the catalog, and what the document tells of them.
pub(super) fn routes() -> OpenApiRouter<Arc<Services>> {
    OpenApiRouter::new()
        .routes(routes!(projects::list, projects::create))
        .routes(routes!(projects::read, projects::update, projects::delete))
        .routes(routes!(schemas::list, schemas::create))
        .routes(routes!(schemas::read, schemas::update, schemas::delete))
        .routes(routes!(datasets::list, datasets::create))
        .routes(routes!(datasets::read, datasets::update, datasets::delete))
        .routes(routes!(locations::list, locations::create))
        .routes(routes!(locations::read, locations::update, locations::delete))
        .routes(routes!(credentials::list, credentials::create))
        .routes(routes!(credentials::read, credentials::update, credentials::delete))
        .routes(routes!(users::list, users::create))
        .routes(routes!(users::read, users::update, users::delete))
        .routes(routes!(roles::list, roles::create))
        .routes(routes!(roles::read, roles::update, roles::delete))
        .routes(routes!(members::add, members::remove))
        .routes(routes!(grants::list, grants::create))
        .routes(routes!(grants::read, grants::delete))
}
