//! Reads the whole catalog in one transaction.

mod datasets;
mod governance;
mod refresh;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use crate::error::Error;
use crate::ids::{DatasetId, GrantId};
use crate::model::{Dataset, Grant, Project, Schema};
use crate::snapshot::{Rows, Snapshot};

use super::database::{Database, Intent, Row, Transaction, values};
use super::time::time_of;

use refresh::Revised;

const ACTION: &str = "reading";

/// The number of changes so far.
pub(super) async fn version(database: &Database) -> Result<u64, Error> {
    let version = database.version(ACTION).await?;
    u64::try_from(version).map_err(|_| Error::damaged("version", version.to_string()))
}

const DATASETS: Revised<Dataset, DatasetId> = Revised {
    table: "dataset",
    changed: datasets::CHANGED,
    read: datasets::dataset,
    id: |dataset| dataset.id,
};

const GRANTS: Revised<Grant, GrantId> = Revised {
    table: "privilege_grant",
    changed: governance::CHANGED_GRANTS,
    read: governance::grant,
    id: |grant| grant.id,
};

/// Everything, as it is at one moment. Datasets and grants that have not changed since the previous
/// snapshot are taken from there.
pub(super) async fn snapshot(
    database: &Database,
    previous: Option<&Snapshot>,
) -> Result<Snapshot, Error> {
    let mut transaction = database.begin(Intent::Read, ACTION).await?;
    let mut rows = Rows::default();
    let state = transaction.fetch_optional("SELECT version FROM catalog_state", values![]).await?;
    if let Some(state) = state {
        rows.version = state.count("version")?;
    }
    rows.projects = read_all(&mut transaction, PROJECTS, project).await?;
    rows.schemas = read_all(&mut transaction, SCHEMAS, schema).await?;
    // A version that has gone back is one of a database that was restored.
    let previous = previous.filter(|previous| previous.version() <= rows.version);
    let old = previous.into_iter().flat_map(Snapshot::all_datasets);
    rows.datasets = DATASETS.all(&mut transaction, previous, old).await?;
    rows.locations =
        read_all(&mut transaction, governance::LOCATIONS, governance::location).await?;
    rows.credentials =
        read_all(&mut transaction, governance::CREDENTIALS, governance::credential).await?;
    rows.principals =
        read_all(&mut transaction, governance::PRINCIPALS, governance::principal).await?;
    rows.memberships =
        read_all(&mut transaction, governance::MEMBERSHIPS, governance::membership).await?;
    let old = previous.into_iter().flat_map(Snapshot::grants);
    rows.grants = GRANTS.all(&mut transaction, previous, old).await?;
    transaction.commit().await?;
    Ok(Snapshot::assemble(rows))
}

async fn read_all<T>(
    transaction: &mut Transaction,
    sql: &'static str,
    read: fn(&Row) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let rows = transaction.fetch_all(sql, values![]).await?;
    rows.iter().map(read).collect()
}

const PROJECTS: &str =
    "SELECT id, name, location, comment, properties_json, created_at_ms, revision FROM project";

fn project(row: &Row) -> Result<Project, Error> {
    Ok(Project {
        id: parsed(row, "id")?,
        name: row.get("name")?,
        location: row.get("location")?,
        comment: row.get("comment")?,
        properties: texts(row, "properties_json")?,
        created_at: time_of(row.get("created_at_ms")?),
        revision: row.count("revision")?,
    })
}

const SCHEMAS: &str =
    "SELECT id, project_id, name, comment, properties_json, created_at_ms, revision
     FROM project_schema";

fn schema(row: &Row) -> Result<Schema, Error> {
    Ok(Schema {
        id: parsed(row, "id")?,
        project: parsed(row, "project_id")?,
        name: row.get("name")?,
        comment: row.get("comment")?,
        properties: texts(row, "properties_json")?,
        created_at: time_of(row.get("created_at_ms")?),
        revision: row.count("revision")?,
    })
}

/// Reads an identifier or another value that is kept as text.
pub(super) fn parse<T>(noun: &'static str, text: &str) -> Result<T, Error>
where
    T: FromStr,
    T::Err: Display,
{
    text.parse().map_err(|error| Error::damaged(noun, format!("{text:?}: {error}")))
}

/// The value of a column that is kept as text.
pub(super) fn parsed<T>(row: &Row, column: &'static str) -> Result<T, Error>
where
    T: FromStr,
    T::Err: Display,
{
    parse(column, &row.get::<String>(column)?)
}

/// As [`parsed`], for a column that may hold nothing.
pub(super) fn parsed_optional<T>(row: &Row, column: &'static str) -> Result<Option<T>, Error>
where
    T: FromStr,
    T::Err: Display,
{
    let text: Option<String> = row.get(column)?;
    text.map(|text| parse(column, &text)).transpose()
}

/// The value of a column that holds a JSON object of texts.
pub(super) fn texts(row: &Row, column: &'static str) -> Result<BTreeMap<String, String>, Error> {
    from_json(column, &row.get::<String>(column)?)
}

/// Reads a value that is kept as JSON.
pub(super) fn from_json<T: serde::de::DeserializeOwned>(
    noun: &'static str,
    text: &str,
) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| Error::damaged(noun, error.to_string()))
}

/// A value as JSON: texts, and lists and maps of texts, which always can be.
pub(super) fn to_json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
