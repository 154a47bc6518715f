//! What the server has: catalogs, schemas, tables with their columns.

use arrow::array::{Array, AsArray, BinaryArray, RecordBatch, StringArray};
use arrow::datatypes::{Schema as ArrowSchema, SchemaRef};
use arrow_flight::sql::{
    CommandGetCatalogs, CommandGetDbSchemas, CommandGetTables, ProstMessageExt,
};
use arrow_flight::{FlightDescriptor, FlightInfo, IpcMessage};
use prost::Message;

use crate::connection::Connection;
use crate::{Client, Error, QueryStream};

/// A schema of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// The project; in Flight SQL's words the catalog.
    pub catalog: String,
    /// The schema's own name.
    pub name: String,
}

/// A dataset or view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The project; in Flight SQL's words the catalog.
    pub catalog: String,
    /// The schema.
    pub schema: String,
    /// Its own name.
    pub name: String,
    /// What it is, as the server names it: `TABLE`, `BASE TABLE`, `VIEW`.
    pub kind: String,
    /// Its columns.
    pub columns: SchemaRef,
}

/// Which tables to list; what is `None` does not narrow.
#[derive(Debug, Clone, Default)]
pub struct TableFilter {
    /// Name of the project, exactly.
    pub catalog: Option<String>,
    /// Pattern of the schema's name with `%` and `_`.
    pub schema: Option<String>,
    /// Pattern of the table's name with `%` and `_`.
    pub table: Option<String>,
}

impl Client {
    /// The names of all projects, in order.
    pub async fn catalogs(&self) -> Result<Vec<String>, Error> {
        let command = CommandGetCatalogs {};
        let mut names = Vec::new();
        for batch in self.metadata(command).await? {
            names.extend(rows(text(&batch, "catalog_name")?));
        }
        Ok(names)
    }

    /// The schemas of one project, or of all.
    pub async fn schemas(&self, catalog: Option<&str>) -> Result<Vec<Schema>, Error> {
        let command = CommandGetDbSchemas {
            catalog: catalog.map(str::to_string),
            db_schema_filter_pattern: None,
        };
        let mut schemas = Vec::new();
        for batch in self.metadata(command).await? {
            let catalogs = rows(text(&batch, "catalog_name")?);
            let names = rows(text(&batch, "db_schema_name")?);
            schemas.extend(catalogs.zip(names).map(|(catalog, name)| Schema { catalog, name }));
        }
        Ok(schemas)
    }

    /// The tables and views that the filter lets through, with their columns.
    pub async fn tables(&self, filter: &TableFilter) -> Result<Vec<Table>, Error> {
        let command = CommandGetTables {
            catalog: filter.catalog.clone(),
            db_schema_filter_pattern: filter.schema.clone(),
            table_name_filter_pattern: filter.table.clone(),
            table_types: Vec::new(),
            include_schema: true,
        };
        let mut tables = Vec::new();
        for batch in self.metadata(command).await? {
            tables.extend(tables_of(&batch)?);
        }
        Ok(tables)
    }

    /// Runs a metadata command and reads its rows.
    async fn metadata<M: ProstMessageExt>(&self, command: M) -> Result<Vec<RecordBatch>, Error> {
        let info = flight_info(self.connection(), &command).await?;
        let shared = self.shared_connection();
        QueryStream::open(shared, info, ArrowSchema::empty(), ()).await?.collect_batches().await
    }
}

/// Asks where the rows of a command are.
pub(crate) async fn flight_info<M: ProstMessageExt>(
    connection: &Connection,
    command: &M,
) -> Result<FlightInfo, Error> {
    let descriptor = FlightDescriptor::new_cmd(command.as_any().encode_to_vec());
    connection
        .call(|mut service, bearer| {
            let request = bearer.request(descriptor.clone());
            async move { Ok(service.get_flight_info(request).await?.into_inner()) }
        })
        .await
}

/// The rows of one batch of GetTables.
fn tables_of(batch: &RecordBatch) -> Result<Vec<Table>, Error> {
    let catalogs = text(batch, "catalog_name")?;
    let schemas = text(batch, "db_schema_name")?;
    let names = text(batch, "table_name")?;
    let kinds = text(batch, "table_type")?;
    let columns = binary(batch, "table_schema")?;
    let mut tables = Vec::with_capacity(batch.num_rows());
    for row in 0..batch.num_rows() {
        let message = IpcMessage(columns.value(row).to_vec().into());
        let columns = ArrowSchema::try_from(message).map_err(|source| Error::Decode {
            what: "the columns of a table",
            source: Box::new(source),
        })?;
        tables.push(Table {
            catalog: value_or_empty(catalogs, row),
            schema: value_or_empty(schemas, row),
            name: value_or_empty(names, row),
            kind: value_or_empty(kinds, row),
            columns: columns.into(),
        });
    }
    Ok(tables)
}

/// The text column of that name.
fn text<'a>(batch: &'a RecordBatch, name: &'static str) -> Result<&'a StringArray, Error> {
    batch
        .column_by_name(name)
        .and_then(|column| column.as_string_opt::<i32>())
        .ok_or(Error::MissingAnswer { what: name })
}

/// The binary column of that name.
fn binary<'a>(batch: &'a RecordBatch, name: &'static str) -> Result<&'a BinaryArray, Error> {
    batch
        .column_by_name(name)
        .and_then(|column| column.as_binary_opt::<i32>())
        .ok_or(Error::MissingAnswer { what: name })
}

/// All values of a text column, null as the empty text.
fn rows(column: &StringArray) -> impl Iterator<Item = String> {
    column.iter().map(|value| value.unwrap_or_default().to_string())
}

/// One value of a text column, null as the empty text.
fn value_or_empty(column: &StringArray, row: usize) -> String {
    if column.is_null(row) { String::new() } else { column.value(row).to_string() }
}
