//! `/api/v1/projects`.

use std::collections::BTreeMap;

use lakegate_catalog::{Notes, Object, OnContents, OnMissing, ProjectId};
use lakegate_common::ErrorCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::request::{Id, Json, Params};
use super::etag::{IfMatch, IfNoneMatch};
use super::paging::{Named, Page};
use super::patch::{Patch, given, nullable};
use super::resource::{Answer, Call, Resource, View, time};

/// The first level of a name; a catalog to SQL clients.
#[derive(Serialize, ToSchema)]
pub(super) struct Project {
    /// Stays the same through a renaming.
    #[schema(format = "uuid")]
    id: String,
    /// Unique in the service.
    pub(super) name: String,
    /// The URL below which its managed tables lie; `null` for the service's own folder. Left out
    /// where the caller may not manage the project.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    location: Option<Option<String>>,
    /// The owners, as far as the caller may know of them.
    owners: Vec<String>,
    /// What somebody wrote about it.
    comment: Option<String>,
    /// What somebody noted about it, by name.
    properties: BTreeMap<String, String>,
    /// When it was made.
    #[schema(format = "date-time")]
    created_at: String,
    /// The catalog's version at its last change.
    revision: u64,
}

impl Resource for Project {
    type Id = ProjectId;
    const NOUN: &'static str = "project";
    const ABSENT: ErrorCode = ErrorCode::ProjectNotFound;
    const PATH: &'static str = "/api/v1/projects";

    fn of(view: &View, id: ProjectId) -> Option<Self> {
        let project = view.seen.project_by_id(id)?;
        let object = Object::Project(id);
        Some(Self {
            id: id.to_string(),
            name: project.name.clone(),
            location: view.manages(object).then(|| project.location.clone()),
            owners: view.owners(object),
            comment: project.comment.clone(),
            properties: project.properties.clone(),
            created_at: time(project.created_at),
            revision: project.revision,
        })
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

/// A project to be made. It begins with a schema `public`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewProject {
    /// Its name.
    name: String,
    /// The URL below which its managed tables go; the service's own folder where left out.
    #[serde(default)]
    location: Option<String>,
    /// What it is for.
    #[serde(default)]
    comment: Option<String>,
    /// What is noted about it.
    #[serde(default)]
    properties: BTreeMap<String, String>,
}

/// A change of a project. What is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProjectPatch {
    /// Its new name.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    name: Option<String>,
    /// Its new comment; `null` takes it away.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    comment: Option<Option<String>>,
    /// Properties to be set; `null` takes one away.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    properties: Option<BTreeMap<String, Option<String>>>,
    /// The user or role that owns it alone from now on.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    owner: Option<String>,
    /// Where managed tables go from now on; `null` for the service's own folder.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    location: Option<Option<String>>,
}

/// What happens to what it holds.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Dropping {
    /// What it holds is dropped too; otherwise it must be empty.
    #[serde(default)]
    cascade: bool,
}

impl Dropping {
    pub(super) fn contents(&self) -> OnContents {
        if self.cascade { OnContents::Cascade } else { OnContents::Refuse }
    }
}

/// The projects that the caller may know of.
#[utoipa::path(get, path = "/api/v1/projects", operation_id = "list_projects", tag = "projects",
    params(Named), responses((status = 200, description = "A page", body = Page<Project>)))]
pub(super) async fn list(call: Call, Params(filter): Params<Named>) -> Answer {
    call.list::<Project>(filter.page(), |view| {
        view.seen.projects().filter(|one| filter.takes(&one.name)).map(|one| one.id).collect()
    })
    .await
}

/// Makes a project. For admins.
#[utoipa::path(post, path = "/api/v1/projects", operation_id = "create_project", tag = "projects",
    request_body = NewProject,
    responses((status = 201, description = "Made", body = Project,
        headers(("ETag" = String), ("Location" = String)))))]
pub(super) async fn create(call: Call, Json(new): Json<NewProject>) -> Answer {
    call.check_in_bounds(new.location.as_deref()).await?;
    let catalog = call.catalog().noting(Notes { comment: new.comment, properties: new.properties });
    let made = catalog.create_project_at(&new.name, new.location.as_deref(), false).await?;
    call.created::<Project>(made).await
}

/// One project.
#[utoipa::path(get, path = "/api/v1/projects/{project_id}", operation_id = "get_project",
    tag = "projects", params(("project_id" = String, Path, format = "uuid"), IfNoneMatch),
    responses((status = 200, description = "The project", body = Project, headers(("ETag" = String))),
        (status = 304, description = "The caller has it already")))]
pub(super) async fn read(call: Call, Id(id): Id<ProjectId>) -> Answer {
    call.read::<Project>(id).await
}

/// Changes a project, all of it or nothing.
#[utoipa::path(patch, path = "/api/v1/projects/{project_id}", operation_id = "update_project",
    tag = "projects", params(("project_id" = String, Path, format = "uuid"), IfMatch),
    request_body = ProjectPatch,
    responses((status = 200, description = "Changed", body = Project, headers(("ETag" = String))),
        (status = 204, description = "Changed, and no longer the caller's to see")))]
pub(super) async fn update(
    call: Call,
    Id(id): Id<ProjectId>,
    Json(patch): Json<ProjectPatch>,
) -> Answer {
    let ProjectPatch { name, comment, properties, owner, location } = patch;
    let alteration = Patch { name, comment, properties, owner }.alteration();
    let (catalog, project) = call.held::<Project>(id).await?;
    let location = location.as_ref().map(|location| location.as_deref());
    call.check_in_bounds(location.flatten()).await?;
    catalog.amend_project(&project.name, &alteration, location).await?;
    call.changed::<Project>(id).await
}

/// Drops a project.
#[utoipa::path(delete, path = "/api/v1/projects/{project_id}", operation_id = "delete_project",
    tag = "projects", params(("project_id" = String, Path, format = "uuid"), Dropping, IfMatch),
    responses((status = 204, description = "Dropped")))]
pub(super) async fn delete(
    call: Call,
    Id(id): Id<ProjectId>,
    Params(dropping): Params<Dropping>,
) -> Answer {
    let (catalog, project) = call.held::<Project>(id).await?;
    let contents = dropping.contents();
    call.dropping(
        async move { catalog.drop_project(&project.name, OnMissing::Fail, contents).await },
    )
    .await
}
