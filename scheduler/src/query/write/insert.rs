//! `INSERT INTO` and `INSERT OVERWRITE`.

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::common::{ResolvedTableReference, TableReference};
use datafusion::sql::parser::Statement as ParsedStatement;
use lakegate_catalog::{DatasetId, Object, Privilege};
use lakegate_engine::statement::keep_exact_rows;
use lakegate_lake::Format;
use lakegate_lake::delta::{DeltaLog, Overwriting, TableRoot};
use lakegate_lake::write::{FileFormat, FileLayout, FileWrite};

use super::sink::{Sink, sources};
use crate::query::command::unsupported;
use crate::query::names::{Declared, absolute, declared};
use crate::query::registry::QueryGuard;
use crate::query::service::QueryService;
use crate::query::statement::Scope;
use crate::query::{Error, QueryId};
use crate::session::Session;

/// Where rows go.
pub(super) struct Destination<'a> {
    pub(super) table: &'a TableReference,
    /// The columns that they are for; all when empty.
    pub(super) columns: &'a [String],
    /// Whether they take the place of all that are there.
    pub(super) overwrite: bool,
}

/// A table whose rows a statement changes.
pub(super) struct Target {
    pub(super) name: ResolvedTableReference,
    pub(super) id: DatasetId,
    pub(super) location: String,
    /// Its columns as the catalog knows them.
    pub(super) schema: SchemaRef,
    pub(super) log: DeltaLog,
}

impl QueryService {
    pub(super) async fn insert(
        &self,
        session: &Arc<Session>,
        into: Destination<'_>,
        query: &ParsedStatement,
        guard: &QueryGuard,
    ) -> Result<u64, Error> {
        let scope = Scope::of(session);
        let settings = scope.settings.clone();
        let Target { name, id, location, schema, log } =
            self.target(session, &scope, into.table, "INSERT into").await?;
        let mut query = query.clone();
        keep_exact_rows(&mut query, &types_of(&schema, into.columns));
        let planned = self.plan(query, scope).await?;
        let is_blind = !planned.versions.reads(log.root());
        let read = planned.versions.taken(log.root()).map(|state| state.version());
        let base = planned.versions.of(&log).await?;
        self.commits.check_writable(&log, &base).await?;
        if into.overwrite {
            self.commits.check_replaceable(&base)?;
        }
        let shown = base.schema().taken_columns();
        let sources = sources(&shown, into.columns, planned.plan.schema())?;
        let write = Arc::new(FileWrite {
            root: log.root().clone(),
            stem: stem(guard.record().id()),
            layout: FileLayout::Own,
            columns: base.schema().written_columns(log.root())?,
            partitions: base.schema().partitions().to_vec(),
            format: FileFormat::PARQUET,
            limits: self.config.write_limits,
        });
        let sink = Sink::new(sources, Arc::clone(&write));
        let mut written = self.write_files(planned, sink, &write, settings, guard).await?;
        let (rows, overwrite) = (written.rows, into.overwrite);
        let (catalog, commits) = (self.catalog.clone(), Arc::clone(&self.commits));
        self.background
            .settle(async move {
                check_still_there(&catalog, id, &location, &name.to_string()).await?;
                let paths: Vec<_> = written.files.iter().map(|file| file.path.clone()).collect();
                let files = written.files;
                let committed = match overwrite {
                    true => commits.overwrite(&log, &base, files, read, Overwriting::Insert).await,
                    false => commits.append(&log, &base, files, is_blind).await,
                };
                match committed {
                    Ok(version) => {
                        tracing::debug!(table = %name, version, rows, "committed");
                        written.unfinished.keep(paths.into_iter());
                        Ok(rows)
                    }
                    Err(error) => {
                        if matches!(error, lakegate_lake::Error::CommitFailed { .. }) {
                            written.unfinished.leave();
                        }
                        Err(error.into())
                    }
                }
            })
            .await
    }

    /// The table of a statement that changes its rows in the name of the session's user.
    ///
    /// # Errors
    /// There is none, it has no log, or the principal may not modify it.
    pub(super) async fn target(
        &self,
        session: &Session,
        scope: &Scope,
        table: &TableReference,
        verb: &str,
    ) -> Result<Target, Error> {
        let state = self.state(scope);
        let name = absolute(&state, table.clone());
        let seen = self.seen_by(scope.principal).await?;
        let dataset = seen.resolve(&name.catalog, &name.schema, &name.table)?;
        seen.check_object(Privilege::Modify, Object::Dataset(dataset.id), &name)?;
        seen.check_writing_files(dataset)?;
        let target = match declared(dataset)? {
            Declared::Table(target) if target.format == Format::Delta => target,
            Declared::Table(_) => {
                return Err(unsupported(
                    &format!("{verb} a table that is no Delta table"),
                    "COPY … TO a folder below its location adds files to it",
                ));
            }
            Declared::View(_) => {
                return Err(unsupported(&format!("{verb} a view"), "name a table"));
            }
        };
        let location = target.location.as_str().to_string();
        let log = DeltaLog::in_session(&state, TableRoot::parse(&location)?)?
            .written_by(&session.principal.name);
        Ok(Target { name, id: dataset.id, location, schema: target.schema, log })
    }
}

/// The types of the columns that rows are for; no more than are found.
fn types_of(table: &Schema, named: &[String]) -> Vec<DataType> {
    match named {
        [] => table.fields().iter().map(|field| field.data_type().clone()).collect(),
        named => named
            .iter()
            .map_while(|name| table.field_with_name(name).ok())
            .map(|field| field.data_type().clone())
            .collect(),
    }
}

/// The first part of the names of a statement's files.
pub(super) fn stem(id: QueryId) -> String {
    format!("lakegate-{id}")
}

/// The table may have been dropped while rows for it were written.
pub(super) async fn check_still_there(
    catalog: &lakegate_catalog::Catalog,
    id: DatasetId,
    location: &str,
    name: &str,
) -> Result<(), Error> {
    let snapshot = catalog.snapshot().await?;
    let is_there = snapshot.dataset_by_id(id).is_some_and(|dataset| {
        matches!(&dataset.kind, lakegate_catalog::DatasetKind::Table(table) if table.location == location)
    });
    if is_there { Ok(()) } else { Err(Error::TableGone { name: name.to_string() }) }
}
