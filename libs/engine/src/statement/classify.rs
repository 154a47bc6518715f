//! Which kind of statement a parsed one is.

use datafusion::common::TableReference;
use datafusion::sql::parser::{ResetStatement, Statement as ParsedStatement};
use datafusion::sql::sqlparser::ast::{
    CreateView, Expr, ObjectName, ObjectType, Reset, SchemaName, Set, Statement as Sql,
    UnaryOperator, Use, Value,
};

use super::names::{Names, key_of, reference_of, text_of};
use super::{Command, DropKind, Error, Statement, Write, query, show, write};

/// What a parsed statement is; `comment` was taken out of its text.
pub(super) fn classify(
    statement: ParsedStatement,
    comment: Option<String>,
    names: Names<'_>,
) -> Result<Statement, Error> {
    match statement {
        ParsedStatement::Statement(sql) => classify_sql(*sql, comment, names),
        ParsedStatement::CreateExternalTable(create) => {
            let create = Box::new(create);
            Ok(Statement::Command(Command::CreateExternalTable { create, comment }))
        }
        ParsedStatement::Explain(explain) => {
            let statement = Box::new(classify(*explain.statement, None, names)?);
            if matches!(*statement, Statement::Command(_) | Statement::Explain { .. }) {
                return Err(unsupported("EXPLAIN of a statement without rows"));
            }
            Ok(Statement::Explain { options: explain.options, statement })
        }
        ParsedStatement::Reset(ResetStatement::Variable(name)) => {
            let key = Some(key_of(&name)).filter(|key| key != "all");
            Ok(Statement::Command(Command::Reset(key)))
        }
        ParsedStatement::CopyTo(copy) => Ok(written(write::copy_to(copy)?)),
    }
}

fn classify_sql(
    mut sql: Sql,
    comment: Option<String>,
    names: Names<'_>,
) -> Result<Statement, Error> {
    let fold = names.fold;
    match sql {
        Sql::Query(_) => {
            query::settle(&mut sql)?;
            Ok(Statement::Query(Box::new(ParsedStatement::Statement(Box::new(sql)))))
        }
        Sql::ExplainTable { table_name, .. } => {
            reference_of(&table_name, fold).map(Statement::Describe)
        }
        Sql::CreateSchema { schema_name, if_not_exists, .. } => {
            let name = schema_reference(&schema_name, fold)?;
            Ok(Statement::Command(Command::CreateSchema { name, if_not_exists, comment }))
        }
        Sql::CreateView(view) => create_view(view, comment, fold),
        Sql::AlterView { name, columns, query, .. } => Ok(Statement::Command(Command::AlterView {
            name: reference_of(&name, fold)?,
            columns: columns.iter().map(|column| text_of(column, fold)).collect(),
            query: query.to_string(),
        })),
        Sql::Drop { object_type, if_exists, names, cascade, .. } => {
            drop_objects(object_type, &names, if_exists, cascade, fold)
        }
        Sql::Set(set) => set_setting(set),
        Sql::Reset(reset) => Ok(Statement::Command(Command::Reset(match reset.reset {
            Reset::ALL => None,
            Reset::ConfigurationParameter(name) => Some(key_of(&name)),
        }))),
        Sql::Use(target) => use_schema(&target, fold),
        Sql::Insert(insert) => Ok(written(write::insert(insert, fold)?)),
        Sql::Truncate(truncate) => Ok(written(write::truncate(&truncate, fold)?)),
        Sql::Update(_) | Sql::Delete(_) | Sql::Merge(_) | Sql::Copy { .. } => {
            Err(not_yet(&first_words(&sql)))
        }
        Sql::StartTransaction { .. } | Sql::Commit { .. } | Sql::Rollback { .. } => {
            Err(Error::Unsupported {
                what: "a transaction".to_string(),
                instead: Some("each statement stands alone; connect with autocommit"),
            })
        }
        other => match show::rewrite(&other, names)? {
            Some(statement) => Ok(statement),
            None => Err(unsupported(&first_words(&other))),
        },
    }
}

fn create_view(view: CreateView, comment: Option<String>, fold: bool) -> Result<Statement, Error> {
    if view.materialized {
        return Err(unsupported("a materialized view"));
    }
    if view.temporary {
        return Err(unsupported("a temporary view"));
    }
    Ok(Statement::Command(Command::CreateView {
        name: reference_of(&view.name, fold)?,
        columns: view.columns.iter().map(|column| text_of(&column.name, fold)).collect(),
        query: view.query.to_string(),
        or_replace: view.or_replace || view.or_alter,
        if_not_exists: view.if_not_exists,
        comment,
    }))
}

fn drop_objects(
    kind: ObjectType,
    names: &[ObjectName],
    if_exists: bool,
    cascade: bool,
    fold: bool,
) -> Result<Statement, Error> {
    let kind = match kind {
        ObjectType::Table => DropKind::Table,
        ObjectType::View => DropKind::View,
        ObjectType::Schema => DropKind::Schema,
        other => return Err(unsupported(&format!("DROP {other}"))),
    };
    let names = names.iter().map(|name| reference_of(name, fold)).collect::<Result<Vec<_>, _>>()?;
    Ok(Statement::Command(Command::Drop { kind, names, if_exists, cascade }))
}

fn set_setting(set: Set) -> Result<Statement, Error> {
    let (key, value) = match set {
        Set::SingleAssignment { variable, values, .. } => {
            let key = key_of(&variable);
            let refused = || Error::SettingValue { key: key.clone() };
            let [value] = values.as_slice() else { return Err(refused()) };
            let value = literal_text(value).ok_or_else(refused)?;
            (key, value)
        }
        Set::SetTimeZone { value, .. } => {
            let key = "datafusion.execution.time_zone".to_string();
            let value =
                literal_text(&value).ok_or_else(|| Error::SettingValue { key: key.clone() })?;
            (key, value)
        }
        other => return Err(unsupported(&other.to_string())),
    };
    Ok(Statement::Command(Command::Set { key, value }))
}

/// The text of a literal, a bare word or a signed number.
fn literal_text(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(ident) => Some(ident.value.clone()),
        Expr::CompoundIdentifier(parts) => {
            Some(parts.iter().map(|part| part.value.as_str()).collect::<Vec<_>>().join("."))
        }
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => {
            literal_text(expr).map(|text| format!("-{text}"))
        }
        Expr::UnaryOp { op: UnaryOperator::Plus, expr } => literal_text(expr),
        Expr::Value(value) => match &value.value {
            Value::Number(text, _) => Some(text.to_string()),
            Value::Boolean(value) => Some(value.to_string()),
            value => value.clone().into_string(),
        },
        _ => None,
    }
}

fn use_schema(target: &Use, fold: bool) -> Result<Statement, Error> {
    let name = match target {
        Use::Object(name) | Use::Schema(name) => name,
        other => return Err(unsupported(&other.to_string())),
    };
    reference_of(name, fold).map(|name| Statement::Command(Command::Use(name)))
}

fn schema_reference(name: &SchemaName, fold: bool) -> Result<TableReference, Error> {
    let reference = match name {
        SchemaName::Simple(name) | SchemaName::NamedAuthorization(name, _) => {
            reference_of(name, fold)?
        }
        SchemaName::UnnamedAuthorization(owner) => TableReference::bare(text_of(owner, fold)),
    };
    match reference {
        TableReference::Full { .. } => Err(Error::InvalidName {
            name: name.to_string(),
            expected: "a schema: [project.]schema",
        }),
        reference => Ok(reference),
    }
}

fn not_yet(what: &str) -> Error {
    Error::Unsupported {
        what: what.to_string(),
        instead: Some(
            "CREATE TABLE AS and INSERT add rows; INSERT OVERWRITE and CREATE OR REPLACE TABLE AS \
             put others in their place",
        ),
    }
}

fn written(write: Write) -> Statement {
    Statement::Command(Command::Write(Box::new(write)))
}

fn unsupported(what: &str) -> Error {
    Error::Unsupported { what: what.to_string(), instead: None }
}

/// The statement's first two words, enough to name its kind without repeating what it holds.
fn first_words(sql: &Sql) -> String {
    sql.to_string().split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}
