//! Reads locations, credentials, principals, memberships and grants.

use crate::error::Error;
use crate::ids::PrincipalId;
use crate::model::{Credential, Grant, Location, Object, PrincipalProfile};

use super::{Row, from_json, parsed, parsed_optional, texts, time_of};

pub(super) const LOCATIONS: &str =
    "SELECT id, name, url, credential_id, options_json, comment, properties_json, created_at_ms,
            revision
     FROM location";

pub(super) fn location(row: &Row) -> Result<Location, Error> {
    Ok(Location {
        id: parsed(row, "id")?,
        name: row.get("name")?,
        url: parsed(row, "url")?,
        credential: parsed_optional(row, "credential_id")?,
        options: texts(row, "options_json")?,
        comment: row.get("comment")?,
        properties: texts(row, "properties_json")?,
        created_at: time_of(row.get("created_at_ms")?),
        revision: row.count("revision")?,
    })
}

/// The secrets stay where they are.
pub(super) const CREDENTIALS: &str =
    "SELECT id, name, store_type, options_json, secret_names_json, comment, properties_json,
            created_at_ms, revision
     FROM credential";

pub(super) fn credential(row: &Row) -> Result<Credential, Error> {
    let secret_names: String = row.get("secret_names_json")?;
    Ok(Credential {
        id: parsed(row, "id")?,
        name: row.get("name")?,
        store_type: parsed(row, "store_type")?,
        secret_names: from_json("secret_names_json", &secret_names)?,
        options: texts(row, "options_json")?,
        comment: row.get("comment")?,
        properties: texts(row, "properties_json")?,
        created_at: time_of(row.get("created_at_ms")?),
        revision: row.count("revision")?,
    })
}

/// The hashes of passwords stay where they are.
pub(super) const PRINCIPALS: &str =
    "SELECT id, name, kind, is_admin, comment, properties_json, created_at_ms, revision
     FROM principal";

pub(super) fn principal(row: &Row) -> Result<PrincipalProfile, Error> {
    Ok(PrincipalProfile {
        id: parsed(row, "id")?,
        name: row.get("name")?,
        principal_type: parsed(row, "kind")?,
        is_admin: row.flag("is_admin")?,
        roles: Default::default(),
        comment: row.get("comment")?,
        properties: texts(row, "properties_json")?,
        created_at: time_of(row.get("created_at_ms")?),
        revision: row.count("revision")?,
    })
}

pub(super) const MEMBERSHIPS: &str = "SELECT role_id, member_id FROM role_member";

pub(super) fn membership(row: &Row) -> Result<(PrincipalId, PrincipalId), Error> {
    Ok((parsed(row, "role_id")?, parsed(row, "member_id")?))
}

pub(super) const CHANGED_GRANTS: &str =
    "SELECT id, grantee_id, privilege, project_id, schema_id, dataset_id, location_id, grantor_id,
            created_at_ms
     FROM privilege_grant WHERE revision > $1";

pub(super) fn grant(row: &Row) -> Result<Grant, Error> {
    Ok(Grant {
        id: parsed(row, "id")?,
        grantee: parsed(row, "grantee_id")?,
        privilege: parsed(row, "privilege")?,
        object: object(row)?,
        grantor: parsed_optional(row, "grantor_id")?,
        created_at: time_of(row.get("created_at_ms")?),
    })
}

fn object(row: &Row) -> Result<Object, Error> {
    if let Some(id) = parsed_optional(row, "project_id")? {
        return Ok(Object::Project(id));
    }
    if let Some(id) = parsed_optional(row, "schema_id")? {
        return Ok(Object::Schema(id));
    }
    if let Some(id) = parsed_optional(row, "dataset_id")? {
        return Ok(Object::Dataset(id));
    }
    Ok(Object::Location(parsed(row, "location_id")?))
}
