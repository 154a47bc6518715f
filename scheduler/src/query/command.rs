//! Statements that change the session or the catalog.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::common::{ResolvedTableReference, TableReference};
use datafusion::logical_expr::{DdlStatement, LogicalPlan};
use datafusion::sql::parser::{CreateExternalTable, Statement as ParsedStatement};
use lakegate_catalog::{
    Catalog, DatasetId, DatasetKind, DatasetType, FileFormat, NewDataset, OnContents, OnExisting,
    OnMissing, Privilege, Table as Entry,
};
use lakegate_engine::schema;
use lakegate_engine::statement::{self, Command, DropKind};
use lakegate_lake::{Declaration, ExternalTable, Format, Location};

use super::Error;
use super::bounds::Reach;
use super::governance::commenting;
use super::names::absolute;
use super::service::QueryService;
use super::statement::Scope;
use super::views::with_column_names;
use crate::session::Session;

/// An external table to be made.
pub(super) struct External<'a> {
    pub(super) create: &'a CreateExternalTable,
    /// The statement that is kept as what made it.
    pub(super) definition: &'a str,
    /// What somebody writes about it.
    pub(super) comment: Option<String>,
}

impl QueryService {
    /// Carries `command` out, once.
    pub(super) async fn carry_out(
        &self,
        session: &Arc<Session>,
        command: &Command,
        sql: &str,
    ) -> Result<(), Error> {
        match command {
            Command::Set { key, value } => {
                change_settings(session, |settings| settings.set(key, value))
            }
            Command::Reset(key) => {
                change_settings(session, |settings| settings.reset(key.as_deref()))
            }
            Command::Use(name) => self.use_schema(session, name).await,
            Command::CreateSchema { name, if_not_exists, comment } => {
                let (project, schema) = schema_name(session, name);
                let catalog = commenting(&self.changing(session), comment.as_deref());
                catalog.create_schema(&project, &schema, *if_not_exists).await?;
                Ok(())
            }
            Command::CreateExternalTable { create, comment } => {
                let catalog = self.changing(session);
                let scope = Scope::of(session);
                let noted = External { create, definition: sql, comment: comment.clone() };
                self.create_external_table(&scope, &catalog, noted).await?;
                Ok(())
            }
            Command::CreateView { name, columns, query, or_replace, if_not_exists, comment } => {
                let query = match columns.as_slice() {
                    [] => query.clone(),
                    columns => with_column_names(query, columns),
                };
                self.create_view(
                    Scope::of(session),
                    &self.changing(session),
                    name,
                    query,
                    comment.clone(),
                    on_existing(*or_replace, *if_not_exists),
                )
                .await?;
                Ok(())
            }
            Command::AlterView { name, columns, query } => {
                let query = match columns.as_slice() {
                    [] => query.clone(),
                    columns => with_column_names(query, columns),
                };
                self.alter_view(session, name, query).await
            }
            Command::Drop { kind, names, if_exists, cascade } => {
                let on_missing = if *if_exists { OnMissing::Ignore } else { OnMissing::Fail };
                let contents = if *cascade { OnContents::Cascade } else { OnContents::Refuse };
                let catalog = self.changing(session);
                let dropped: Vec<_> =
                    names.iter().map(|name| self.dropped(session, *kind, name)).collect();
                self.dropping(async move {
                    for dropped in dropped {
                        dropped.drop_from(&catalog, on_missing, contents).await?;
                    }
                    Ok(())
                })
                .await
            }
            Command::Governance(governance) => self.govern(session, governance).await,
            // It runs as a query does, with a place in the queue and an end of its own.
            Command::Write(_) => Ok(()),
        }
    }

    /// The catalog as the session's principal may change it.
    pub(super) fn changing(&self, session: &Session) -> Catalog {
        self.catalog.acting_for(session.principal.id)
    }

    async fn use_schema(&self, session: &Session, name: &TableReference) -> Result<(), Error> {
        let snapshot = self.seen_by(session.principal.id).await?;
        // One part may name a schema of the current project or a project.
        let (project, schema) = match name {
            TableReference::Bare { table }
                if snapshot.schema(&session.project(), table).is_none()
                    && snapshot.project(table).is_some() =>
            {
                (table.to_string(), lakegate_catalog::DEFAULT_SCHEMA.to_string())
            }
            name => schema_name(session, name),
        };
        snapshot.resolve_schema(&project, &schema)?;
        session.use_schema(&project, &schema);
        Ok(())
    }

    /// Makes an external table in `catalog`, a handle of the scope's principal.
    pub(super) async fn create_external_table(
        &self,
        scope: &Scope,
        catalog: &Catalog,
        External { create, definition, comment }: External<'_>,
    ) -> Result<DatasetId, Error> {
        let state = self.state(scope);
        let parsed = ParsedStatement::CreateExternalTable(create.clone());
        let plan = state.statement_to_plan(parsed).await.map_err(Error::Planning)?;
        let LogicalPlan::Ddl(DdlStatement::CreateExternalTable(ddl)) = plan else {
            return Err(unsupported(
                "this form of CREATE EXTERNAL TABLE",
                "CREATE EXTERNAL TABLE name STORED AS format LOCATION 'where'",
            ));
        };
        let [location] = ddl.locations.as_slice() else {
            return Err(unsupported(
                "CREATE EXTERNAL TABLE with several locations",
                "name the files with a glob",
            ));
        };
        if ddl.unbounded || ddl.temporary {
            return Err(unsupported(
                "an unbounded or temporary external table",
                "leave the word out",
            ));
        }
        let name = absolute(&state, ddl.name.clone());
        let on_existing = on_existing(ddl.or_replace, ddl.if_not_exists);
        let seen = self.seen_by(scope.principal).await?;
        let there = seen.dataset(&name.catalog, &name.schema, &name.table);
        // The files of what is kept are not looked at.
        if let (OnExisting::Keep, Some(there)) = (on_existing, there) {
            return Ok(there.id);
        }
        let location = Location::read(location)?;
        // Before anything is looked at that lies there.
        self.check_place(&seen, Privilege::Read, &location, Reach::Below).await?;
        let declaration = Declaration {
            format: ddl.file_type.parse()?,
            location: location.existing()?,
            columns: ddl.schema.as_arrow().clone(),
            partition_columns: ddl.table_partition_cols.clone(),
            options: ddl
                .options
                .iter()
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect::<BTreeMap<_, _>>(),
        };
        let table = ExternalTable::discover(&state, &self.delta, declaration).await?;
        let kind = DatasetKind::Table(entry_of(&table, definition));
        let mut dataset = NewDataset::new(&*name.catalog, &*name.schema, &*name.table, kind);
        dataset.comment = comment;
        if on_existing != OnExisting::Replace {
            return Ok(catalog.create_dataset(&dataset, on_existing).await?.id());
        }
        let catalog = catalog.clone();
        let replaced =
            async move { Ok(catalog.create_dataset(&dataset, OnExisting::Replace).await?.id()) };
        self.dropping(replaced).await
    }

    /// The whole name of what a statement drops.
    fn dropped(&self, session: &Session, kind: DropKind, name: &TableReference) -> Dropped {
        if kind == DropKind::Schema {
            let (project, schema) = schema_name(session, name);
            return Dropped::Schema { project, schema };
        }
        let expected = if kind == DropKind::View { DatasetType::View } else { DatasetType::Table };
        let name = absolute(&self.state(&Scope::of(session)), name.clone());
        Dropped::Dataset { name, expected }
    }
}

/// What a statement drops.
enum Dropped {
    Schema { project: String, schema: String },
    Dataset { name: ResolvedTableReference, expected: DatasetType },
}

impl Dropped {
    async fn drop_from(
        &self,
        catalog: &Catalog,
        on_missing: OnMissing,
        contents: OnContents,
    ) -> Result<(), Error> {
        match self {
            Self::Schema { project, schema } => {
                catalog.drop_schema(project, schema, on_missing, contents).await?;
            }
            Self::Dataset { name, expected } => {
                let (project, schema, table) = (&name.catalog, &name.schema, &name.table);
                catalog.drop_dataset(project, schema, table, *expected, on_missing).await?;
            }
        }
        Ok(())
    }
}

/// Changes the session's settings as a whole or not at all.
fn change_settings(
    session: &Session,
    change: impl FnOnce(&mut super::Settings) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut settings = session.settings();
    change(&mut settings)?;
    session.update_settings(|current| *current = settings);
    Ok(())
}

fn on_existing(or_replace: bool, if_not_exists: bool) -> OnExisting {
    match (or_replace, if_not_exists) {
        (true, _) => OnExisting::Replace,
        (false, true) => OnExisting::Keep,
        (false, false) => OnExisting::Fail,
    }
}

/// Project and schema that a name of a schema means.
pub(super) fn schema_name(session: &Session, name: &TableReference) -> (String, String) {
    let project = name.schema().map_or_else(|| session.project(), str::to_string);
    (project, name.table().to_string())
}

fn entry_of(table: &ExternalTable, definition: &str) -> Entry {
    let first_partition = table.schema.fields().len() - table.partition_columns;
    let partitions = table.schema.fields()[first_partition..].iter();
    Entry {
        format: match table.format {
            Format::Parquet => FileFormat::Parquet,
            Format::Csv => FileFormat::Csv,
            Format::Json => FileFormat::Json,
            Format::Arrow => FileFormat::Arrow,
            Format::Delta => FileFormat::Delta,
        },
        is_managed: false,
        location: table.location.as_str().to_string(),
        partition_columns: partitions
            .map(|field| (field.name().clone(), field.data_type().to_string()))
            .collect(),
        options: table.options.clone(),
        columns_ipc: schema::encode(&table.schema),
        definition: definition.to_string(),
    }
}

pub(super) fn unsupported(what: &str, instead: &'static str) -> Error {
    Error::Statement(statement::Error::Unsupported {
        what: what.to_string(),
        instead: Some(instead),
    })
}
