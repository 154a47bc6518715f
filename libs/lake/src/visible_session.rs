//! A session whose listings leave out what is hidden.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{CatalogProviderList, Session};
use datafusion::common::{DFSchema, Result};
use datafusion::config::TableOptions;
use datafusion::execution::TaskContext;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::registry::ExtensionTypeRegistryRef;
use datafusion::logical_expr::{
    AggregateUDF, Expr, HigherOrderUDF, LogicalPlan, ScalarUDF, WindowUDF,
};
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};
use datafusion::prelude::SessionConfig;

use crate::Location;
use crate::store::{SetAside, VisibleStores};

/// A session as a table of files at a location sees it.
pub(crate) struct VisibleSession<'a> {
    inner: &'a dyn Session,
    runtime: Arc<RuntimeEnv>,
    options: TableOptions,
}

impl<'a> VisibleSession<'a> {
    /// For a pattern that itself names what is hidden, nothing is.
    pub(crate) fn at(location: &Location, inner: &'a dyn Session) -> Self {
        Self::over(location, inner, None)
    }

    /// The same, where files in folders of NULL go to `nulls` instead.
    pub(crate) fn without_nulls(
        location: &Location,
        inner: &'a dyn Session,
        nulls: &SetAside,
    ) -> Self {
        Self::over(location, inner, Some(Arc::clone(nulls)))
    }

    fn over(location: &Location, inner: &'a dyn Session, nulls: Option<SetAside>) -> Self {
        let mut runtime = RuntimeEnv::clone(inner.runtime_env());
        runtime.object_store_registry = Arc::new(VisibleStores {
            inner: Arc::clone(&runtime.object_store_registry),
            shows_all: location.names_hidden(),
            nulls,
        });
        Self { inner, runtime: Arc::new(runtime), options: inner.table_options().clone() }
    }
}

#[async_trait]
impl Session for VisibleSession<'_> {
    fn session_id(&self) -> &str {
        self.inner.session_id()
    }

    fn config(&self) -> &SessionConfig {
        self.inner.config()
    }

    fn catalog_list(&self) -> Arc<dyn CatalogProviderList> {
        self.inner.catalog_list()
    }

    async fn create_physical_plan(
        &self,
        logical_plan: &LogicalPlan,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.inner.create_physical_plan(logical_plan).await
    }

    fn create_physical_expr(
        &self,
        expr: Expr,
        df_schema: &DFSchema,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        self.inner.create_physical_expr(expr, df_schema)
    }

    fn scalar_functions(&self) -> &HashMap<String, Arc<ScalarUDF>> {
        self.inner.scalar_functions()
    }

    fn higher_order_functions(&self) -> &HashMap<String, Arc<HigherOrderUDF>> {
        self.inner.higher_order_functions()
    }

    fn aggregate_functions(&self) -> &HashMap<String, Arc<AggregateUDF>> {
        self.inner.aggregate_functions()
    }

    fn window_functions(&self) -> &HashMap<String, Arc<WindowUDF>> {
        self.inner.window_functions()
    }

    fn extension_type_registry(&self) -> &ExtensionTypeRegistryRef {
        self.inner.extension_type_registry()
    }

    fn runtime_env(&self) -> &Arc<RuntimeEnv> {
        &self.runtime
    }

    fn execution_props(&self) -> &ExecutionProps {
        self.inner.execution_props()
    }

    fn as_any(&self) -> &dyn Any {
        self.inner.as_any()
    }

    fn table_options(&self) -> &TableOptions {
        &self.options
    }

    fn table_options_mut(&mut self) -> &mut TableOptions {
        &mut self.options
    }

    fn task_ctx(&self) -> Arc<TaskContext> {
        self.inner.task_ctx()
    }
}
