//! Changes of datasets.

use crate::error::Error;
use crate::ids::{DatasetId, SchemaId};
use crate::limit::{DATASETS_MAX, DESCRIPTION_BYTES_MAX, check_name};
use crate::model::{
    Created, DatasetKind, DatasetType, ExternalTable, NewDataset, OnExisting, OnMissing, View,
};

use super::Catalog;
use super::change::{Change, now_ms};
use super::containers::found;
use super::read::parse;

impl Catalog {
    /// Makes a table or a view.
    ///
    /// # Errors
    /// There is no such project or schema; the name is taken, cannot be one, or belongs to a table
    /// where a view would replace it, or the reverse; there are too many datasets, or the
    /// description is too large.
    pub async fn create_dataset(
        &self,
        new: &NewDataset,
        on_existing: OnExisting,
    ) -> Result<Created, Error> {
        check_name(new.kind.dataset_type().as_str(), &new.name)?;
        if new.kind.description_bytes() > DESCRIPTION_BYTES_MAX {
            let noun = "bytes in the description of a dataset";
            return Err(Error::LimitExceeded { limit: DESCRIPTION_BYTES_MAX, noun });
        }
        let mut change = self.change("creating a dataset").await?;
        let schema = change.schema(&new.project, &new.schema).await?;
        let created = match change.find_dataset(schema, &new.name).await? {
            None => {
                let count = "SELECT count(*) FROM dataset";
                change.check_limit(count, DATASETS_MAX, "datasets").await?;
                Created::New
            }
            Some((old, found)) => match on_existing {
                OnExisting::Keep => return Ok(Created::Kept),
                OnExisting::Fail => {
                    let noun = found.as_str();
                    return Err(Error::AlreadyExists { noun, name: whole_name(new) });
                }
                OnExisting::Replace => {
                    check_type(
                        whole_name(new),
                        new.kind.dataset_type(),
                        found,
                        "CREATE OR REPLACE",
                    )?;
                    change.delete("DELETE FROM dataset WHERE id = ?", &old.to_string()).await?;
                    Created::Replaced
                }
            },
        };
        change.insert_dataset(schema, new).await?;
        change.publish().await?;
        Ok(created)
    }

    /// Drops a table or a view; `false` where there is none. What it is must be said, and is
    /// checked also where nothing need be there.
    ///
    /// # Errors
    /// There is no such project, schema or dataset, or it is not what was said.
    pub async fn drop_dataset(
        &self,
        project: &str,
        schema: &str,
        name: &str,
        expected: DatasetType,
        on_missing: OnMissing,
    ) -> Result<bool, Error> {
        let mut change = self.change("dropping a dataset").await?;
        let Some(schema_id) = found(change.schema(project, schema).await, on_missing)? else {
            return Ok(false);
        };
        let Some((id, is)) = change.find_dataset(schema_id, name).await? else {
            if on_missing == OnMissing::Ignore {
                return Ok(false);
            }
            let siblings = "SELECT name FROM dataset WHERE schema_id = ?";
            let nearest = change.nearest(siblings, &schema_id.to_string(), name).await?;
            return Err(Error::DatasetNotFound {
                project: project.to_string(),
                schema: schema.to_string(),
                dataset: name.to_string(),
                expected,
                nearest,
            });
        };
        check_type(format!("{project}.{schema}.{name}"), expected, is, "DROP")?;
        change.delete("DELETE FROM dataset WHERE id = ?", &id.to_string()).await?;
        change.publish().await?;
        Ok(true)
    }
}

impl Change<'_> {
    async fn find_dataset(
        &mut self,
        schema: SchemaId,
        name: &str,
    ) -> Result<Option<(DatasetId, DatasetType)>, Error> {
        let failed = self.failed();
        let row: Option<(String, bool)> = sqlx::query_as(
            "SELECT id, kind = 'view' FROM dataset WHERE schema_id = ? AND name = ?",
        )
        .bind(schema.to_string())
        .bind(name)
        .fetch_optional(self.connection())
        .await
        .map_err(failed)?;
        let Some((id, is_view)) = row else { return Ok(None) };
        let dataset_type = if is_view { DatasetType::View } else { DatasetType::Table };
        Ok(Some((parse("dataset", &id)?, dataset_type)))
    }

    async fn insert_dataset(&mut self, schema: SchemaId, new: &NewDataset) -> Result<(), Error> {
        let failed = self.failed();
        let id = DatasetId::generate();
        sqlx::query(
            "INSERT INTO dataset (id, schema_id, name, kind, columns_ipc, created_at_ms)
             VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(id.to_string())
        .bind(schema.to_string())
        .bind(&new.name)
        .bind(new.kind.dataset_type().as_str())
        .bind(new.kind.columns_ipc())
        .bind(now_ms())
        .execute(self.connection())
        .await
        .map_err(failed)?;
        match &new.kind {
            DatasetKind::Table(table) => self.insert_table(id, table).await,
            DatasetKind::View(view) => self.insert_view(id, view).await,
        }
    }

    async fn insert_table(&mut self, id: DatasetId, table: &ExternalTable) -> Result<(), Error> {
        let failed = self.failed();
        sqlx::query(
            "INSERT INTO external_table
             (dataset_id, format, location, partition_columns_json, options_json, definition)
             VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(id.to_string())
        .bind(table.format.as_str())
        .bind(&table.location)
        .bind(serde_json::json!(table.partition_columns).to_string())
        .bind(serde_json::json!(table.options).to_string())
        .bind(&table.definition)
        .execute(self.connection())
        .await
        .map_err(failed)?;
        Ok(())
    }

    async fn insert_view(&mut self, id: DatasetId, view: &View) -> Result<(), Error> {
        let failed = self.failed();
        sqlx::query(
            "INSERT INTO view_query (dataset_id, query, default_project, default_schema)
             VALUES (?, ?, ?, ?)",
        )
        .bind(id.to_string())
        .bind(&view.sql)
        .bind(&view.project)
        .bind(&view.schema)
        .execute(self.connection())
        .await
        .map_err(failed)?;
        Ok(())
    }
}

fn whole_name(new: &NewDataset) -> String {
    format!("{}.{}.{}", new.project, new.schema, new.name)
}

fn check_type(
    dataset: String,
    expected: DatasetType,
    found: DatasetType,
    verb: &'static str,
) -> Result<(), Error> {
    if found == expected {
        return Ok(());
    }
    Err(Error::WrongType { dataset, expected, found, verb })
}
