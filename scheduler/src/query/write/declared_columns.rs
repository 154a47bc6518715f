//! The columns of a table that a statement makes.

use std::sync::Arc;

use arrow::datatypes::{Field, FieldRef, Schema};
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{DdlStatement, LogicalPlan};
use datafusion::sql::parser::Statement as ParsedStatement;
use datafusion::sql::sqlparser::ast::helpers::stmt_create_table::CreateTableBuilder;
use datafusion::sql::sqlparser::ast::{ColumnDef, ColumnOption, Ident, Statement as Sql};
use lakegate_engine::statement::CreateTable;
use lakegate_lake::delta::COLUMN_COMMENT;

use crate::query::Error;
use crate::query::command::unsupported;

/// The columns of a statement that declares them, with what it says about them.
///
/// # Errors
/// A type that there is not, or a name twice.
pub(in crate::query) async fn declared_columns(
    state: &SessionState,
    columns: &[ColumnDef],
) -> Result<Schema, Error> {
    let name = vec![Ident::new("declared")].into();
    let create = CreateTableBuilder::new(name).columns(columns.to_vec()).build();
    let parsed = ParsedStatement::Statement(Box::new(Sql::CreateTable(create)));
    match state.statement_to_plan(parsed).await.map_err(Error::Planning)? {
        LogicalPlan::Ddl(DdlStatement::CreateMemoryTable(create)) => {
            let fields = create.input.schema().fields().iter().zip(columns);
            Ok(Schema::new(
                fields.map(|(field, column)| commented(field, column)).collect::<Vec<_>>(),
            ))
        }
        _ => Err(unsupported("this form of CREATE TABLE", "CREATE TABLE name (column type, …)")),
    }
}

/// Refuses first rows where files have other names for columns: those are given when the log is made,
/// after the rows.
///
/// # Errors
/// The statement has a query and asks for column mapping.
pub(super) fn check_names_are_known(create: &CreateTable) -> Result<(), Error> {
    let has_other_names = create.properties.iter().any(|(name, value)| {
        let is_mapped = name == "delta.columnMapping.mode" && value != "none";
        is_mapped || (name.starts_with("delta.enableIcebergCompat") && value == "true")
    });
    if create.query.is_some() && has_other_names {
        return Err(unsupported(
            "rows in the CREATE TABLE of a table with column mapping",
            "CREATE TABLE name (column type, …), then INSERT",
        ));
    }
    Ok(())
}

/// The columns without what files say about them.
pub(super) fn without_metadata(columns: &Schema) -> Schema {
    let fields = columns.fields().iter();
    let plain = fields.map(|field| Field::clone(field).with_metadata(Default::default()));
    Schema::new(plain.collect::<Vec<_>>())
}

/// The field with what the declaration says about it.
fn commented(field: &FieldRef, column: &ColumnDef) -> FieldRef {
    let comment = column.options.iter().find_map(|option| match &option.option {
        ColumnOption::Comment(text) => Some((COLUMN_COMMENT.to_string(), text.clone())),
        _ => None,
    });
    Arc::new(Field::clone(field).with_metadata(comment.into_iter().collect()))
}
