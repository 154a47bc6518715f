//! The names that a statement's planner sees: one catalog snapshot, the tables it uses resolved.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, SchemaProvider, Session, TableFunction, TableProvider,
};
use datafusion::common::ResolvedTableReference;
use datafusion::common::{DataFusionError, Result, internal_err};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use lakegate_catalog::{
    Dataset, DatasetKind, DatasetType, INFORMATION_SCHEMA, SYSTEM_SCHEMA, VisibleSnapshot,
};
use lakegate_engine::schema;

use super::declared::{columns, may_see_definition};
use super::information_schema::InformationSchema;
use crate::query::system::{table_columns, table_names};

/// The catalog as one statement sees it.
#[derive(Clone)]
pub(in crate::query) struct NameScope {
    snapshot: VisibleSnapshot,
    resolved: Arc<HashMap<ResolvedTableReference, Arc<dyn TableProvider>>>,
    table_functions: HashMap<String, Arc<TableFunction>>,
}

impl NameScope {
    pub(in crate::query) fn new(
        snapshot: VisibleSnapshot,
        resolved: HashMap<ResolvedTableReference, Arc<dyn TableProvider>>,
    ) -> Self {
        Self { snapshot, resolved: Arc::new(resolved), table_functions: HashMap::new() }
    }

    /// With these functions among those that are listed.
    pub(in crate::query) fn with_table_functions(
        self,
        table_functions: HashMap<String, Arc<TableFunction>>,
    ) -> Self {
        Self { table_functions, ..self }
    }

    /// Whether a table that the statement uses has its name in this schema.
    fn holds(&self, project: &str, schema: &str) -> bool {
        self.resolved.keys().any(|name| &*name.catalog == project && &*name.schema == schema)
    }

    /// A table that the statement uses.
    fn resolved(&self, project: &str, schema: &str, name: &str) -> Option<Arc<dyn TableProvider>> {
        let (catalog, schema, table) = (project.into(), schema.into(), name.into());
        self.resolved.get(&ResolvedTableReference { catalog, schema, table }).map(Arc::clone)
    }
}

impl std::fmt::Debug for NameScope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NameScope").field("tables", &self.resolved.len()).finish()
    }
}

impl CatalogProviderList for NameScope {
    fn register_catalog(
        &self,
        _name: String,
        _catalog: Arc<dyn CatalogProvider>,
    ) -> Option<Arc<dyn CatalogProvider>> {
        None
    }

    fn catalog_names(&self) -> Vec<String> {
        self.snapshot.projects().map(|project| project.name.clone()).collect()
    }

    fn catalog(&self, name: &str) -> Option<Arc<dyn CatalogProvider>> {
        // Every project has an `information_schema`, also one that the caller sees nothing of, which
        // looks like one that is not there.
        Some(Arc::new(ProjectScope { scope: self.clone(), project: name.to_string() }))
    }
}

#[derive(Debug)]
struct ProjectScope {
    scope: NameScope,
    project: String,
}

impl CatalogProvider for ProjectScope {
    fn schema_names(&self) -> Vec<String> {
        let schemas = self.scope.snapshot.schemas(&self.project);
        let own = std::iter::once(SYSTEM_SCHEMA.to_string());
        schemas.map(|schema| schema.name.clone()).chain(own).collect()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        if name == INFORMATION_SCHEMA {
            let table_functions = self.scope.table_functions.clone();
            let names = Arc::new(self.scope.clone());
            return Some(Arc::new(InformationSchema::new(names, table_functions)));
        }
        if name == SYSTEM_SCHEMA {
            let (scope, project) = (self.scope.clone(), self.project.clone());
            return Some(Arc::new(SystemScope { scope, project }));
        }
        let is_seen = self.scope.snapshot.schema(&self.project, name).is_some();
        if !is_seen && !self.scope.holds(&self.project, name) {
            return None;
        }
        Some(Arc::new(SchemaScope {
            scope: self.scope.clone(),
            project: self.project.clone(),
            schema: name.to_string(),
        }))
    }
}

#[derive(Debug)]
struct SchemaScope {
    scope: NameScope,
    project: String,
    schema: String,
}

impl SchemaScope {
    fn dataset(&self, name: &str) -> Option<&Arc<Dataset>> {
        self.scope.snapshot.dataset(&self.project, &self.schema, name)
    }
}

#[async_trait]
impl SchemaProvider for SchemaScope {
    fn table_names(&self) -> Vec<String> {
        let datasets = self.scope.snapshot.datasets(&self.project, &self.schema);
        // A volume has files and no rows.
        datasets
            .filter(|dataset| dataset.kind.dataset_type() != DatasetType::Volume)
            .map(|dataset| dataset.name.clone())
            .collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if let Some(table) = self.scope.resolved(&self.project, &self.schema, name) {
            return Ok(Some(table));
        }
        // Only information_schema asks for tables that the statement does not name: it reads
        // columns and definitions, never rows.
        Ok(self
            .dataset(name)
            .and_then(|dataset| {
                let may_see = may_see_definition(&self.scope.snapshot, dataset);
                Described::of(dataset, may_see).ok()
            })
            .map(|table| Arc::new(table) as _))
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>> {
        Ok(self.dataset(name).map(|dataset| match dataset.kind {
            DatasetKind::View(_) => TableType::View,
            DatasetKind::Table(_) | DatasetKind::Volume(_) => TableType::Base,
        }))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.dataset(name).is_some()
    }
}

/// The schema `system`, which every project has.
#[derive(Debug)]
struct SystemScope {
    scope: NameScope,
    project: String,
}

#[async_trait]
impl SchemaProvider for SystemScope {
    fn table_names(&self) -> Vec<String> {
        table_names().map(str::to_string).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if let Some(table) = self.scope.resolved(&self.project, SYSTEM_SCHEMA, name) {
            return Ok(Some(table));
        }
        let columns = table_columns(name, &self.scope.snapshot)
            .map_err(|error| DataFusionError::External(Box::new(error)))?;
        Ok(columns.map(|schema| {
            let kind = TableType::View;
            Arc::new(Described { schema, kind, definition: None }) as _
        }))
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>> {
        Ok(self.table_exist(name).then_some(TableType::View))
    }

    fn table_exist(&self, name: &str) -> bool {
        table_names().any(|known| known == name)
    }
}

/// A dataset's columns, and a view's definition for those who may see it, without its rows.
#[derive(Debug)]
struct Described {
    schema: SchemaRef,
    kind: TableType,
    definition: Option<String>,
}

impl Described {
    fn of(dataset: &Dataset, may_see: bool) -> std::result::Result<Self, crate::query::Error> {
        let schema = schema::canonical(columns(dataset)?.as_ref());
        let (kind, definition) = match &dataset.kind {
            DatasetKind::Table(_) | DatasetKind::Volume(_) => (TableType::Base, None),
            DatasetKind::View(view) => (TableType::View, may_see.then(|| view.sql.clone())),
        };
        Ok(Self { schema, kind, definition })
    }
}

#[async_trait]
impl TableProvider for Described {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        self.kind
    }

    fn get_table_definition(&self) -> Option<&str> {
        self.definition.as_deref()
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        _projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        internal_err!("a dataset that was only described was scanned")
    }
}
