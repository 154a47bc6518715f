//! What DESCRIBE and SHOW tell of: datasets, and the tables that the service has of its own.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::{ResolvedTableReference, TableReference};
use lakegate_catalog::{Dataset, DatasetType, INFORMATION_SCHEMA, SYSTEM_SCHEMA, VisibleSnapshot};
use lakegate_common::nearest::nearest;

use super::Error;
use super::names::{absolute, information_schema_columns};
use super::service::QueryService;
use super::statement::Scope;
use super::system::{table_columns, table_names};

/// What a name means.
pub(super) enum Described {
    /// A dataset of the catalog.
    Dataset(Arc<Dataset>),
    /// A table of `system` or `information_schema`, by its columns.
    Own(SchemaRef),
}

impl QueryService {
    /// What `name` means in a scope, with its full name.
    ///
    /// # Errors
    /// Nothing visible has the name.
    pub(super) async fn described(
        &self,
        scope: &Scope,
        seen: &VisibleSnapshot,
        name: &TableReference,
    ) -> Result<(ResolvedTableReference, Described), Error> {
        let name = absolute(&self.state(scope), name.clone());
        let own = match &*name.schema {
            SYSTEM_SCHEMA => table_columns(&name.table, seen)?,
            INFORMATION_SCHEMA => {
                information_schema_columns(&name.table, seen).await.map_err(Error::Planning)?
            }
            _ => {
                let dataset = seen.resolve(&name.catalog, &name.schema, &name.table)?;
                let dataset = Described::Dataset(Arc::clone(dataset));
                return Ok((name, dataset));
            }
        };
        match own {
            Some(columns) => Ok((name, Described::Own(columns))),
            None => Err(no_table(&name)),
        }
    }
}

fn no_table(name: &ResolvedTableReference) -> Error {
    let near = nearest(&name.table, table_names()).filter(|_| &*name.schema == SYSTEM_SCHEMA);
    let error = lakegate_catalog::Error::DatasetNotFound {
        project: name.catalog.to_string(),
        schema: name.schema.to_string(),
        dataset: name.table.to_string(),
        expected: DatasetType::Table,
        nearest: near.map(str::to_string),
    };
    error.into()
}
