//! The schema `system`: what the service knows of itself, as tables that show each caller what it may
//! see. Every project has it, as it has `information_schema`.

mod activity;
pub(super) mod columns;
mod governance;
mod period;

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DataFusionError, Result as EngineResult};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use lakegate_catalog::{Catalog, HistoryFilter, PrincipalId, PrincipalType, VisibleSnapshot};
use period::Period;

pub(super) use governance::grants;

use super::{Error, QueryRegistry, Settings};
use crate::durable::Durable;

/// What the tables are made from.
pub(super) struct Sources {
    /// The catalog.
    pub(super) catalog: Catalog,
    /// The queries that run.
    pub(super) registry: Arc<QueryRegistry>,
    /// The executors.
    pub(super) durable: Option<Arc<Durable>>,
}

/// One of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Table {
    Credentials,
    Executors,
    Grants,
    Locations,
    Principals,
    Projects,
    Queries,
    RoleMembers,
    Settings,
    Usage,
    Volumes,
}

impl Table {
    const ALL: [(&'static str, Self); 11] = [
        ("credentials", Self::Credentials),
        ("executors", Self::Executors),
        ("grants", Self::Grants),
        ("locations", Self::Locations),
        ("principals", Self::Principals),
        ("projects", Self::Projects),
        ("queries", Self::Queries),
        ("role_members", Self::RoleMembers),
        ("settings", Self::Settings),
        ("usage", Self::Usage),
        ("volumes", Self::Volumes),
    ];

    fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, table)| *table)
    }

    fn columns(self, seen: &VisibleSnapshot) -> Result<SchemaRef, Error> {
        let nothing = match self {
            Self::Credentials => governance::credentials(std::iter::empty())?,
            Self::Executors => activity::executors(&[])?,
            Self::Grants => grants(std::iter::empty(), seen)?,
            Self::Locations => governance::locations(std::iter::empty(), seen)?,
            Self::Principals => governance::principals(std::iter::empty())?,
            Self::Projects => governance::projects(std::iter::empty())?,
            Self::Queries => activity::running(&[])?,
            Self::RoleMembers => governance::role_members(std::iter::empty(), seen)?,
            Self::Settings => activity::settings(Vec::new())?,
            Self::Usage => activity::usage(&[], seen)?,
            Self::Volumes => governance::volumes(&[], seen)?,
        };
        Ok(nothing.schema())
    }
}

/// The names of the tables, in order.
pub(crate) fn table_names() -> impl Iterator<Item = &'static str> {
    Table::ALL.iter().map(|(name, _)| *name)
}

/// The columns of the table of this name; `None` where there is none.
///
/// # Errors
/// Arrow's own.
pub(crate) fn table_columns(
    name: &str,
    seen: &VisibleSnapshot,
) -> Result<Option<SchemaRef>, Error> {
    Table::named(name).map(|table| table.columns(seen)).transpose()
}

/// The schema as a session's principal sees it.
#[derive(Clone)]
pub(super) struct System {
    /// What the tables are made from.
    pub(super) sources: Arc<Sources>,
    /// The settings of the session.
    pub(super) settings: Settings,
}

impl System {
    /// The table of this name; `None` where there is none.
    ///
    /// # Errors
    /// Arrow's own.
    pub(super) fn table(
        &self,
        name: &str,
        seen: &VisibleSnapshot,
    ) -> Result<Option<Arc<dyn TableProvider>>, Error> {
        let Some(table) = Table::named(name) else { return Ok(None) };
        let schema = table.columns(seen)?;
        let (system, seen) = (self.clone(), seen.clone());
        Ok(Some(Arc::new(SystemTable { table, system, seen, schema })))
    }
}

/// One table as one principal sees it. Its rows are those of the moment in which it is scanned.
struct SystemTable {
    table: Table,
    system: System,
    seen: VisibleSnapshot,
    schema: SchemaRef,
}

impl SystemTable {
    /// The queries of this server, and those of the history that are asked for.
    async fn queries(&self, asked: Asked<'_>) -> Result<Vec<RecordBatch>, Error> {
        let Sources { catalog, registry, .. } = self.system.sources.as_ref();
        let running = registry.work_of(|principal| may_see_work_of(&self.seen, principal));
        let mut rows = vec![activity::running(&running)?];
        if let Some(filter) = own_work(&self.seen) {
            let query = self.schema.index_of(activity::TEXT_COLUMN).map_err(Error::Result)?;
            let without_text = asked.projection.is_some_and(|columns| !columns.contains(&query));
            let filter =
                Period::of_all(asked.conditions).within(HistoryFilter { without_text, ..filter });
            rows.extend(activity::history(catalog, &filter, asked.limit, &running).await?);
        }
        Ok(rows)
    }

    async fn rows(&self, asked: Asked<'_>) -> Result<Vec<RecordBatch>, Error> {
        let seen = &self.seen;
        let Sources { catalog, durable, .. } = self.system.sources.as_ref();
        let rows = match self.table {
            Table::Credentials => governance::credentials(seen.credentials()),
            Table::Executors => {
                let executors = durable.as_ref().map(|durable| durable.executors());
                activity::executors(&executors.unwrap_or_default())
            }
            Table::Grants => grants(seen.grants(), seen),
            Table::Locations => governance::locations(seen.locations(), seen),
            Table::Principals => governance::principals(seen.principals()),
            Table::Projects => governance::projects(seen.projects()),
            Table::Queries => return self.queries(asked).await,
            Table::RoleMembers => governance::role_members(seen.principals(), seen),
            Table::Settings => activity::settings(self.system.settings.show()),
            Table::Usage => {
                let usage = match own_work(seen) {
                    Some(filter) => catalog.usage(&filter).await?,
                    None => Vec::new(),
                };
                activity::usage(&usage, seen)
            }
            Table::Volumes => {
                let schemas = seen.projects().flat_map(|project| {
                    seen.schemas(&project.name).map(move |schema| (&**project, &**schema))
                });
                governance::volumes(&schemas.collect::<Vec<_>>(), seen)
            }
        };
        Ok(vec![rows?])
    }
}

/// What a scan asks for.
#[derive(Clone, Copy)]
struct Asked<'a> {
    projection: Option<&'a Vec<usize>>,
    conditions: &'a [Expr],
    limit: Option<usize>,
}

fn may_see_work_of(seen: &VisibleSnapshot, principal: PrincipalId) -> bool {
    seen.is_admin() || seen.acts_as(principal)
}

/// Of whose queries the history may be shown: an admin sees all, others their own. `None` for a
/// principal that is gone.
fn own_work(seen: &VisibleSnapshot) -> Option<HistoryFilter> {
    let all = HistoryFilter::default();
    if seen.is_admin() {
        return Some(all);
    }
    let own = seen.principals().find(|found| found.principal_type == PrincipalType::User)?;
    Some(HistoryFilter { principal: Some(own.id), ..all })
}

impl std::fmt::Debug for SystemTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SystemTable").field("table", &self.table).finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for SystemTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn supports_filters_pushdown(
        &self,
        conditions: &[&Expr],
    ) -> EngineResult<Vec<TableProviderFilterPushDown>> {
        let narrows =
            |condition: &Expr| self.table == Table::Queries && Period::of(condition).is_some();
        let support = |condition: &&Expr| match narrows(condition) {
            true => TableProviderFilterPushDown::Inexact,
            false => TableProviderFilterPushDown::Unsupported,
        };
        Ok(conditions.iter().map(support).collect())
    }

    async fn scan(
        &self,
        _session: &dyn Session,
        projection: Option<&Vec<usize>>,
        conditions: &[Expr],
        limit: Option<usize>,
    ) -> EngineResult<Arc<dyn ExecutionPlan>> {
        let rows = self.rows(Asked { projection, conditions, limit }).await;
        let rows = rows.map_err(|error| DataFusionError::External(Box::new(error)))?;
        let schema = Arc::clone(&self.schema);
        let rows = MemorySourceConfig::try_new_exec(&[rows], schema, projection.cloned())?;
        Ok(rows)
    }
}
