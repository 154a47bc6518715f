//! What a table is besides its columns: its history, its files, its properties, its entry in the catalog.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arrow::array::RecordBatch;
use arrow::datatypes::{FieldRef, SchemaRef};
use datafusion::common::{ResolvedTableReference, TableReference};
use lakegate_catalog::{Dataset, DatasetKind, FileFormat, Object, Privilege, VisibleSnapshot};
use lakegate_engine::schema;
use lakegate_engine::statement::Inspection;
use lakegate_lake::delta::{AsOf, TableDetail, history_rows, history_schema};
use lakegate_lake::{ExternalTable, Format};

use super::Error;
use super::command::unsupported;
use super::describe::{CREATION, DESCRIBE, PROPERTIES, table};
use super::described::Described;
use super::names::{Declared, declared, may_see_definition};
use super::properties::IN_THE_LOG;
use super::service::QueryService;
use super::statement::Scope;
use super::system::columns::{batch, number, object, text, time};

/// Commits that DESCRIBE HISTORY shows where it says no LIMIT.
const HISTORY_DEFAULT: usize = 1_000;
/// Commits that it shows at most.
const HISTORY_MAX: usize = 100_000;

impl QueryService {
    /// The columns of the answer to `what`.
    ///
    /// # Errors
    /// Arrow's own.
    pub(super) fn inspection_schema(what: &Inspection) -> Result<SchemaRef, Error> {
        Ok(match what {
            Inspection::History(_) => schema::canonical(&history_schema()),
            Inspection::Detail => details(&[])?.schema(),
            Inspection::Extended => Arc::clone(&DESCRIBE),
            Inspection::Properties(_) => Arc::clone(&PROPERTIES),
            Inspection::Creation(_) => Arc::clone(&CREATION),
        })
    }

    /// Answers `what` about the dataset `name`.
    ///
    /// # Errors
    /// Nothing visible has the name, the principal may not read it, or it is not of the kind.
    pub(super) async fn inspect(
        &self,
        scope: &Scope,
        what: &Inspection,
        name: &TableReference,
    ) -> Result<RecordBatch, Error> {
        let seen = self.seen_by(scope.principal).await?;
        let (name, dataset) = match self.described(scope, &seen, name).await? {
            (name, Described::Dataset(dataset)) => (name, dataset),
            (name, Described::Own(columns)) => return inspect_own(what, &name, &columns),
        };
        match what {
            Inspection::Extended => return self.extended(scope, &seen, &dataset).await,
            Inspection::Properties(wanted) => {
                let properties = self.properties_of(scope, &seen, &dataset).await?;
                return rows_of_properties(properties, wanted.as_deref());
            }
            Inspection::History(_) | Inspection::Detail | Inspection::Creation(_) => {}
        }
        seen.check_object(Privilege::Select, Object::Dataset(dataset.id), &name)?;
        seen.check_reading_files(&dataset)?;
        if let Inspection::Creation(kind) = what {
            if matches!(dataset.kind, DatasetKind::View(_)) && !may_see_definition(&seen, &dataset)
            {
                seen.check_object(Privilege::Manage, Object::Dataset(dataset.id), &name)?;
            }
            let statement = self.creation_of(scope, &name, &dataset, *kind).await?;
            return table(&CREATION, std::iter::once([statement]));
        }
        let declared = match declared(&dataset)? {
            Declared::Table(declared) => declared,
            Declared::View(_) => return Err(no_versions(&name, "a view")),
        };
        match what {
            Inspection::History(limit) => self.history_of(scope, &name, &declared, *limit).await,
            _ => self.detail_of(scope, &dataset, &declared).await,
        }
    }

    /// The properties of a dataset: those in the log of a Delta table that the principal may read,
    /// and over them those in the catalog.
    async fn properties_of(
        &self,
        scope: &Scope,
        seen: &VisibleSnapshot,
        dataset: &Dataset,
    ) -> Result<BTreeMap<String, String>, Error> {
        let is_delta = matches!(
            &dataset.kind,
            DatasetKind::Table(table) if table.format == FileFormat::Delta
        );
        if is_delta
            && seen.may(Privilege::Select, Object::Dataset(dataset.id))
            && seen.check_reading_files(dataset).is_ok()
            && let Declared::Table(declared) = declared(dataset)?
        {
            let log = declared.log(&self.state(scope))?;
            let newest = self.delta.state(&log, AsOf::Latest).await?;
            return Ok(united(newest.detail().properties, &dataset.properties));
        }
        Ok(dataset.properties.clone())
    }

    async fn history_of(
        &self,
        scope: &Scope,
        name: &ResolvedTableReference,
        declared: &ExternalTable,
        limit: Option<usize>,
    ) -> Result<RecordBatch, Error> {
        if declared.format != Format::Delta {
            return Err(no_versions(name, &format!("a table of {} files", declared.format)));
        }
        let limit = limit.unwrap_or(HISTORY_DEFAULT).min(HISTORY_MAX);
        let commits = declared.log(&self.state(scope))?.history(limit).await?;
        history_rows(&commits).map_err(Error::Result)
    }

    async fn detail_of(
        &self,
        scope: &Scope,
        dataset: &Dataset,
        declared: &ExternalTable,
    ) -> Result<RecordBatch, Error> {
        let delta = if declared.format == Format::Delta {
            let log = declared.log(&self.state(scope))?;
            Some(self.delta.state(&log, AsOf::Latest).await?.detail())
        } else {
            None
        };
        let partitions = declared.schema.fields().len() - declared.partition_columns;
        let partitions = declared.schema.fields().iter().skip(partitions);
        let partitions = partitions.map(|field| field.name().clone()).collect();
        details(&[Detail { dataset, declared, partitions, delta }])
    }

    /// The columns, and below them what the catalog tells.
    async fn extended(
        &self,
        scope: &Scope,
        seen: &VisibleSnapshot,
        dataset: &Dataset,
    ) -> Result<RecordBatch, Error> {
        let shown = schema::canonical(&*self.columns_now(scope, seen, dataset).await?);
        let columns = shown.fields().iter().map(column_row);
        let may_read = seen.may(Privilege::Select, Object::Dataset(dataset.id));
        // A log that cannot be read now is no reason to tell nothing.
        let properties = self.properties_of(scope, seen, dataset).await;
        let properties = properties.unwrap_or_else(|_| dataset.properties.clone());
        let told = told(seen, dataset, &properties, may_read).into_iter();
        let told =
            told.filter_map(|(key, value)| Some([format!("# {key}"), value?, String::new()]));
        let comments = self.column_comments(scope, dataset, may_read).await.into_iter();
        let comments =
            comments.map(|(column, text)| [format!("# comment on {column}"), text, String::new()]);
        table(&DESCRIBE, columns.chain(told).chain(comments))
    }

    /// What the log of a Delta table says about columns, for those who may read it.
    async fn column_comments(
        &self,
        scope: &Scope,
        dataset: &Dataset,
        may_read: bool,
    ) -> Vec<(String, String)> {
        let Ok(Declared::Table(declared)) = declared(dataset) else { return Vec::new() };
        if !may_read || declared.format != Format::Delta {
            return Vec::new();
        }
        let Ok(log) = declared.log(&self.state(scope)) else { return Vec::new() };
        // A log that cannot be read now is no reason to tell nothing else.
        let Ok(newest) = self.delta.state(&log, AsOf::Latest).await else { return Vec::new() };
        let columns = newest.schema().columns().fields().iter().enumerate();
        let commented = columns.filter_map(|(position, column)| {
            let text = newest.schema().comment(position)?;
            Some((column.name().clone(), text.to_string()))
        });
        commented.collect()
    }
}

/// What the catalog tells of a dataset. Where it lies is for those who may read it, how a
/// view is made up for those who may see that.
fn told(
    seen: &VisibleSnapshot,
    dataset: &Dataset,
    properties: &BTreeMap<String, String>,
    may_read: bool,
) -> Vec<(&'static str, Option<String>)> {
    let maker = dataset.definer.and_then(|id| seen.principal_by_id(id));
    let maker = maker.map(|found| found.name.clone());
    let properties = (!properties.is_empty()).then(|| object(properties));
    let mut told = vec![
        ("type", Some(dataset.kind.dataset_type().as_str().to_string())),
        ("comment", dataset.comment.clone()),
        ("properties", properties),
        ("made by", maker),
    ];
    match &dataset.kind {
        DatasetKind::Table(table) => {
            told.push(("format", Some(table.format.to_string())));
            told.push(("managed", Some(table.is_managed.to_string())));
            told.push(("location", may_read.then(|| table.location.clone())));
        }
        DatasetKind::View(view) => {
            let may_see = may_see_definition(seen, dataset);
            told.push(("definition", may_see.then(|| view.sql.clone())));
        }
        DatasetKind::Volume(volume) => {
            told.push(("managed", Some(volume.is_managed.to_string())));
            told.push(("location", may_read.then(|| volume.location.clone())));
        }
    }
    told
}

/// What DESCRIBE DETAIL tells of a table.
struct Detail<'a> {
    dataset: &'a Dataset,
    declared: &'a ExternalTable,
    partitions: Vec<String>,
    /// What only a log tells.
    delta: Option<TableDetail>,
}

impl Detail<'_> {
    fn properties(&self) -> BTreeMap<String, String> {
        match &self.delta {
            Some(delta) => united(delta.properties.clone(), &self.dataset.properties),
            None => self.dataset.properties.clone(),
        }
    }
}

/// The properties of a Delta table: what Delta reads from its log, all else from the catalog where
/// it stands there.
pub(super) fn united(
    mut in_the_log: BTreeMap<String, String>,
    noted: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let noted = noted.iter().filter(|(name, _)| !name.starts_with(IN_THE_LOG));
    in_the_log.extend(noted.map(|(name, value)| (name.clone(), value.clone())));
    in_the_log
}

fn details(rows: &[Detail<'_>]) -> Result<RecordBatch, Error> {
    let delta = |row: &Detail<'_>| row.delta.clone();
    let list = |values: &[String]| serde_json::json!(values).to_string();
    batch([
        ("format", text(rows, |row| Some(row.declared.format.to_string()))),
        ("id", text(rows, |row| delta(row).map(|delta| delta.id))),
        ("name", text(rows, |row| Some(&row.dataset.name))),
        ("description", text(rows, |row| row.dataset.comment.clone().or(delta(row)?.description))),
        ("location", text(rows, |row| Some(row.declared.location.as_str()))),
        ("created_at", time(rows, |row| of_milliseconds(delta(row)?.created_at?))),
        ("version", number(rows, |row| delta(row).map(|delta| delta.version))),
        (
            "partition_columns",
            text(rows, |row| {
                Some(list(
                    &delta(row)
                        .map_or_else(|| row.partitions.clone(), |delta| delta.partition_columns),
                ))
            }),
        ),
        ("num_files", number(rows, |row| delta(row).map(|delta| delta.files))),
        ("size_in_bytes", number(rows, |row| delta(row).map(|delta| delta.bytes))),
        ("properties", text(rows, |row| Some(object(&row.properties())))),
        (
            "min_reader_version",
            number(rows, |row| u64::try_from(delta(row)?.min_reader_version).ok()),
        ),
        (
            "min_writer_version",
            number(rows, |row| u64::try_from(delta(row)?.min_writer_version).ok()),
        ),
        ("table_features", text(rows, |row| delta(row).map(|delta| list(&delta.features)))),
    ])
}

/// What there is to tell of a table that the service has of its own.
fn inspect_own(
    what: &Inspection,
    name: &ResolvedTableReference,
    columns: &SchemaRef,
) -> Result<RecordBatch, Error> {
    match what {
        Inspection::Extended => {
            let columns = columns.fields().iter().map(column_row);
            let told = [["# type".to_string(), "system table".to_string(), String::new()]];
            table(&DESCRIBE, columns.chain(told))
        }
        Inspection::Properties(_) => rows_of_properties(BTreeMap::new(), None),
        Inspection::History(_) | Inspection::Detail => {
            Err(no_versions(name, "a table of the service's own"))
        }
        Inspection::Creation(_) => Err(unsupported(
            "SHOW CREATE of a table of the service's own",
            "nobody makes such tables",
        )),
    }
}

fn column_row(field: &FieldRef) -> [String; 3] {
    [field.name().clone(), field.data_type().to_string(), "YES".to_string()]
}

fn rows_of_properties(
    properties: BTreeMap<String, String>,
    wanted: Option<&str>,
) -> Result<RecordBatch, Error> {
    let properties = properties.into_iter();
    let chosen = properties.filter(|(name, _)| wanted.is_none_or(|wanted| wanted == name));
    table(&PROPERTIES, chosen.map(|(name, value)| [name, value]))
}

fn of_milliseconds(milliseconds: i64) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_millis(u64::try_from(milliseconds).ok()?))
}

fn no_versions(name: &ResolvedTableReference, kind: &str) -> Error {
    Error::NoVersions { name: name.to_string(), kind: kind.to_string() }
}
