//! `/api/v1/locations`.

use std::collections::BTreeMap;

use lakegate_catalog::{LocationChange, LocationId, NewLocation as New, Notes, Object, OnMissing};
use lakegate_common::ErrorCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::request::{Id, Json, Params};
use super::etag::{IfMatch, IfNoneMatch};
use super::paging::{Named, Page};
use super::patch::{Patch, given, nullable};
use super::resource::{Answer, Call, Resource, View, gone, time};
use crate::query::check_location;

/// A URL prefix and how to reach what is below it.
#[derive(Serialize, ToSchema)]
pub(super) struct Location {
    /// Stays the same through a renaming.
    #[schema(format = "uuid")]
    id: String,
    /// Unique in the service.
    name: String,
    /// The prefix.
    url: String,
    /// The name of the credential that opens it; `null` where there is none, or where the caller
    /// may not know of it.
    credential: Option<String>,
    /// How to reach it: endpoint, region and the like. Never a secret.
    options: BTreeMap<String, String>,
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

impl Resource for Location {
    type Id = LocationId;
    const NOUN: &'static str = "location";
    const ABSENT: ErrorCode = ErrorCode::ObjectNotFound;
    const PATH: &'static str = "/api/v1/locations";

    fn of(view: &View, id: LocationId) -> Option<Self> {
        let location = view.seen.location_by_id(id)?;
        let credential = location.credential.and_then(|id| view.seen.credential_by_id(id));
        Some(Self {
            id: id.to_string(),
            name: location.name.clone(),
            url: location.url.to_string(),
            credential: credential.map(|credential| credential.name.clone()),
            options: location.options.clone(),
            owners: view.owners(Object::Location(id)),
            comment: location.comment.clone(),
            properties: location.properties.clone(),
            created_at: time(location.created_at),
            revision: location.revision,
        })
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

/// A location to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewLocation {
    /// Its name.
    name: String,
    /// The prefix: a folder of the server's machine or a URL.
    #[schema(example = "s3://bucket/prefix/")]
    url: String,
    /// The name of the credential that opens it.
    #[serde(default)]
    credential: Option<String>,
    /// How to reach it. A secret is refused.
    #[serde(default)]
    options: BTreeMap<String, String>,
    /// What it is for.
    #[serde(default)]
    comment: Option<String>,
    /// What is noted about it.
    #[serde(default)]
    properties: BTreeMap<String, String>,
}

/// A change of a location. What is left out stays. The URL cannot be changed: another prefix is
/// another location.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LocationPatch {
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
    /// The name of the credential that opens it from now on; `null` for none.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    credential: Option<Option<String>>,
    /// All options from now on.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    options: Option<BTreeMap<String, String>>,
}

/// The locations that the caller may know of.
#[utoipa::path(get, path = "/api/v1/locations", operation_id = "list_locations", tag = "locations",
    params(Named), responses((status = 200, description = "A page", body = Page<Location>)))]
pub(super) async fn list(call: Call, Params(filter): Params<Named>) -> Answer {
    call.list::<Location>(filter.page(), |view| {
        view.seen.locations().filter(|one| filter.takes(&one.name)).map(|one| one.id).collect()
    })
    .await
}

/// Makes a location. For admins.
#[utoipa::path(post, path = "/api/v1/locations", operation_id = "create_location",
    tag = "locations", request_body = NewLocation,
    responses((status = 201, description = "Made", body = Location,
        headers(("ETag" = String), ("Location" = String)))))]
pub(super) async fn create(call: Call, Json(new): Json<NewLocation>) -> Answer {
    let NewLocation { name, url, credential, options, comment, properties } = new;
    check_location(&url, &options)?;
    call.check_in_bounds(Some(&url)).await?;
    let new = New { name, url, credential, options };
    let catalog = call.catalog().noting(Notes { comment, properties });
    let made = catalog.create_location(&new, false).await?;
    call.created::<Location>(made).await
}

/// One location.
#[utoipa::path(get, path = "/api/v1/locations/{location_id}", operation_id = "get_location",
    tag = "locations", params(("location_id" = String, Path, format = "uuid"), IfNoneMatch),
    responses((status = 200, description = "The location", body = Location,
        headers(("ETag" = String))),
        (status = 304, description = "The caller has it already")))]
pub(super) async fn read(call: Call, Id(id): Id<LocationId>) -> Answer {
    call.read::<Location>(id).await
}

/// Changes a location, all of it or nothing. Credential and options are for admins to change.
#[utoipa::path(patch, path = "/api/v1/locations/{location_id}", operation_id = "update_location",
    tag = "locations", params(("location_id" = String, Path, format = "uuid"), IfMatch),
    request_body = LocationPatch,
    responses((status = 200, description = "Changed", body = Location, headers(("ETag" = String))),
        (status = 204, description = "Changed, and no longer the caller's to see")))]
pub(super) async fn update(
    call: Call,
    Id(id): Id<LocationId>,
    Json(patch): Json<LocationPatch>,
) -> Answer {
    let LocationPatch { name, comment, properties, owner, credential, options } = patch;
    let (catalog, location) = call.held::<Location>(id).await?;
    if let Some(options) = &options {
        check_location(&location.url, options)?;
    }
    let alteration = Patch { name, comment, properties, owner }.alteration();
    let change = LocationChange { credential, options };
    catalog.amend_location(&location.name, &alteration, &change).await?;
    call.changed::<Location>(id).await
}

/// Drops a location. What lies there stays.
#[utoipa::path(delete, path = "/api/v1/locations/{location_id}", operation_id = "delete_location",
    tag = "locations", params(("location_id" = String, Path, format = "uuid"), IfMatch),
    responses((status = 204, description = "Dropped")))]
pub(super) async fn delete(call: Call, Id(id): Id<LocationId>) -> Answer {
    let (catalog, location) = call.held::<Location>(id).await?;
    catalog.drop_location(&location.name, OnMissing::Fail).await?;
    gone()
}
