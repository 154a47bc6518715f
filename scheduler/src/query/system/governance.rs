//! Projects, places, principals and grants.

use std::sync::Arc;

use arrow::array::RecordBatch;
use lakegate_catalog::{
    Credential, DatasetKind, Grant, Location, Object, PrincipalId, PrincipalProfile, PrincipalType,
    Privilege, Project, Schema, VisibleSnapshot,
};

use super::columns::{batch, flag, object, text, time};
use crate::query::Error;

/// Projects.
pub(super) fn projects<'a>(
    rows: impl Iterator<Item = &'a Arc<Project>>,
) -> Result<RecordBatch, Error> {
    let rows: Vec<_> = rows.collect();
    batch([
        ("name", text(&rows, |row| Some(&row.name))),
        ("location", text(&rows, |row| row.location.as_ref())),
        ("comment", text(&rows, |row| row.comment.as_ref())),
        ("properties", text(&rows, |row| Some(object(&row.properties)))),
        ("created_at", time(&rows, |row| Some(row.created_at))),
    ])
}

/// The volumes in these schemas. Where they lie is for those who may read them.
pub(super) fn volumes(
    schemas: &[(&Project, &Schema)],
    seen: &VisibleSnapshot,
) -> Result<RecordBatch, Error> {
    let mut rows = Vec::new();
    for (project, schema) in schemas {
        for dataset in seen.datasets(&project.name, &schema.name) {
            if let DatasetKind::Volume(volume) = &dataset.kind {
                rows.push((*project, *schema, dataset, volume));
            }
        }
    }
    let may_read = |id| seen.may(Privilege::Select, Object::Dataset(id));
    batch([
        ("project", text(&rows, |(project, ..)| Some(&project.name))),
        ("schema", text(&rows, |(_, schema, ..)| Some(&schema.name))),
        ("name", text(&rows, |(_, _, dataset, _)| Some(&dataset.name))),
        (
            "location",
            text(&rows, |(_, _, dataset, volume)| may_read(dataset.id).then_some(&volume.location)),
        ),
        ("is_managed", flag(&rows, |(_, _, _, volume)| volume.is_managed)),
        ("comment", text(&rows, |(_, _, dataset, _)| dataset.comment.as_ref())),
        ("properties", text(&rows, |(_, _, dataset, _)| Some(object(&dataset.properties)))),
        ("created_at", time(&rows, |(_, _, dataset, _)| Some(dataset.created_at))),
    ])
}

/// Locations, with the credential's name for whom that is there.
pub(super) fn locations<'a>(
    rows: impl Iterator<Item = &'a Arc<Location>>,
    seen: &VisibleSnapshot,
) -> Result<RecordBatch, Error> {
    let rows: Vec<_> = rows.collect();
    let credential = |row: &&Arc<Location>| {
        let id = row.credential?;
        seen.credential_by_id(id).map(|found| found.name.clone())
    };
    batch([
        ("name", text(&rows, |row| Some(&row.name))),
        ("url", text(&rows, |row| Some(row.url.to_string()))),
        ("credential", text(&rows, credential)),
        ("options", text(&rows, |row| Some(object(&row.options)))),
        ("comment", text(&rows, |row| row.comment.as_ref())),
        ("created_at", time(&rows, |row| Some(row.created_at))),
    ])
}

/// Credentials, of whose secrets nothing but the names is known here.
pub(super) fn credentials<'a>(
    rows: impl Iterator<Item = &'a Arc<Credential>>,
) -> Result<RecordBatch, Error> {
    let rows: Vec<_> = rows.collect();
    batch([
        ("name", text(&rows, |row| Some(&row.name))),
        ("type", text(&rows, |row| Some(row.store_type.as_str()))),
        ("secrets", text(&rows, |row| Some(row.secret_names.join(", ")))),
        ("options", text(&rows, |row| Some(object(&row.options)))),
        ("comment", text(&rows, |row| row.comment.as_ref())),
        ("created_at", time(&rows, |row| Some(row.created_at))),
    ])
}

/// Users and roles.
pub(super) fn principals<'a>(
    rows: impl Iterator<Item = &'a Arc<PrincipalProfile>>,
) -> Result<RecordBatch, Error> {
    let rows: Vec<_> = rows.collect();
    batch([
        ("name", text(&rows, |row| Some(&row.name))),
        ("type", text(&rows, |row| Some(row.principal_type.as_str()))),
        ("is_admin", flag(&rows, |row| row.is_admin)),
        ("comment", text(&rows, |row| row.comment.as_ref())),
        ("created_at", time(&rows, |row| Some(row.created_at))),
    ])
}

/// Who is in which role directly.
pub(super) fn role_members<'a>(
    rows: impl Iterator<Item = &'a Arc<PrincipalProfile>>,
    seen: &VisibleSnapshot,
) -> Result<RecordBatch, Error> {
    let name = |id: PrincipalId| Some(seen.unfiltered().principal_by_id(id)?.name.clone());
    let mut members: Vec<(Option<String>, &str, PrincipalType)> = rows
        .flat_map(|row| {
            row.roles.iter().map(move |role| (name(*role), row.name.as_str(), row.principal_type))
        })
        .collect();
    members.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
    batch([
        ("role", text(&members, |row| row.0.clone())),
        ("member", text(&members, |row| Some(row.1))),
        ("member_type", text(&members, |row| Some(row.2.as_str()))),
    ])
}

/// Grants, each with the whole name of its object.
pub(in crate::query) fn grants<'a>(
    rows: impl Iterator<Item = &'a Arc<Grant>>,
    seen: &VisibleSnapshot,
) -> Result<RecordBatch, Error> {
    let known = |id: PrincipalId| seen.principal_by_id(id).map(|found| found.name.clone());
    let rows: Vec<_> = rows.map(|grant| (grant, Place::of(seen, grant.object))).collect();
    batch([
        ("grantee", text(&rows, |(grant, _)| seen.grantee_name(grant))),
        ("privilege", text(&rows, |(grant, _)| Some(grant.privilege.as_str().to_uppercase()))),
        ("object_type", text(&rows, |(grant, _)| Some(grant.object.object_type().as_str()))),
        ("project", text(&rows, |(_, place)| place.project.as_ref())),
        ("schema", text(&rows, |(_, place)| place.schema.as_ref())),
        ("name", text(&rows, |(_, place)| place.name.as_ref())),
        ("grantor", text(&rows, |(grant, _)| known(grant.grantor?))),
        ("created_at", time(&rows, |(grant, _)| Some(grant.created_at))),
    ])
}

/// The name of an object in its parts.
#[derive(Default)]
struct Place {
    project: Option<String>,
    schema: Option<String>,
    name: Option<String>,
}

impl Place {
    fn of(seen: &VisibleSnapshot, object: Object) -> Self {
        let all = seen.unfiltered();
        match object {
            Object::Project(id) => {
                let project = all.project_by_id(id).map(|project| project.name.clone());
                Self { project: project.clone(), name: project, ..Self::default() }
            }
            Object::Schema(id) => {
                let Some(schema) = all.schema_by_id(id) else { return Self::default() };
                let project = Self::of(seen, Object::Project(schema.project)).project;
                let name = Some(schema.name.clone());
                Self { project, schema: name.clone(), name }
            }
            Object::Dataset(id) => {
                let Some(dataset) = all.dataset_by_id(id) else { return Self::default() };
                let place = Self::of(seen, Object::Schema(dataset.schema));
                Self { name: Some(dataset.name.clone()), ..place }
            }
            Object::Location(id) => {
                let name = all.location_by_id(id).map(|location| location.name.clone());
                Self { name, ..Self::default() }
            }
        }
    }
}
