//! The `\d` commands: what there is, from the server's metadata.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use lakegate_client::{Table, TableFilter};

use super::failure::Failure;
use super::identifier::{self, Pattern};
use super::output;
use super::session::Session;

/// The field metadata in which a server names the SQL type of a column.
const TYPE_NAME: &str = "ARROW:FLIGHT:SQL:TYPE_NAME";

/// Which tables are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Tables and views.
    Any,
    /// All that are no views.
    Table,
    /// Views.
    View,
}

impl Kind {
    fn admits(self, table: &Table) -> bool {
        let is_view = table.kind.to_ascii_uppercase().contains("VIEW");
        match self {
            Self::Any => true,
            Self::Table => !is_view,
            Self::View => is_view,
        }
    }
}

/// Lists projects.
pub(crate) async fn projects(session: &mut Session) -> Result<(), Failure> {
    let interrupts = session.interrupts.clone();
    let running = interrupts.running();
    let names = tokio::select! {
        () = running.cancelled() => return Err(Failure::Cancelled),
        names = session.client.catalogs() => names?,
    };
    show(session, &["project"], names.into_iter().map(|name| vec![name]))
}

/// Lists schemas whose name matches.
pub(crate) async fn schemas(session: &mut Session, pattern: &str) -> Result<(), Failure> {
    let interrupts = session.interrupts.clone();
    let running = interrupts.running();
    let schemas = tokio::select! {
        () = running.cancelled() => return Err(Failure::Cancelled),
        schemas = session.client.schemas(None) => schemas?,
    };
    let pattern = Pattern::new(pattern);
    let rows = schemas
        .into_iter()
        .filter(|schema| pattern.matches(&schema.name))
        .map(|schema| vec![schema.catalog, schema.name]);
    show(session, &["project", "schema"], rows)
}

/// Lists tables or views whose name matches.
pub(crate) async fn tables(
    session: &mut Session,
    kind: &Kind,
    pattern: &str,
) -> Result<(), Failure> {
    let all = fetch(session, &TableFilter::default()).await?;
    let pattern = Pattern::new(pattern);
    let rows = all
        .into_iter()
        .filter(|table| kind.admits(table) && pattern.matches(&table.name))
        // It has the same tables in every project; they are listed only when asked for.
        .filter(|table| !pattern.is_empty() || table.schema != "information_schema")
        .map(|table| vec![table.catalog, table.schema, table.name, table.kind.to_lowercase()]);
    show(session, &["project", "schema", "name", "kind"], rows)
}

/// Shows the columns of one table or view.
pub(crate) async fn table(session: &mut Session, name: &str) -> Result<(), Failure> {
    let parts = identifier::split(name);
    let (catalog, schema, table) = match parts.as_slice() {
        [table] => (None, None, table),
        [schema, table] => (None, Some(schema), table),
        [catalog, schema, table] => (Some(catalog), Some(schema), table),
        _ => return Err(Failure::command(format!("{name:?} is no name of a table"))),
    };
    // Names are sent as patterns, in which `_` and `%` match others too; so they are compared here.
    let filter = TableFilter { catalog: catalog.cloned(), ..TableFilter::default() };
    let found: Vec<_> = fetch(session, &filter)
        .await?
        .into_iter()
        .filter(|found| found.name == *table && schema.is_none_or(|schema| found.schema == *schema))
        .collect();
    if found.is_empty() {
        return Err(Failure::NoTable { name: name.to_string() });
    }
    for table in found {
        let title = format!(
            "{} {}.{}.{}\n",
            table.kind.to_lowercase(),
            table.catalog,
            table.schema,
            table.name
        );
        session.destination.write_text(&title)?;
        let rows = table.columns.fields().iter().map(|field| {
            let null = if field.is_nullable() { "yes" } else { "no" };
            vec![field.name().clone(), type_name(field), null.to_string()]
        });
        show(session, &["column", "type", "null"], rows)?;
    }
    Ok(())
}

/// Fetches tables unless Ctrl-C comes first.
async fn fetch(session: &Session, filter: &TableFilter) -> Result<Vec<Table>, Failure> {
    let running = session.interrupts.running();
    tokio::select! {
        () = running.cancelled() => Err(Failure::Cancelled),
        tables = session.client.tables(filter) => Ok(tables?),
    }
}

/// The SQL type that the server names, or else Arrow's.
fn type_name(field: &Field) -> String {
    field.metadata().get(TYPE_NAME).cloned().unwrap_or_else(|| field.data_type().to_string())
}

/// Writes rows of texts in the chosen format.
fn show(
    session: &mut Session,
    columns: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
) -> Result<(), Failure> {
    let settings = &session.settings;
    session.destination.check(settings.format)?;
    let mut values: Vec<Vec<String>> = columns.iter().map(|_| Vec::new()).collect();
    for row in rows {
        for (column, value) in values.iter_mut().zip(row) {
            column.push(value);
        }
    }
    let fields: Vec<_> =
        columns.iter().map(|name| Field::new(*name, DataType::Utf8, false)).collect();
    let arrays = values.into_iter().map(|column| Arc::new(StringArray::from(column)) as ArrayRef);
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays.collect())
        .map_err(|source| Failure::Encode { format: settings.format, source })?;
    let destination = session.destination.clone();
    let mut writer = output::writer(settings.format, settings.table, batch.schema(), destination)?;
    writer.write(&batch)?;
    writer.finish()?;
    session.destination.flush_all()
}
