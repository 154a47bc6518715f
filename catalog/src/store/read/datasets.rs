//! Reads datasets, of which there may be many: only those that have changed.

use std::collections::HashSet;
use std::sync::Arc;

use crate::error::Error;
use crate::ids::DatasetId;
use crate::model::{Dataset, DatasetKind, DatasetType, Table, View, Volume};
use crate::snapshot::Snapshot;
use crate::store::database::{as_integer, values};

use super::{Row, Transaction, from_json, parsed, parsed_optional, texts, time_of};

/// Each dataset that has changed since a version, with what its kind adds to it.
const CHANGED: &str =
    "SELECT id, schema_id, name, kind, columns_ipc, definer_id, comment, properties_json,
            created_at_ms, revision,
            format, table_files.is_managed AS table_is_managed,
            table_files.location AS table_location,
            partition_columns_json, options_json, definition,
            query, default_project, default_schema,
            volume_files.is_managed AS volume_is_managed,
            volume_files.location AS volume_location
     FROM dataset
     LEFT JOIN table_files ON table_files.dataset_id = dataset.id
     LEFT JOIN view_text ON view_text.dataset_id = dataset.id
     LEFT JOIN volume_files ON volume_files.dataset_id = dataset.id
     WHERE revision > $1";

/// All datasets. Every change of one gives it a new revision, so that those of the previous
/// snapshot are as they were, unless they are gone.
pub(super) async fn read(
    transaction: &mut Transaction,
    previous: Option<&Snapshot>,
) -> Result<Vec<Arc<Dataset>>, Error> {
    // Datasets of the first migration have the revision 0.
    let since = previous.map_or(-1, |previous| as_integer(previous.version()));
    let changed = transaction.fetch_all(CHANGED, values![since]).await?;
    let changed: Vec<Arc<Dataset>> =
        changed.iter().map(|row| dataset(row).map(Arc::new)).collect::<Result<_, _>>()?;
    let ids: HashSet<DatasetId> = changed.iter().map(|dataset| dataset.id).collect();
    let old = previous.into_iter().flat_map(Snapshot::all_datasets);
    let mut all: Vec<Arc<Dataset>> =
        old.filter(|dataset| !ids.contains(&dataset.id)).map(Arc::clone).collect();
    all.extend(changed);
    // Whatever is there is in `all`. If both are as many, nothing in `all` is gone.
    let count = transaction.count("SELECT count(*) AS n FROM dataset", values![]).await?;
    if usize::try_from(count) != Ok(all.len()) {
        let left = transaction.fetch_all("SELECT id FROM dataset", values![]).await?;
        let left: HashSet<DatasetId> =
            left.iter().map(|row| parsed(row, "id")).collect::<Result<_, _>>()?;
        all.retain(|dataset| left.contains(&dataset.id));
    }
    Ok(all)
}

fn dataset(row: &Row) -> Result<Dataset, Error> {
    let kind = match parsed(row, "kind")? {
        DatasetType::Table => DatasetKind::Table(table(row)?),
        DatasetType::View => DatasetKind::View(view(row)?),
        DatasetType::Volume => DatasetKind::Volume(volume(row)?),
    };
    Ok(Dataset {
        id: parsed(row, "id")?,
        schema: parsed(row, "schema_id")?,
        name: row.get("name")?,
        kind,
        definer: parsed_optional(row, "definer_id")?,
        comment: row.get("comment")?,
        properties: texts(row, "properties_json")?,
        created_at: time_of(row.get("created_at_ms")?),
        revision: row.count("revision")?,
    })
}

fn table(row: &Row) -> Result<Table, Error> {
    let partition_columns: String = row.get("partition_columns_json")?;
    Ok(Table {
        format: parsed(row, "format")?,
        is_managed: row.flag("table_is_managed")?,
        location: row.get("table_location")?,
        partition_columns: from_json("partition_columns_json", &partition_columns)?,
        options: texts(row, "options_json")?,
        columns_ipc: row.get("columns_ipc")?,
        definition: row.get("definition")?,
    })
}

fn view(row: &Row) -> Result<View, Error> {
    Ok(View {
        sql: row.get("query")?,
        columns_ipc: row.get("columns_ipc")?,
        project: row.get("default_project")?,
        schema: row.get("default_schema")?,
    })
}

fn volume(row: &Row) -> Result<Volume, Error> {
    Ok(Volume { is_managed: row.flag("volume_is_managed")?, location: row.get("volume_location")? })
}
