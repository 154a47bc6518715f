//! `TRUNCATE TABLE`.

use std::sync::Arc;

use datafusion::common::TableReference;
use lakegate_lake::delta::{AsOf, Overwriting};

use super::insert::{Target, check_still_there};
use crate::query::Error;
use crate::query::service::QueryService;
use crate::query::statement::Scope;
use crate::session::Session;

impl QueryService {
    /// Takes all rows from a table; its earlier versions keep them.
    pub(super) async fn truncate(
        &self,
        session: &Arc<Session>,
        table: &TableReference,
    ) -> Result<u64, Error> {
        let target = self.target(session, &Scope::of(session), table, "TRUNCATE of").await?;
        let Target { name, id, location, log, .. } = target;
        let base = self.delta.state(&log, AsOf::Latest).await?;
        self.commits.check_replaceable(&base)?;
        let (catalog, commits) = (self.catalog.clone(), Arc::clone(&self.commits));
        self.background
            .settle(async move {
                check_still_there(&catalog, id, &location, &name.to_string()).await?;
                let by = Overwriting::Truncate;
                commits.overwrite(&log, &base, Vec::new(), None, by).await?;
                Ok(0)
            })
            .await
    }
}
