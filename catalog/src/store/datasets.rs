//! Changes of datasets.

use crate::error::Error;
use crate::ids::{DatasetId, SchemaId};
use crate::limit::{DATASETS_MAX, DESCRIPTION_BYTES_MAX, at_most, check_comment, check_name};
use crate::model::{
    Created, DatasetKind, DatasetType, NewDataset, Object, ObjectName, ObjectType, OnExisting,
    OnMissing, Privilege, Table, View, Volume,
};

use super::Catalog;
use super::change::Change;
use super::database::values;
use super::find::{found, not_found};
use super::locations::{check_no_secrets, check_options};
use super::read::to_json;
use super::time::now_ms;

impl Catalog {
    /// Makes a table, a view or a volume. One that is replaced keeps its identifier and with it
    /// its grants; a view then reads with the rights of who replaced it.
    ///
    /// # Errors
    /// There is no such project or schema; the name is taken, cannot be one, or belongs to a table
    /// where a view would replace it, or the like; there are too many datasets, or the description
    /// is too large; the principal may not create in the schema, not manage what it would replace,
    /// or not read the location of files that do not belong to Lakegate.
    pub async fn create_dataset(
        &self,
        new: &NewDataset,
        on_existing: OnExisting,
    ) -> Result<Created<DatasetId>, Error> {
        check_new(new)?;
        let mut change = self.change("creating a dataset").await?;
        change.check_creating(new)?;
        let schema = change.schema(&new.project, &new.schema).await?;
        let Some((id, is)) = change.find_dataset(schema, &new.name).await? else {
            let count = "SELECT count(*) AS n FROM dataset";
            change.check_limit(count, values![], DATASETS_MAX, "datasets").await?;
            let id = change.insert_dataset(schema, new).await?;
            change.publish().await?;
            return Ok(Created::New(id));
        };
        let taken = || {
            let name = new.object_name().to_string();
            Error::AlreadyExists { noun: is.as_str(), name }
        };
        match on_existing {
            OnExisting::Keep => Ok(Created::Kept(id)),
            OnExisting::Fail => Err(taken()),
            OnExisting::Replace => {
                // What the principal does not know of is in the way and cannot be replaced.
                if change.view().is_some_and(|view| !view.knows(Object::Dataset(id))) {
                    return Err(taken());
                }
                change.check_managing(&new.object_name())?;
                let expected = new.kind.dataset_type();
                check_type(&new.object_name(), expected, is, "CREATE OR REPLACE")?;
                change.replace_dataset(id, new).await?;
                change.publish().await?;
                Ok(Created::Replaced(id))
            }
        }
    }

    /// Drops a table, a view or a volume; `false` where there is none. What it is must be said,
    /// and is checked also where nothing need be there.
    ///
    /// # Errors
    /// There is no such project, schema or dataset, it is not what was said, or the principal may
    /// not manage it.
    pub async fn drop_dataset(
        &self,
        project: &str,
        schema: &str,
        name: &str,
        expected: DatasetType,
        on_missing: OnMissing,
    ) -> Result<bool, Error> {
        let mut change = self.change("dropping a dataset").await?;
        let full = ObjectName::dataset(project, schema, name);
        let say_expected = |error| match error {
            Error::DatasetNotFound { project, schema, dataset, nearest, .. } => {
                Error::DatasetNotFound { project, schema, dataset, expected, nearest }
            }
            error => error,
        };
        let checked = change.check_managing(&full).map_err(say_expected);
        if found(checked, on_missing)?.is_none() {
            return Ok(false);
        }
        let lookup = change.dataset(project, schema, name).await.map_err(say_expected);
        let Some((id, is)) = found(lookup, on_missing)? else {
            return Ok(false);
        };
        check_type(&full, expected, is, "DROP")?;
        change.execute("DELETE FROM dataset WHERE id = $1", values![id]).await?;
        change.publish().await?;
        Ok(true)
    }

    /// Notes the columns that a table has now, such as a Delta table whose log has moved on;
    /// `false` where they are noted already. For the service alone: it has read them in the log.
    ///
    /// # Errors
    /// There is no such dataset, or the columns are too many.
    pub async fn set_columns(&self, id: DatasetId, columns_ipc: &[u8]) -> Result<bool, Error> {
        let noun = "bytes in the description of a dataset";
        at_most(columns_ipc.len(), DESCRIPTION_BYTES_MAX, noun)?;
        let mut change = self.change("noting columns").await?;
        change.check_admin("noting columns")?;
        let select = "SELECT columns_ipc FROM dataset WHERE id = $1";
        let Some(row) = change.fetch_optional(select, values![id]).await? else {
            return Err(not_found(ObjectType::Dataset, &id.to_string()));
        };
        if row.get::<Vec<u8>>("columns_ipc")? == columns_ipc {
            return Ok(false);
        }
        let revision = change.version();
        let update = "UPDATE dataset SET columns_ipc = $1, revision = $2 WHERE id = $3";
        change.execute(update, values![columns_ipc, revision, id]).await?;
        change.publish().await?;
        Ok(true)
    }
}

impl Change<'_> {
    fn check_creating(&self, new: &NewDataset) -> Result<(), Error> {
        let Some(view) = self.view() else { return Ok(()) };
        view.check(Privilege::Create, &ObjectName::schema(&new.project, &new.schema))?;
        match &new.kind {
            DatasetKind::Table(Table { is_managed: false, location, .. })
            | DatasetKind::Volume(Volume { is_managed: false, location }) => {
                view.check_url(Privilege::Read, location)?;
                view.check_apart_from_managed(location)
            }
            _ => Ok(()),
        }
    }

    async fn insert_dataset(
        &mut self,
        schema: SchemaId,
        new: &NewDataset,
    ) -> Result<DatasetId, Error> {
        let (id, definer, revision) = (DatasetId::generate(), self.actor(), self.version());
        self.execute(
            "INSERT INTO dataset (id, schema_id, name, kind, columns_ipc, definer_id, comment,
                                  properties_json, created_at_ms, revision)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            values![
                id,
                schema,
                &new.name,
                new.kind.dataset_type().as_str(),
                new.kind.columns_ipc(),
                definer,
                new.comment.as_deref(),
                to_json(&new.properties),
                now_ms(),
                revision,
            ],
        )
        .await?;
        self.insert_kind(id, &new.kind).await?;
        self.note("dataset", id).await?;
        self.grant_ownership(Object::Dataset(id)).await?;
        Ok(id)
    }

    async fn replace_dataset(&mut self, id: DatasetId, new: &NewDataset) -> Result<(), Error> {
        let (definer, revision) = (self.actor(), self.version());
        self.execute(
            "UPDATE dataset SET columns_ipc = $1, definer_id = $2, comment = $3,
                                properties_json = $4, created_at_ms = $5, revision = $6
             WHERE id = $7",
            values![
                new.kind.columns_ipc(),
                definer,
                new.comment.as_deref(),
                to_json(&new.properties),
                now_ms(),
                revision,
                id,
            ],
        )
        .await?;
        for table in ["table_files", "view_text", "volume_files"] {
            let sql = format!("DELETE FROM {table} WHERE dataset_id = $1");
            self.execute(&sql, values![id]).await?;
        }
        self.insert_kind(id, &new.kind).await
    }

    async fn insert_kind(&mut self, id: DatasetId, kind: &DatasetKind) -> Result<(), Error> {
        match kind {
            DatasetKind::Table(table) => self.insert_table(id, table).await,
            DatasetKind::View(view) => self.insert_view(id, view).await,
            DatasetKind::Volume(volume) => self.insert_volume(id, volume).await,
        }
    }

    async fn insert_table(&mut self, id: DatasetId, table: &Table) -> Result<(), Error> {
        self.execute(
            "INSERT INTO table_files (dataset_id, format, is_managed, location,
                                      partition_columns_json, options_json, definition)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            values![
                id,
                table.format.as_str(),
                table.is_managed,
                &table.location,
                to_json(&table.partition_columns),
                to_json(&table.options),
                &table.definition,
            ],
        )
        .await
        .map(drop)
    }

    async fn insert_view(&mut self, id: DatasetId, view: &View) -> Result<(), Error> {
        self.execute(
            "INSERT INTO view_text (dataset_id, query, default_project, default_schema)
             VALUES ($1, $2, $3, $4)",
            values![id, &view.sql, &view.project, &view.schema],
        )
        .await
        .map(drop)
    }

    async fn insert_volume(&mut self, id: DatasetId, volume: &Volume) -> Result<(), Error> {
        self.execute(
            "INSERT INTO volume_files (dataset_id, is_managed, location) VALUES ($1, $2, $3)",
            values![id, volume.is_managed, &volume.location],
        )
        .await
        .map(drop)
    }
}

fn check_new(new: &NewDataset) -> Result<(), Error> {
    check_name(new.kind.dataset_type().as_str(), &new.name)?;
    check_comment(new.comment.as_deref())?;
    check_options(&new.properties, "a dataset")?;
    if let DatasetKind::Table(table) = &new.kind {
        check_no_secrets(&table.options, "a table")?;
    }
    let noun = "bytes in the description of a dataset";
    at_most(new.kind.description_bytes(), DESCRIPTION_BYTES_MAX, noun)
}

fn check_type(
    name: &ObjectName,
    expected: DatasetType,
    found: DatasetType,
    verb: &'static str,
) -> Result<(), Error> {
    if found == expected {
        return Ok(());
    }
    Err(Error::WrongType { dataset: name.to_string(), expected, found, verb })
}
