//! Columns of Delta tables as their logs have them now. The catalog's are those of the time when the
//! table was declared or last read, which is what metadata calls tell; whoever reads a log with other
//! columns notes them there.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use lakegate_catalog::{Catalog, Dataset, DatasetKind, Object, Privilege, VisibleSnapshot};
use lakegate_common::error::Chain;
use lakegate_engine::schema;
use lakegate_lake::Format;
use lakegate_lake::delta::{AsOf, TableState};

use super::Error;
use super::names::{Declared, columns, declared};
use super::service::QueryService;
use super::statement::Scope;

/// Notes in the catalog that a table has other columns than it says. Whoever reads the table may
/// make that happen: nobody chooses what is noted. A catalog that takes no changes now is no reason
/// not to read.
pub(super) async fn note_columns(catalog: &Catalog, dataset: &Dataset, newest: &TableState) {
    let now = newest.schema().columns();
    if columns(dataset).is_ok_and(|noted| noted == *now) {
        return;
    }
    let described = schema::encode(now);
    if described == dataset.kind.columns_ipc() {
        return;
    }
    if let Err(error) = catalog.set_columns(dataset.id, &described).await {
        let table = &dataset.name;
        tracing::debug!(table, error = %Chain(&error), "new columns are not noted");
    }
}

impl QueryService {
    /// The columns of a dataset: those of its log where it has one that the principal may read and
    /// that can be read, else those that the catalog knows. A volume has none.
    ///
    /// # Errors
    /// The catalog's entry does not decode.
    pub(super) async fn columns_now(
        &self,
        scope: &Scope,
        seen: &VisibleSnapshot,
        dataset: &Dataset,
    ) -> Result<SchemaRef, Error> {
        if matches!(dataset.kind, DatasetKind::Volume(_)) {
            return Ok(Arc::new(Schema::empty()));
        }
        let noted = columns(dataset)?;
        if !seen.may(Privilege::Select, Object::Dataset(dataset.id))
            || seen.check_reading_files(dataset).is_err()
        {
            return Ok(noted);
        }
        let Declared::Table(table) = declared(dataset)? else { return Ok(noted) };
        if table.format != Format::Delta {
            return Ok(noted);
        }
        let Ok(log) = table.log(&self.state(scope)) else { return Ok(noted) };
        match self.delta.state(&log, AsOf::Latest).await {
            Ok(newest) => {
                note_columns(&self.catalog, dataset, &newest).await;
                Ok(Arc::clone(newest.schema().columns()))
            }
            Err(_) => Ok(noted),
        }
    }
}
