//! The answers of the catalog commands, from one snapshot of the catalog as the caller sees it.
//!
//! An empty filter counts as none: every dataset here has a project and a schema, and some clients
//! send an empty text when they mean any.

use std::sync::{Arc, LazyLock};

use arrow_flight::sql::metadata::{GetCatalogsBuilder, GetDbSchemasBuilder, GetTablesBuilder};
use arrow_flight::sql::{CommandGetDbSchemas, CommandGetTables};
use datafusion::arrow::array::StringArray;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use lakegate_catalog::{Dataset, DatasetType, SYSTEM_SCHEMA, VisibleSnapshot};
use lakegate_engine::schema::{canonical, decode};

use super::column_metadata::describe;
use super::command::MetadataCommand;
use super::{keys, like, sql_info, xdbc_type_info};
use crate::frontend::Error;
use crate::query::{system_columns, system_tables};

/// The kinds of tables, in order.
const TABLE_TYPES: [&str; 3] = [SYSTEM_TABLE, "TABLE", "VIEW"];
/// What the service tells of itself.
const SYSTEM_TABLE: &str = "SYSTEM TABLE";
/// What some tools call a table.
const BASE_TABLE: &str = "BASE TABLE";

/// The schema of the answer to `command`.
pub(super) fn schema(command: &MetadataCommand) -> SchemaRef {
    match command {
        MetadataCommand::Catalogs => GetCatalogsBuilder::new().schema(),
        MetadataCommand::DbSchemas(_) => schemas_builder().schema(),
        MetadataCommand::Tables(command) => tables_builder(command.include_schema).schema(),
        MetadataCommand::TableTypes => table_types_schema(),
        MetadataCommand::PrimaryKeys(_) => keys::primary_keys_schema(),
        MetadataCommand::ExportedKeys(_)
        | MetadataCommand::ImportedKeys(_)
        | MetadataCommand::CrossReference(_) => keys::foreign_keys_schema(),
        MetadataCommand::SqlInfo(_) => sql_info::schema(),
        MetadataCommand::XdbcTypeInfo(_) => xdbc_type_info::schema(),
    }
}

/// The answer to `command`.
///
/// # Errors
/// An entry of the catalog that does not decode.
pub(super) fn batch(
    command: &MetadataCommand,
    seen: &VisibleSnapshot,
) -> Result<RecordBatch, Error> {
    let answer = match command {
        MetadataCommand::Catalogs => catalogs(seen),
        MetadataCommand::DbSchemas(command) => db_schemas(seen, command),
        MetadataCommand::Tables(command) => return tables(seen, command),
        MetadataCommand::TableTypes => return table_types(),
        MetadataCommand::SqlInfo(command) => sql_info::batch(command),
        MetadataCommand::XdbcTypeInfo(command) => xdbc_type_info::batch(command),
        MetadataCommand::PrimaryKeys(_)
        | MetadataCommand::ExportedKeys(_)
        | MetadataCommand::ImportedKeys(_)
        | MetadataCommand::CrossReference(_) => Ok(RecordBatch::new_empty(schema(command))),
    };
    answer.map_err(|source| Error::Answer { source })
}

fn catalogs(snapshot: &VisibleSnapshot) -> Result<RecordBatch, arrow_flight::error::FlightError> {
    let mut builder = GetCatalogsBuilder::new();
    for project in snapshot.projects() {
        builder.append(&project.name);
    }
    builder.build()
}

fn db_schemas(
    snapshot: &VisibleSnapshot,
    command: &CommandGetDbSchemas,
) -> Result<RecordBatch, arrow_flight::error::FlightError> {
    let project_filter = given(command.catalog.as_deref());
    let schema_filter = given(command.db_schema_filter_pattern.as_deref());
    let mut builder = schemas_builder();
    for project in snapshot.projects().filter(|project| is_named(project_filter, &project.name)) {
        for schema in snapshot.schemas(&project.name) {
            if like::passes(schema_filter, &schema.name) {
                builder.append(&project.name, &schema.name);
            }
        }
        if like::passes(schema_filter, SYSTEM_SCHEMA) {
            builder.append(&project.name, SYSTEM_SCHEMA);
        }
    }
    builder.build()
}

fn tables(snapshot: &VisibleSnapshot, command: &CommandGetTables) -> Result<RecordBatch, Error> {
    let project_filter = given(command.catalog.as_deref());
    let schema_filter = given(command.db_schema_filter_pattern.as_deref());
    let table_filter = given(command.table_name_filter_pattern.as_deref());
    let mut builder = tables_builder(command.include_schema);
    for project in snapshot.projects().filter(|project| is_named(project_filter, &project.name)) {
        let schemas = snapshot.schemas(&project.name);
        for schema in schemas.filter(|schema| like::passes(schema_filter, &schema.name)) {
            for dataset in snapshot.datasets(&project.name, &schema.name) {
                let Some(table_type) = type_of(dataset) else { continue };
                if like::passes(table_filter, &dataset.name)
                    && is_wanted(&command.table_types, table_type)
                {
                    let columns = if command.include_schema {
                        columns_of(dataset, &project.name, &schema.name)?
                    } else {
                        Schema::empty()
                    };
                    builder
                        .append(&project.name, &schema.name, &dataset.name, table_type, &columns)
                        .map_err(|source| Error::Answer { source })?;
                }
            }
        }
        if like::passes(schema_filter, SYSTEM_SCHEMA)
            && is_wanted(&command.table_types, SYSTEM_TABLE)
        {
            for name in system_tables().filter(|name| like::passes(table_filter, name)) {
                let columns = match command.include_schema {
                    true => system_columns_of(name, &project.name, snapshot)?,
                    false => Schema::empty(),
                };
                builder
                    .append(&project.name, SYSTEM_SCHEMA, name, SYSTEM_TABLE, &columns)
                    .map_err(|source| Error::Answer { source })?;
            }
        }
    }
    builder.build().map_err(|source| Error::Answer { source })
}

/// The columns of a dataset as a query over it would give them, with what drivers want to know of
/// their types.
fn columns_of(dataset: &Dataset, project: &str, schema: &str) -> Result<Schema, Error> {
    let columns = decode(dataset.kind.columns_ipc()).map_err(|source| Error::Schema { source })?;
    Ok(describe(&canonical(&columns), project, schema, &dataset.name))
}

fn system_columns_of(
    name: &str,
    project: &str,
    snapshot: &VisibleSnapshot,
) -> Result<Schema, Error> {
    let Some(columns) = system_columns(name, snapshot)? else { return Ok(Schema::empty()) };
    Ok(describe(&canonical(&columns), project, SYSTEM_SCHEMA, name))
}

fn table_types() -> Result<RecordBatch, Error> {
    let column = StringArray::from_iter_values(TABLE_TYPES);
    RecordBatch::try_new(table_types_schema(), vec![Arc::new(column)])
        .map_err(|source| Error::Schema { source })
}

fn table_types_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        Arc::new(Schema::new(vec![Field::new("table_type", DataType::Utf8, false)]))
    });
    SCHEMA.clone()
}

/// `None` for a volume, which has no rows.
fn type_of(dataset: &Dataset) -> Option<&'static str> {
    match dataset.kind.dataset_type() {
        DatasetType::Table => Some("TABLE"),
        DatasetType::View => Some("VIEW"),
        DatasetType::Volume => None,
    }
}

fn is_wanted(types: &[String], table_type: &str) -> bool {
    let matches =
        |wanted: &String| wanted == table_type || (wanted == BASE_TABLE && table_type == "TABLE");
    types.is_empty() || types.iter().any(matches)
}

/// A filter that narrows.
fn given(filter: Option<&str>) -> Option<&str> {
    filter.filter(|filter| !filter.is_empty())
}

fn is_named(filter: Option<&str>, name: &str) -> bool {
    filter.is_none_or(|filter| filter == name)
}

/// The filters are applied before rows are added, so the builders get none.
fn schemas_builder() -> GetDbSchemasBuilder {
    GetDbSchemasBuilder::new(None::<String>, None::<String>)
}

fn tables_builder(include_schema: bool) -> GetTablesBuilder {
    let none = None::<String>;
    GetTablesBuilder::new(none.clone(), none.clone(), none, Vec::<String>::new(), include_schema)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_types_are_filtered_by_name() {
        let wanted = |types: &[&str], table_type| {
            is_wanted(&types.iter().map(ToString::to_string).collect::<Vec<_>>(), table_type)
        };
        assert!(wanted(&[], "VIEW"));
        assert!(wanted(&["TABLE", "VIEW"], "VIEW"));
        assert!(wanted(&["BASE TABLE"], "TABLE"));
        assert!(!wanted(&["SYSTEM TABLE"], "TABLE"));
        assert!(!wanted(&["BASE TABLE"], "VIEW"));
    }

    #[test]
    fn empty_filter_narrows_nothing() {
        assert!(is_named(given(Some("")), "lakegate"));
        assert!(!is_named(given(Some("other")), "lakegate"));
    }

    #[test]
    fn answers_have_the_published_columns() {
        let columns = |command: &MetadataCommand| {
            let schema = schema(command);
            let text = |field: &Arc<Field>| {
                format!("{}{}", field.name(), if field.is_nullable() { "?" } else { "" })
            };
            schema.fields().iter().map(text).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(columns(&MetadataCommand::Catalogs), "catalog_name");
        assert_eq!(columns(&MetadataCommand::TableTypes), "table_type");
        assert_eq!(
            columns(&MetadataCommand::DbSchemas(CommandGetDbSchemas::default())),
            "catalog_name? db_schema_name"
        );
        let with_schema = CommandGetTables { include_schema: true, ..Default::default() };
        assert_eq!(
            columns(&MetadataCommand::Tables(with_schema)),
            "catalog_name? db_schema_name? table_name table_type table_schema"
        );
    }
}
