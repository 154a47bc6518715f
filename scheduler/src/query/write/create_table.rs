//! `CREATE TABLE`, with or without rows.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};
use datafusion::common::ResolvedTableReference;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{DdlStatement, LogicalPlan};
use datafusion::sql::parser::Statement as ParsedStatement;
use datafusion::sql::sqlparser::ast::helpers::stmt_create_table::CreateTableBuilder;
use datafusion::sql::sqlparser::ast::{ColumnDef, ColumnOption, Ident, Statement as Sql};
use lakegate_catalog::{
    DatasetKind, Error as CatalogError, FileFormat as EntryFormat, NewDataset, ObjectName,
    OnExisting, Privilege, Table as Entry, VisibleSnapshot,
};
use lakegate_engine::schema;
use lakegate_engine::statement::CreateTable;
use lakegate_lake::Location;
use lakegate_lake::delta::{
    COLUMN_COMMENT, DeltaLog, NewTable, TableRoot, TakenVersions, storable,
};
use lakegate_lake::write::{FileFormat, FileLayout, FileWrite};

use super::files::Written;
use super::insert::stem;
use super::sink::{Sink, partitions};
use crate::query::Error;
use crate::query::bounds::Reach;
use crate::query::command::unsupported;
use crate::query::names::absolute;
use crate::query::properties::IN_THE_LOG;
use crate::query::registry::QueryGuard;
use crate::query::service::QueryService;
use crate::query::statement::{Planned, Scope};
use crate::session::Session;

/// Where a new table lies.
pub(super) struct Place {
    /// Without links.
    pub(super) root: TableRoot,
    /// The same as it is named: locations are looked up by names.
    pub(super) location: String,
    pub(super) is_managed: bool,
}

/// A statement that makes a table, and for whom.
pub(super) struct Making<'a> {
    pub(super) create: &'a CreateTable,
    pub(super) sql: &'a str,
    pub(super) scope: Scope,
    pub(super) state: Arc<SessionState>,
    pub(super) name: ResolvedTableReference,
    pub(super) guard: &'a QueryGuard,
}

/// What a new table is made of: its columns, and its first rows, which are written already.
pub(super) struct Contents {
    columns: SchemaRef,
    partitions: Vec<usize>,
    pub(super) written: Option<Written>,
    versions: Option<Arc<TakenVersions>>,
}

impl Contents {
    /// The version of the table at `root` that the rows were made of, if they were.
    pub(super) fn read_of(&self, root: &TableRoot) -> Option<u64> {
        self.versions.as_ref()?.taken(root).map(|state| state.version())
    }
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
        let making = Making { create, sql, scope, state, name, guard };
        let name = &making.name;
        let in_schema = ObjectName::schema(&*name.catalog, &*name.schema);
        seen.check(Privilege::Create, &in_schema)?;
        match seen.dataset(&name.catalog, &name.schema, &name.table) {
            Some(_) if create.if_not_exists => Ok(0),
            Some(there) if create.or_replace => {
                self.replace_table(session, &making, &seen, there).await
            }
            Some(_) => Err(already_exists(name)),
            None => {
                let place = self.place(&seen, name, create.location.as_deref()).await?;
                self.create_new_table(session, &making, place).await
            }
        }
    }

    async fn create_new_table(
        &self,
        session: &Arc<Session>,
        making: &Making<'_>,
        place: Place,
    ) -> Result<u64, Error> {
        let contents = self.contents(making, &place.root).await?;
        let (dataset, table) = described(making, &place, &contents);
        let log =
            DeltaLog::in_session(&making.state, place.root)?.written_by(&session.principal.name);
        let (catalog, commits) = (self.changing(session), Arc::clone(&self.commits));
        let cleaning = self.removal(&log);
        let if_not_exists = making.create.if_not_exists;
        self.background
            .settle(async move {
                let (files, rows, mut unfinished) = Written::parts(contents.written);
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

    /// Works out the columns of a new table at `root` and writes its first rows there.
    pub(super) async fn contents(
        &self,
        making: &Making<'_>,
        root: &TableRoot,
    ) -> Result<Contents, Error> {
        let Making { create, scope, state, .. } = making;
        check_names_are_known(create)?;
        check_named_once(create.columns.iter().map(|column| column.name.value.as_str()))?;
        let planned = match &create.query {
            Some(query) => Some(self.plan(ParsedStatement::clone(query), scope.clone()).await?),
            None => None,
        };
        let columns = match &planned {
            // What files say about columns is not what the statement says.
            Some(planned) => without_metadata(planned.plan.schema().as_arrow()),
            None => declared_columns(state, &create.columns).await?,
        };
        check_named_once(columns.fields().iter().map(|field| field.name().as_str()))?;
        let columns = Arc::new(storable(&columns)?);
        let partitions = partitions(&columns, &create.partitioned_by)?;
        let versions = planned.as_ref().map(|planned| Arc::clone(&planned.versions));
        let written = match planned {
            Some(planned) => {
                let sink = (&columns, partitions.as_slice());
                Some(self.first_rows(planned, root, sink, scope, making.guard).await?)
            }
            None => None,
        };
        Ok(Contents { columns, partitions, written, versions })
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
            let root = self.managed_root(project)?;
            return Ok(Place { location: root.url().to_string(), root, is_managed: true });
        };
        let location = Location::read(location)?;
        self.check_place(seen, Privilege::Write, &location, Reach::Below).await?;
        let named = TableRoot::parse(location.as_str())?;
        let (location, root) = (named.url().to_string(), named.followed());
        // What lies there is somebody's, and would go with the table if it could not be made.
        if !self.is_empty(&root).await? {
            return Err(Error::PlaceTaken { location });
        }
        Ok(Place { root, location, is_managed: false })
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

/// A new table as the catalog and as its log are to have it.
pub(super) fn described(
    making: &Making<'_>,
    place: &Place,
    contents: &Contents,
) -> (NewDataset, NewTable) {
    let (columns, partitions) = (&contents.columns, contents.partitions.clone());
    let kind = DatasetKind::Table(entry(place, columns, &partitions, making.sql));
    let name = &making.name;
    let mut dataset = NewDataset::new(&*name.catalog, &*name.schema, &*name.table, kind);
    dataset.comment = making.create.comment.clone();
    // Properties of Delta stand in the log, all others in the catalog, where they can change.
    let properties = making.create.properties.clone().into_iter();
    let (in_the_log, noted) = properties.partition(|(name, _)| name.starts_with(IN_THE_LOG));
    dataset.properties = noted;
    (dataset, NewTable { columns: Arc::clone(columns), partitions, properties: in_the_log })
}

fn already_exists(name: &ResolvedTableReference) -> Error {
    let name = name.to_string();
    CatalogError::AlreadyExists { noun: "table", name }.into()
}

/// The columns of a statement that declares them.
pub(in crate::query) async fn declared_columns(
    state: &SessionState,
    columns: &[ColumnDef],
) -> Result<Schema, Error> {
    let name = vec![Ident::new("declared")].into();
    let create = CreateTableBuilder::new(name).columns(columns.to_vec()).build();
    let parsed = ParsedStatement::Statement(Box::new(Sql::CreateTable(create)));
    match state.statement_to_plan(parsed).await.map_err(Error::Planning)? {
        LogicalPlan::Ddl(DdlStatement::CreateMemoryTable(create)) => {
            let fields = create.input.schema().fields().iter().zip(columns);
            Ok(Schema::new(
                fields.map(|(field, column)| commented(field, column)).collect::<Vec<_>>(),
            ))
        }
        _ => Err(unsupported("this form of CREATE TABLE", "CREATE TABLE name (column type, …)")),
    }
}

/// The names that files have for columns are given when the log is made, after the first rows.
fn check_names_are_known(create: &CreateTable) -> Result<(), Error> {
    let has_other_names = create.properties.iter().any(|(name, value)| {
        let is_mapped = name == "delta.columnMapping.mode" && value != "none";
        is_mapped || (name.starts_with("delta.enableIcebergCompat") && value == "true")
    });
    if create.query.is_some() && has_other_names {
        return Err(unsupported(
            "rows in the CREATE TABLE of a table with column mapping",
            "CREATE TABLE name (column type, …), then INSERT",
        ));
    }
    Ok(())
}

fn without_metadata(columns: &Schema) -> Schema {
    let fields = columns.fields().iter();
    let plain = fields.map(|field| Field::clone(field).with_metadata(Default::default()));
    Schema::new(plain.collect::<Vec<_>>())
}

/// The field with what the declaration says about it.
fn commented(field: &FieldRef, column: &ColumnDef) -> FieldRef {
    let comment = column.options.iter().find_map(|option| match &option.option {
        ColumnOption::Comment(text) => Some((COLUMN_COMMENT.to_string(), text.clone())),
        _ => None,
    });
    Arc::new(Field::clone(field).with_metadata(comment.into_iter().collect()))
}

fn entry(place: &Place, columns: &SchemaRef, partitions: &[usize], sql: &str) -> Entry {
    let partitions = partitions.iter().map(|column| columns.field(*column));
    Entry {
        format: EntryFormat::Delta,
        is_managed: place.is_managed,
        location: place.location.clone(),
        partition_columns: partitions
            .map(|field| (field.name().clone(), field.data_type().to_string()))
            .collect(),
        options: Default::default(),
        columns_ipc: schema::encode(&schema::canonical(columns)),
        definition: sql.to_string(),
    }
}
