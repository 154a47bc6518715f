//! `/api/v1/credentials`. Secrets come in and never go out.

use std::collections::BTreeMap;

use lakegate_catalog::{CredentialId, Notes, OnMissing};
use lakegate_common::ErrorCode;
use lakegate_common::secret::Secret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::request::{Id, Json, Params};
use super::etag::{IfMatch, IfNoneMatch};
use super::paging::{Named, Page};
use super::patch::{Patch, given, nullable};
use super::resource::{Answer, Call, Resource, View, gone, time};
use crate::query::{self, credential_source, new_credential};

/// What opens a location, without its secrets.
#[derive(Serialize, ToSchema)]
pub(super) struct Credential {
    /// Stays the same through a renaming.
    #[schema(format = "uuid")]
    id: String,
    /// Unique in the service.
    name: String,
    /// The kind of store that it opens.
    #[schema(example = "s3")]
    r#type: &'static str,
    /// Whether it stands for what the server's machine has, such as an instance role.
    is_ambient: bool,
    /// The names of its secrets.
    secret_names: Vec<String>,
    /// What may be seen of it.
    options: BTreeMap<String, String>,
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

impl Resource for Credential {
    type Id = CredentialId;
    const NOUN: &'static str = "credential";
    const ABSENT: ErrorCode = ErrorCode::ObjectNotFound;
    const PATH: &'static str = "/api/v1/credentials";

    fn of(view: &View, id: CredentialId) -> Option<Self> {
        let credential = view.seen.credential_by_id(id)?;
        Some(Self {
            id: id.to_string(),
            name: credential.name.clone(),
            r#type: credential.store_type.as_str(),
            is_ambient: credential.is_ambient(),
            secret_names: credential.secret_names.clone(),
            options: credential.options.clone(),
            comment: credential.comment.clone(),
            properties: credential.properties.clone(),
            created_at: time(credential.created_at),
            revision: credential.revision,
        })
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

/// A credential to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewCredential {
    /// Its name.
    name: String,
    /// The kind of store: `s3`, `gcs`, `azure` or `http`.
    #[schema(example = "s3")]
    r#type: String,
    /// The secrets by name, such as `access_key_id`. Where left out, the credential stands for what
    /// the server's machine has.
    #[serde(default)]
    #[schema(write_only)]
    secrets: Option<BTreeMap<String, String>>,
    /// What it is for.
    #[serde(default)]
    comment: Option<String>,
    /// What is noted about it.
    #[serde(default)]
    properties: BTreeMap<String, String>,
}

/// A change of a credential. What is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CredentialPatch {
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
    /// All secrets from now on; `null` for those that the server's machine has.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(write_only, value_type = Option<BTreeMap<String, String>>)]
    secrets: Option<Option<BTreeMap<String, String>>>,
}

fn secrets(texts: Option<BTreeMap<String, String>>) -> Option<BTreeMap<String, Secret>> {
    let secret = |(name, text): (String, String)| (name, Secret::exactly(text));
    texts.map(|texts| texts.into_iter().map(secret).collect())
}

/// The credentials. Only admins see any.
#[utoipa::path(get, path = "/api/v1/credentials", operation_id = "list_credentials",
    tag = "credentials", params(Named),
    responses((status = 200, description = "A page", body = Page<Credential>)))]
pub(super) async fn list(call: Call, Params(filter): Params<Named>) -> Answer {
    call.list::<Credential>(filter.page(), |view| {
        view.seen.credentials().filter(|one| filter.takes(&one.name)).map(|one| one.id).collect()
    })
    .await
}

/// Makes a credential. For admins.
#[utoipa::path(post, path = "/api/v1/credentials", operation_id = "create_credential",
    tag = "credentials", request_body = NewCredential,
    responses((status = 201, description = "Made", body = Credential,
        headers(("ETag" = String), ("Location" = String)))))]
pub(super) async fn create(call: Call, Json(new): Json<NewCredential>) -> Answer {
    let secrets = secrets(new.secrets);
    let credential = new_credential(&new.name, &new.r#type, secrets.as_ref())?;
    let catalog = call.catalog().noting(Notes { comment: new.comment, properties: new.properties });
    let made = catalog.create_credential(&credential, false).await?;
    call.created::<Credential>(made).await
}

/// One credential.
#[utoipa::path(get, path = "/api/v1/credentials/{credential_id}", operation_id = "get_credential",
    tag = "credentials", params(("credential_id" = String, Path, format = "uuid"), IfNoneMatch),
    responses((status = 200, description = "The credential", body = Credential,
        headers(("ETag" = String))),
        (status = 304, description = "The caller has it already")))]
pub(super) async fn read(call: Call, Id(id): Id<CredentialId>) -> Answer {
    call.read::<Credential>(id).await
}

/// Changes a credential, all of it or nothing. For admins.
#[utoipa::path(patch, path = "/api/v1/credentials/{credential_id}",
    operation_id = "update_credential", tag = "credentials",
    params(("credential_id" = String, Path, format = "uuid"), IfMatch),
    request_body = CredentialPatch,
    responses((status = 200, description = "Changed", body = Credential,
        headers(("ETag" = String)))))]
pub(super) async fn update(
    call: Call,
    Id(id): Id<CredentialId>,
    Json(patch): Json<CredentialPatch>,
) -> Answer {
    let (catalog, credential) = call.held::<Credential>(id).await?;
    let source = match patch.secrets {
        Some(given) => {
            let kind = credential.r#type.parse().map_err(query::Error::from)?;
            Some(credential_source(kind, secrets(given).as_ref())?)
        }
        None => None,
    };
    let (name, comment, properties) = (patch.name, patch.comment, patch.properties);
    let alteration = Patch { name, comment, properties, owner: None }.alteration();
    catalog.amend_credential(&credential.name, &alteration, source.as_ref()).await?;
    call.changed::<Credential>(id).await
}

/// Drops a credential that no location needs. For admins.
#[utoipa::path(delete, path = "/api/v1/credentials/{credential_id}",
    operation_id = "delete_credential", tag = "credentials",
    params(("credential_id" = String, Path, format = "uuid"), IfMatch),
    responses((status = 204, description = "Dropped")))]
pub(super) async fn delete(call: Call, Id(id): Id<CredentialId>) -> Answer {
    let (catalog, credential) = call.held::<Credential>(id).await?;
    catalog.drop_credential(&credential.name, OnMissing::Fail).await?;
    gone()
}
