//! Finding things inside a change, by name.

use std::fmt::Display;
use std::str::FromStr;

use crate::error::Error;
use crate::ids::{CredentialId, DatasetId, LocationId, PrincipalId, ProjectId, SchemaId};
use crate::model::{DatasetType, ObjectName, ObjectType, OnMissing, PrincipalType};
use crate::snapshot::{near, no_dataset, no_schema};

use super::change::Change;
use super::database::{Row, values};
use super::read::parse;

/// A principal inside a change.
#[derive(Clone, Copy)]
pub(super) struct FoundPrincipal {
    pub(super) id: PrincipalId,
    pub(super) principal_type: PrincipalType,
    pub(super) is_admin: bool,
}

/// An object of any type inside a change.
pub(super) struct Found {
    pub(super) id: String,
    /// The table that it is in.
    pub(super) table: &'static str,
}

impl Change<'_> {
    /// The project of this name.
    pub(super) async fn project(&mut self, name: &str) -> Result<ProjectId, Error> {
        if let Some(project) = self.find_project(name).await? {
            return Ok(project);
        }
        let nearest = self.nearest("SELECT name FROM project WHERE id <> $1", "", name).await?;
        Err(Error::ProjectNotFound { project: name.to_string(), nearest })
    }

    /// The schema of this name.
    pub(super) async fn schema(&mut self, project: &str, name: &str) -> Result<SchemaId, Error> {
        let project_id = self.project(project).await?;
        if let Some(schema) = self.find_schema(project_id, name).await? {
            return Ok(schema);
        }
        let siblings = "SELECT name FROM project_schema WHERE project_id = $1";
        let nearest = self.nearest(siblings, &project_id.to_string(), name).await?;
        Err(no_schema(project, name, nearest))
    }

    /// The dataset of this name, and what it is.
    pub(super) async fn dataset(
        &mut self,
        project: &str,
        schema: &str,
        name: &str,
    ) -> Result<(DatasetId, DatasetType), Error> {
        let schema_id = self.schema(project, schema).await?;
        if let Some(found) = self.find_dataset(schema_id, name).await? {
            return Ok(found);
        }
        let siblings = "SELECT name FROM dataset WHERE schema_id = $1";
        let nearest = self.nearest(siblings, &schema_id.to_string(), name).await?;
        Err(no_dataset(project, schema, name, nearest))
    }

    /// The location of this name.
    pub(super) async fn location(&mut self, name: &str) -> Result<LocationId, Error> {
        self.named("location", ObjectType::Location, name).await
    }

    /// The credential of this name.
    pub(super) async fn credential(&mut self, name: &str) -> Result<CredentialId, Error> {
        self.named("credential", ObjectType::Credential, name).await
    }

    /// The user or role of this name.
    pub(super) async fn principal(&mut self, name: &str) -> Result<FoundPrincipal, Error> {
        let row = self
            .fetch_optional(
                "SELECT id, kind, is_admin FROM principal WHERE name = $1",
                values![name],
            )
            .await?;
        // No hint: names of principals are not everyone's to know.
        let row = row.ok_or_else(|| not_found(ObjectType::Principal, name))?;
        Ok(FoundPrincipal {
            id: id_in(&row, "principal")?,
            principal_type: parse("principal", &row.get::<String>("kind")?)?,
            is_admin: row.flag("is_admin")?,
        })
    }

    /// The object of this name.
    pub(super) async fn object(&mut self, name: &ObjectName) -> Result<Found, Error> {
        let (table, id) = match name {
            ObjectName::Project(project) => ("project", self.project(project).await?.to_string()),
            ObjectName::Schema { project, schema } => {
                ("project_schema", self.schema(project, schema).await?.to_string())
            }
            ObjectName::Dataset { project, schema, dataset } => {
                ("dataset", self.dataset(project, schema, dataset).await?.0.to_string())
            }
            ObjectName::Location(location) => {
                ("location", self.location(location).await?.to_string())
            }
            ObjectName::Credential(credential) => {
                ("credential", self.credential(credential).await?.to_string())
            }
            ObjectName::Principal(principal) => {
                ("principal", self.principal(principal).await?.id.to_string())
            }
        };
        Ok(Found { id, table })
    }

    pub(super) async fn find_project(&mut self, name: &str) -> Result<Option<ProjectId>, Error> {
        let row =
            self.fetch_optional("SELECT id FROM project WHERE name = $1", values![name]).await?;
        row.map(|row| id_in(&row, "project")).transpose()
    }

    pub(super) async fn find_schema(
        &mut self,
        project: ProjectId,
        name: &str,
    ) -> Result<Option<SchemaId>, Error> {
        let sql = "SELECT id FROM project_schema WHERE project_id = $1 AND name = $2";
        let row = self.fetch_optional(sql, values![project, name]).await?;
        row.map(|row| id_in(&row, "schema")).transpose()
    }

    pub(super) async fn find_dataset(
        &mut self,
        schema: SchemaId,
        name: &str,
    ) -> Result<Option<(DatasetId, DatasetType)>, Error> {
        let sql = "SELECT id, kind FROM dataset WHERE schema_id = $1 AND name = $2";
        let Some(row) = self.fetch_optional(sql, values![schema, name]).await? else {
            return Ok(None);
        };
        let dataset_type = parse("dataset", &row.get::<String>("kind")?)?;
        Ok(Some((id_in(&row, "dataset")?, dataset_type)))
    }

    /// The identifier of what has this name in a table in which names are unique.
    pub(super) async fn find_named<T>(
        &mut self,
        table: &'static str,
        name: &str,
    ) -> Result<Option<T>, Error>
    where
        T: FromStr,
        T::Err: Display,
    {
        let sql = format!("SELECT id FROM {table} WHERE name = $1");
        let row = self.fetch_optional(&sql, values![name]).await?;
        row.map(|row| id_in(&row, table)).transpose()
    }

    async fn named<T>(
        &mut self,
        table: &'static str,
        object_type: ObjectType,
        name: &str,
    ) -> Result<T, Error>
    where
        T: FromStr,
        T::Err: Display,
    {
        if let Some(found) = self.find_named(table, name).await? {
            return Ok(found);
        }
        let all = format!("SELECT name FROM {table} WHERE id <> $1");
        let nearest = self.nearest(&all, "", name).await?;
        Err(Error::ObjectNotFound { noun: object_type.as_str(), name: name.to_string(), nearest })
    }

    /// The name in a query's answer that is most like the given one. A principal gets its hints
    /// from what it sees, before the change looks here.
    async fn nearest(
        &mut self,
        names: &str,
        id: &str,
        name: &str,
    ) -> Result<Option<String>, Error> {
        if self.actor().is_some() {
            return Ok(None);
        }
        let rows = self.fetch_all(names, values![id]).await?;
        let names: Vec<String> =
            rows.iter().map(|row| row.get("name")).collect::<Result<_, _>>()?;
        Ok(near(name, names.iter().map(String::as_str)))
    }
}

pub(super) fn not_found(object_type: ObjectType, name: &str) -> Error {
    Error::ObjectNotFound { noun: object_type.as_str(), name: name.to_string(), nearest: None }
}

/// The identifier in a row.
pub(super) fn id_in<T>(row: &Row, noun: &'static str) -> Result<T, Error>
where
    T: FromStr,
    T::Err: Display,
{
    parse(noun, &row.get::<String>("id")?)
}

/// What a lookup found; `None` where nothing is there and that does not matter.
pub(super) fn found<T>(
    lookup: Result<T, Error>,
    on_missing: OnMissing,
) -> Result<Option<T>, Error> {
    match lookup {
        Ok(found) => Ok(Some(found)),
        Err(
            Error::ProjectNotFound { .. }
            | Error::SchemaNotFound { .. }
            | Error::DatasetNotFound { .. }
            | Error::ObjectNotFound { .. },
        ) if on_missing == OnMissing::Ignore => Ok(None),
        Err(error) => Err(error),
    }
}
