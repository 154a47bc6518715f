//! `information_schema`: DataFusion's tables over the names of one statement, views put right.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::information_schema::InformationSchemaProvider;
use datafusion::catalog::view::ViewTable;
use datafusion::catalog::{CatalogProviderList, SchemaProvider, TableFunction, TableProvider};
use datafusion::common::Result;
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{LogicalPlanBuilder, col};
use lakegate_catalog::VisibleSnapshot;

use super::NameScope;

const VIEWS: &str = "views";

/// The schema of that name, which every project has.
#[derive(Debug)]
pub(super) struct InformationSchema {
    tables: InformationSchemaProvider,
}

impl InformationSchema {
    pub(super) fn new(
        names: Arc<dyn CatalogProviderList>,
        table_functions: HashMap<String, Arc<TableFunction>>,
    ) -> Self {
        let tables = InformationSchemaProvider::new(names);
        Self { tables: tables.with_table_functions(table_functions) }
    }
}

/// The columns of the table of `information_schema` with this name; `None` where there is none.
///
/// # Errors
/// The engine's own.
pub(in crate::query) async fn information_schema_columns(
    name: &str,
    seen: &VisibleSnapshot,
) -> Result<Option<SchemaRef>> {
    let names = NameScope::new(seen.clone(), HashMap::new());
    let table = InformationSchema::new(Arc::new(names), HashMap::new()).table(name).await?;
    Ok(table.map(|table| table.schema()))
}

#[async_trait]
impl SchemaProvider for InformationSchema {
    fn table_names(&self) -> Vec<String> {
        self.tables.table_names()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let Some(table) = self.tables.table(name).await? else { return Ok(None) };
        if name != VIEWS {
            return Ok(Some(table));
        }
        // As it comes it lists every dataset, those that are no views without a definition.
        let every = LogicalPlanBuilder::scan(VIEWS, provider_as_source(table), None)?;
        let plan = every.filter(col("definition").is_not_null())?.build()?;
        Ok(Some(Arc::new(ViewTable::new(plan, None))))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.tables.table_exist(name)
    }
}
