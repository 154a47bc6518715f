//! `SHOW …` in terms of `information_schema` queries, which know nothing that SELECT does not.

use datafusion::common::TableReference;
use datafusion::sql::parser::{DFParser, Statement as ParsedStatement};
use datafusion::sql::sqlparser::ast::{
    ObjectName, ShowCreateObject, ShowStatementFilter, ShowStatementFilterPosition,
    ShowStatementOptions, Statement as Sql,
};

use super::names::{Names, reference_of};
use super::{DropKind, Error, Inspection, Statement};

/// The statement that answers `sql` when it is one of the SHOW family.
pub(super) fn rewrite(sql: &Sql, names: Names<'_>) -> Result<Option<Statement>, Error> {
    let fold = names.fold;
    let text = match sql {
        Sql::ShowTables { show_options, .. } => tables(show_options, names, None)?,
        Sql::ShowViews { show_options, .. } => tables(show_options, names, Some("VIEW"))?,
        Sql::ShowSchemas { show_options, .. } => format!(
            "SELECT DISTINCT catalog_name AS project, schema_name AS schema FROM information_schema.schemata \
             WHERE schema_name <> 'information_schema'{}{} ORDER BY 1, 2",
            in_project(show_options, fold)?,
            filter(show_options, "schema_name")?
        ),
        Sql::ShowDatabases { show_options, .. } | Sql::ShowCatalogs { show_options, .. } => {
            format!(
                "SELECT DISTINCT catalog_name AS project FROM information_schema.schemata WHERE true{} ORDER BY 1",
                filter(show_options, "catalog_name")?
            )
        }
        Sql::ShowCreate { obj_type, obj_name } => {
            let expected = match obj_type {
                ShowCreateObject::Table => DropKind::Table,
                ShowCreateObject::View => DropKind::View,
                _ => return Ok(None),
            };
            let what = Inspection::Creation(expected);
            return Ok(Some(Statement::Inspect { what, name: reference_of(obj_name, fold)? }));
        }
        Sql::ShowColumns { show_options, .. } => return columns(show_options, fold).map(Some),
        Sql::ShowVariable { variable } => {
            let key =
                variable.iter().map(|part| part.value.to_lowercase()).collect::<Vec<_>>().join(".");
            return match key.as_str() {
                "all" | "settings" => Ok(Some(Statement::ShowSetting(None))),
                _ => Ok(Some(Statement::ShowSetting(Some(key)))),
            };
        }
        Sql::ShowVariables { .. } => return Ok(Some(Statement::ShowSetting(None))),
        Sql::ShowFunctions { filter } => {
            let filter = filter
                .as_ref()
                .map(|filter| filter_text(filter, "routine_name"))
                .transpose()?
                .unwrap_or_default();
            format!(
                "SELECT DISTINCT routine_name AS function, function_type AS kind FROM information_schema.routines WHERE true{filter} ORDER BY 1, 2"
            )
        }
        _ => return Ok(None),
    };
    parsed(&text).map(Some)
}

pub(super) fn parsed(text: &str) -> Result<Statement, Error> {
    let mut statements = DFParser::parse_sql(text).map_err(Error::of_parser)?;
    match statements.pop_front() {
        Some(statement @ ParsedStatement::Statement(_)) => {
            Ok(Statement::Query(Box::new(statement)))
        }
        _ => Err(Error::Empty),
    }
}

/// The condition of being in the project that is named, where one is.
fn in_project(options: &ShowStatementOptions, fold: bool) -> Result<String, Error> {
    match scope(options, fold)? {
        None => Ok(String::new()),
        Some(TableReference::Bare { table }) => {
            Ok(format!(" AND catalog_name = {}", quoted(&table)))
        }
        Some(other) => {
            Err(Error::InvalidName { name: other.to_string(), expected: "a project: one part" })
        }
    }
}

fn tables(
    options: &ShowStatementOptions,
    names: Names<'_>,
    kind: Option<&str>,
) -> Result<String, Error> {
    let mut text = "SELECT table_catalog AS project, table_schema AS schema, table_name AS name, table_type AS kind \
                    FROM information_schema.tables WHERE true"
        .to_string();
    if let Some(kind) = kind {
        text.push_str(&format!(" AND table_type = '{kind}'"));
    }
    text.push_str(&match scope(options, names.fold)? {
        Some(scope) => in_schema(&scope, names.project, "table_catalog", "table_schema")?,
        // What the service has of its own is listed where it is asked for.
        None => " AND table_schema NOT IN ('information_schema', 'system')".to_string(),
    });
    text.push_str(&filter(options, "table_name")?);
    text.push_str(" ORDER BY 1, 2, 3");
    Ok(text)
}

/// The condition of being in a schema, that of `project` where it does not say its own, on the
/// columns of these names.
pub(super) fn in_schema(
    scope: &TableReference,
    project: &str,
    project_column: &str,
    schema_column: &str,
) -> Result<String, Error> {
    let equals = |column: &str, value: &str| format!(" AND {column} = {}", quoted(value));
    match scope {
        TableReference::Bare { table } => {
            Ok(equals(project_column, project) + &equals(schema_column, table))
        }
        TableReference::Partial { schema, table } => {
            Ok(equals(project_column, schema) + &equals(schema_column, table))
        }
        TableReference::Full { .. } => Err(Error::InvalidName {
            name: scope.to_string(),
            expected: "a schema: [project.]schema",
        }),
    }
}

fn columns(options: &ShowStatementOptions, fold: bool) -> Result<Statement, Error> {
    match scope(options, fold)? {
        Some(dataset) => Ok(Statement::Describe(dataset)),
        None => Err(Error::Unsupported {
            what: "SHOW COLUMNS".to_string(),
            instead: Some("write SHOW COLUMNS FROM name"),
        }),
    }
}

fn scope(options: &ShowStatementOptions, fold: bool) -> Result<Option<TableReference>, Error> {
    let name: Option<&ObjectName> =
        options.show_in.as_ref().and_then(|scope| scope.parent_name.as_ref());
    name.map(|name| reference_of(name, fold)).transpose()
}

fn filter(options: &ShowStatementOptions, column: &str) -> Result<String, Error> {
    match &options.filter_position {
        Some(
            ShowStatementFilterPosition::Infix(filter)
            | ShowStatementFilterPosition::Suffix(filter),
        ) => filter_text(filter, column),
        None => Ok(String::new()),
    }
}

fn filter_text(filter: &ShowStatementFilter, column: &str) -> Result<String, Error> {
    match filter {
        ShowStatementFilter::Like(pattern) => Ok(format!(" AND {column} LIKE {}", quoted(pattern))),
        ShowStatementFilter::ILike(pattern) => {
            Ok(format!(" AND {column} ILIKE {}", quoted(pattern)))
        }
        other => Err(Error::Unsupported {
            what: format!("SHOW … {other}"),
            instead: Some("query information_schema"),
        }),
    }
}

pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
