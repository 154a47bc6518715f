//! `ALTER TABLE … ADD COLUMN`.

use std::sync::Arc;

use datafusion::sql::sqlparser::ast::ColumnDef;
use lakegate_catalog::{DatasetType, ObjectName, VisibleSnapshot};
use lakegate_lake::delta::{AsOf, storable};

use super::Error;
use super::alter::check_dataset;
use super::command::unsupported;
use super::fresh_columns::note_columns;
use super::service::QueryService;
use super::statement::Scope;
use super::write::declared_columns;
use crate::session::Session;

impl QueryService {
    /// Gives a Delta table more columns.
    ///
    /// # Errors
    /// It is none, the columns cannot be added, or the principal may not manage it.
    pub(super) async fn add_columns(
        &self,
        session: &Session,
        seen: &VisibleSnapshot,
        name: &ObjectName,
        columns: &[ColumnDef],
    ) -> Result<(), Error> {
        check_dataset(seen, name, DatasetType::Table, "ALTER")?;
        let Some(log) = self.managed_log(session, seen, name)? else {
            return Err(unsupported(
                "ADD COLUMN of a table that is no Delta table",
                "its columns are those of its files",
            ));
        };
        let state = self.state(&Scope::of(session));
        let columns = Arc::new(storable(&declared_columns(&state, columns).await?)?);
        let (commits, known) = (Arc::clone(&self.commits), Arc::clone(&self.delta));
        let catalog = self.catalog.clone();
        let dataset = match name {
            ObjectName::Dataset { project, schema, dataset } => {
                seen.dataset(project, schema, dataset).cloned()
            }
            _ => None,
        };
        self.background
            .settle(async move {
                commits.add_columns(&log, columns).await?;
                if let (Some(dataset), Ok(newest)) =
                    (dataset, known.state(&log, AsOf::Latest).await)
                {
                    note_columns(&catalog, &dataset, &newest).await;
                }
                Ok(())
            })
            .await
    }
}
