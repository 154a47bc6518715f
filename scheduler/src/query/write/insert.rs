//! `INSERT INTO`.

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema};
use datafusion::common::TableReference;
use datafusion::sql::parser::Statement as ParsedStatement;
use lakegate_catalog::{DatasetId, Object, Privilege};
use lakegate_engine::statement::keep_exact_rows;
use lakegate_lake::Format;
use lakegate_lake::delta::{DeltaLog, TableRoot};
use lakegate_lake::write::{FileFormat, FileLayout, FileWrite};

use super::sink::{Sink, sources};
use crate::query::command::unsupported;
use crate::query::names::{Declared, absolute, declared};
use crate::query::registry::QueryGuard;
use crate::query::service::QueryService;
use crate::query::statement::Scope;
use crate::query::{Error, QueryId};
use crate::session::Session;

impl QueryService {
    pub(super) async fn insert(
        &self,
        session: &Arc<Session>,
        table: &TableReference,
        columns: &[String],
        query: &ParsedStatement,
        guard: &QueryGuard,
    ) -> Result<u64, Error> {
        let scope = Scope::of(session);
        let settings = scope.settings.clone();
        let state = self.state(&scope);
        let name = absolute(&state, table.clone());
        let seen = self.seen_by(scope.principal).await?;
        let dataset = seen.resolve(&name.catalog, &name.schema, &name.table)?;
        seen.check_object(Privilege::Modify, Object::Dataset(dataset.id), &name)?;
        seen.check_writing_files(dataset)?;
        let target = match declared(dataset)? {
            Declared::Table(target) if target.format == Format::Delta => target,
            Declared::Table(_) => {
                return Err(unsupported(
                    "INSERT into a table that is no Delta table",
                    "COPY … TO a folder below its location adds files to it",
                ));
            }
            Declared::View(_) => return Err(unsupported("INSERT into a view", "name a table")),
        };
        let mut query = query.clone();
        keep_exact_rows(&mut query, &types_of(&target.schema, columns));
        let planned = self.plan(query, scope).await?;
        let log = DeltaLog::in_session(&state, TableRoot::parse(target.location.as_str())?)?
            .written_by(&session.principal.name);
        let is_blind = !planned.versions.reads(log.root());
        let base = planned.versions.of(&log).await?;
        self.commits.check_writable(&log, &base).await?;
        let shown = base.schema().taken_columns();
        let sources = sources(&shown, columns, planned.plan.schema())?;
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
        let rows = written.rows;
        let (catalog, commits) = (self.catalog.clone(), Arc::clone(&self.commits));
        let (id, location) = (dataset.id, target.location.as_str().to_string());
        self.background
            .settle(async move {
                check_still_there(&catalog, id, &location, &name.to_string()).await?;
                let paths: Vec<_> = written.files.iter().map(|file| file.path.clone()).collect();
                match commits.append(&log, &base, written.files, is_blind).await {
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
async fn check_still_there(
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
