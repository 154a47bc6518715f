//! `CREATE TABLE`, with or without rows.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::ResolvedTableReference;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{DdlStatement, LogicalPlan};
use datafusion::sql::parser::Statement as ParsedStatement;
use datafusion::sql::sqlparser::ast::helpers::stmt_create_table::CreateTableBuilder;
use datafusion::sql::sqlparser::ast::{ColumnDef, Ident, Statement as Sql};
use lakegate_catalog::{
    DatasetKind, Error as CatalogError, FileFormat as EntryFormat, NewDataset, ObjectName,
    OnExisting, Privilege, Table as Entry, VisibleSnapshot,
};
use lakegate_engine::schema;
use lakegate_engine::statement::CreateTable;
use lakegate_lake::Location;
use lakegate_lake::delta::{DeltaLog, NewTable, TableRoot, storable};
use lakegate_lake::write::{FileFormat, FileLayout, FileWrite};

use super::files::Written;
use super::insert::stem;
use super::sink::{Sink, partitions};
use crate::query::Error;
use crate::query::alter::IN_THE_LOG;
use crate::query::bounds::Reach;
use crate::query::command::unsupported;
use crate::query::names::absolute;
use crate::query::registry::QueryGuard;
use crate::query::service::QueryService;
use crate::query::statement::{Planned, Scope};
use crate::session::Session;

/// Where a new table lies.
struct Place {
    root: TableRoot,
    is_managed: bool,
}

impl QueryService {
    pub(super) async fn create_table(
        &self,
        session: &Arc<Session>,
        create: &CreateTable,
        sql: &str,
        guard: &QueryGuard,
    ) -> Result<u64, Error> {
        let scope = Scope::of(session);
        let state = self.state(&scope);
        let name = absolute(&state, create.name.clone());
        let seen = self.seen_by(scope.principal).await?;
        let in_schema = ObjectName::schema(&*name.catalog, &*name.schema);
        seen.check(Privilege::Create, &in_schema)?;
        if seen.dataset(&name.catalog, &name.schema, &name.table).is_some() {
            return match create.if_not_exists {
                true => Ok(0),
                false => Err(already_exists(&name)),
            };
        }
        check_named_once(create.columns.iter().map(|column| column.name.value.as_str()))?;
        let place = self.place(&seen, &name, create.location.as_deref()).await?;
        let planned = match &create.query {
            Some(query) => Some(self.plan(ParsedStatement::clone(query), scope.clone()).await?),
            None => None,
        };
        let columns = match &planned {
            Some(planned) => Schema::clone(planned.plan.schema().as_arrow()),
            None => declared_columns(&state, &create.columns).await?,
        };
        check_named_once(columns.fields().iter().map(|field| field.name().as_str()))?;
        let columns = Arc::new(storable(&columns)?);
        let partitions = partitions(&columns, &create.partitioned_by)?;
        let log =
            DeltaLog::in_session(&state, place.root.clone())?.written_by(&session.principal.name);
        let written = match planned {
            Some(planned) => {
                let sink = (&columns, partitions.as_slice());
                Some(self.first_rows(planned, log.root(), sink, &scope, guard).await?)
            }
            None => None,
        };
        let entry = entry(&place, &columns, &partitions, sql);
        let kind = DatasetKind::Table(entry);
        let mut dataset = NewDataset::new(&*name.catalog, &*name.schema, &*name.table, kind);
        dataset.comment = create.comment.clone();
        // Properties of Delta stand in the log, all others in the catalog, where they can change.
        let (in_the_log, noted) = create
            .properties
            .clone()
            .into_iter()
            .partition(|(name, _)| name.starts_with(IN_THE_LOG));
        dataset.properties = noted;
        let table = NewTable { columns, partitions, properties: in_the_log };
        let (catalog, commits) = (self.changing(session), Arc::clone(&self.commits));
        let cleaning = self.removal(&log);
        let if_not_exists = create.if_not_exists;
        self.background
            .settle(async move {
                let (files, rows, mut unfinished) = match written {
                    Some(Written { files, rows, unfinished }) => (files, rows, Some(unfinished)),
                    None => (Vec::new(), 0, None),
                };
                let paths: Vec<_> = files.iter().map(|file| file.path.clone()).collect();
                if let Err(error) = commits.create(&log, table, files).await {
                    // The store may have the commit, which names these files.
                    let is_unclear = matches!(error, lakegate_lake::Error::CommitFailed { .. });
                    if let Some(unfinished) = unfinished.as_mut().filter(|_| is_unclear) {
                        unfinished.leave();
                    }
                    return Err(error.into());
                }
                if let Err(error) = catalog.create_dataset(&dataset, OnExisting::Fail).await {
                    cleaning.remove().await;
                    // Somebody else made it meanwhile.
                    let is_there = matches!(error, CatalogError::AlreadyExists { .. });
                    return if is_there && if_not_exists { Ok(0) } else { Err(error.into()) };
                }
                if let Some(unfinished) = &mut unfinished {
                    unfinished.keep(paths.into_iter());
                }
                Ok(rows)
            })
            .await
    }

    async fn first_rows(
        &self,
        planned: Planned,
        root: &TableRoot,
        (columns, partitions): (&SchemaRef, &[usize]),
        scope: &Scope,
        guard: &QueryGuard,
    ) -> Result<Written, Error> {
        let write = Arc::new(FileWrite {
            root: root.clone(),
            stem: stem(guard.record().id()),
            layout: FileLayout::Own,
            columns: Arc::clone(columns),
            partitions: partitions.to_vec(),
            format: FileFormat::PARQUET,
            limits: self.config.write_limits,
        });
        let sources = (0..columns.fields().len()).map(Some).collect();
        let sink = Sink::new(sources, Arc::clone(&write));
        self.write_files(planned, sink, &write, scope.settings.clone(), guard).await
    }

    /// An empty location that the statement names, or a new folder where the project has its tables.
    async fn place(
        &self,
        seen: &VisibleSnapshot,
        name: &ResolvedTableReference,
        location: Option<&str>,
    ) -> Result<Place, Error> {
        let Some(location) = location else {
            let project = seen.resolve_project(&name.catalog)?;
            return Ok(Place { root: self.managed_root(project)?, is_managed: true });
        };
        let location = Location::read(location)?;
        self.check_place(seen, Privilege::Write, &location, Reach::Below).await?;
        let root = TableRoot::parse(location.as_str())?.followed();
        // What lies there is somebody's, and would go with the table if it could not be made.
        if !self.is_empty(&root).await? {
            return Err(Error::PlaceTaken { location: location.as_str().to_string() });
        }
        Ok(Place { root, is_managed: false })
    }
}

/// Refuses columns whose names differ in case at most: to a Delta table they are one.
fn check_named_once<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), Error> {
    let mut seen = HashSet::new();
    for name in names {
        if !seen.insert(name.to_lowercase()) {
            return Err(Error::ColumnTwice { column: name.to_string() });
        }
    }
    Ok(())
}

fn already_exists(name: &ResolvedTableReference) -> Error {
    let name = name.to_string();
    CatalogError::AlreadyExists { noun: "table", name }.into()
}

/// The columns of a statement that declares them.
async fn declared_columns(state: &SessionState, columns: &[ColumnDef]) -> Result<Schema, Error> {
    let name = vec![Ident::new("declared")].into();
    let create = CreateTableBuilder::new(name).columns(columns.to_vec()).build();
    let parsed = ParsedStatement::Statement(Box::new(Sql::CreateTable(create)));
    match state.statement_to_plan(parsed).await.map_err(Error::Planning)? {
        LogicalPlan::Ddl(DdlStatement::CreateMemoryTable(create)) => {
            Ok(Schema::clone(create.input.schema().as_arrow()))
        }
        _ => Err(unsupported("this form of CREATE TABLE", "CREATE TABLE name (column type, …)")),
    }
}

fn entry(place: &Place, columns: &SchemaRef, partitions: &[usize], sql: &str) -> Entry {
    let partitions = partitions.iter().map(|column| columns.field(*column));
    Entry {
        format: EntryFormat::Delta,
        is_managed: place.is_managed,
        location: place.root.url().to_string(),
        partition_columns: partitions
            .map(|field| (field.name().clone(), field.data_type().to_string()))
            .collect(),
        options: Default::default(),
        columns_ipc: schema::encode(&schema::canonical(columns)),
        definition: sql.to_string(),
    }
}
