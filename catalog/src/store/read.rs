//! Reads the whole catalog in one transaction.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use sqlx::SqliteConnection;
use sqlx::sqlite::SqlitePool;

use crate::error::Error;
use crate::model::{Dataset, DatasetKind, ExternalTable, Project, Schema, View};
use crate::snapshot::Snapshot;

use super::change::time_of;

const ACTION: &str = "reading";

const VERSION: &str = "SELECT version FROM catalog_state";

/// Looks through the whole file, so that damage is told at the start and not by the first
/// statement that happens on it.
pub(super) async fn check(pool: &SqlitePool) -> Result<(), Error> {
    let finding: String = sqlx::query_scalar("PRAGMA quick_check(1)")
        .fetch_one(pool)
        .await
        .map_err(Error::database("checking"))?;
    if finding == "ok" { Ok(()) } else { Err(damaged("page", finding)) }
}

/// The number of changes so far.
pub(super) async fn version(pool: &SqlitePool) -> Result<u64, Error> {
    let version: i64 =
        sqlx::query_scalar(VERSION).fetch_one(pool).await.map_err(Error::database(ACTION))?;
    as_version(version)
}

/// Everything, as it is at one moment.
pub(super) async fn snapshot(pool: &SqlitePool) -> Result<Snapshot, Error> {
    let failed = Error::database(ACTION);
    // The first read fixes what all reads of the transaction see.
    let mut transaction = pool.begin().await.map_err(&failed)?;
    let version: i64 =
        sqlx::query_scalar(VERSION).fetch_one(&mut *transaction).await.map_err(&failed)?;
    let projects = projects(&mut transaction).await?;
    let schemas = schemas(&mut transaction).await?;
    let datasets = datasets(&mut transaction).await?;
    transaction.commit().await.map_err(&failed)?;
    Ok(Snapshot::assemble(as_version(version)?, projects, schemas, datasets))
}

async fn projects(connection: &mut SqliteConnection) -> Result<Vec<Project>, Error> {
    let rows: Vec<(String, String, i64)> =
        sqlx::query_as("SELECT id, name, created_at_ms FROM project")
            .fetch_all(connection)
            .await
            .map_err(Error::database(ACTION))?;
    let projects = rows.into_iter().map(|(id, name, created_at_ms)| {
        Ok(Project { id: parse("project", &id)?, name, created_at: time_of(created_at_ms) })
    });
    projects.collect()
}

async fn schemas(connection: &mut SqliteConnection) -> Result<Vec<Schema>, Error> {
    let rows: Vec<(String, String, String, i64)> =
        sqlx::query_as("SELECT id, project_id, name, created_at_ms FROM project_schema")
            .fetch_all(connection)
            .await
            .map_err(Error::database(ACTION))?;
    let schemas = rows.into_iter().map(|(id, project, name, created_at_ms)| {
        Ok(Schema {
            id: parse("schema", &id)?,
            project: parse("schema", &project)?,
            name,
            created_at: time_of(created_at_ms),
        })
    });
    schemas.collect()
}

async fn datasets(connection: &mut SqliteConnection) -> Result<Vec<Dataset>, Error> {
    let rows: Vec<DatasetRow> = sqlx::query_as(
        "SELECT id, schema_id, name, columns_ipc, created_at_ms, format, location,
                partition_columns_json, options_json, definition,
                query, default_project, default_schema
         FROM dataset
         LEFT JOIN external_table ON external_table.dataset_id = dataset.id
         LEFT JOIN view_query ON view_query.dataset_id = dataset.id",
    )
    .fetch_all(connection)
    .await
    .map_err(Error::database(ACTION))?;
    rows.into_iter().map(DatasetRow::into_dataset).collect()
}

/// A dataset with what either kind adds to it.
#[derive(sqlx::FromRow)]
struct DatasetRow {
    id: String,
    schema_id: String,
    name: String,
    columns_ipc: Vec<u8>,
    created_at_ms: i64,
    format: Option<String>,
    location: Option<String>,
    partition_columns_json: Option<String>,
    options_json: Option<String>,
    definition: Option<String>,
    query: Option<String>,
    default_project: Option<String>,
    default_schema: Option<String>,
}

impl DatasetRow {
    fn into_dataset(self) -> Result<Dataset, Error> {
        let id = parse("dataset", &self.id)?;
        let schema = parse("dataset", &self.schema_id)?;
        let created_at = time_of(self.created_at_ms);
        let name = self.name.clone();
        Ok(Dataset { id, schema, name, kind: self.into_kind()?, created_at })
    }

    fn into_kind(self) -> Result<DatasetKind, Error> {
        let table = (self.format, self.location, self.partition_columns_json, self.options_json);
        if let (Some(format), Some(location), Some(partition_columns), Some(options)) = table {
            let partition_columns: Vec<(String, String)> = from_json(&partition_columns)?;
            let options: BTreeMap<String, String> = from_json(&options)?;
            return Ok(DatasetKind::Table(ExternalTable {
                format: parse("dataset", &format)?,
                location,
                partition_columns,
                options,
                columns_ipc: self.columns_ipc,
                definition: self.definition.unwrap_or_default(),
            }));
        }
        match (self.query, self.default_project, self.default_schema) {
            (Some(sql), Some(project), Some(schema)) => {
                Ok(DatasetKind::View(View { sql, columns_ipc: self.columns_ipc, project, schema }))
            }
            _ => Err(damaged("dataset", format!("{} is neither table nor view", self.id))),
        }
    }
}

/// Reads an identifier or another value that is kept as text.
pub(super) fn parse<T>(noun: &'static str, text: &str) -> Result<T, Error>
where
    T: FromStr,
    T::Err: Display,
{
    text.parse().map_err(|error| damaged(noun, format!("{text:?}: {error}")))
}

fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| damaged("dataset", error.to_string()))
}

fn as_version(version: i64) -> Result<u64, Error> {
    u64::try_from(version).map_err(|_| damaged("version", version.to_string()))
}

fn damaged(noun: &'static str, reason: String) -> Error {
    Error::Damaged { noun, reason }
}
