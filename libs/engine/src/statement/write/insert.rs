//! `INSERT` and `COPY`, from what the parser reads.

use datafusion::sql::parser::{CopyToSource, CopyToStatement, Statement as ParsedStatement};
use datafusion::sql::sqlparser::ast::{
    Insert, ObjectName, Query, Statement as Sql, TableObject, Truncate, Value,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::super::Error;
use super::super::names::{reference_of, text_of};
use super::super::query::settle;
use super::Write;

/// The statement of an `INSERT`.
///
/// # Errors
/// A form of `INSERT` that is not carried out.
pub(in crate::statement) fn insert(insert: Insert, fold: bool) -> Result<Write, Error> {
    let refused = [
        (insert.ignore || insert.or.is_some() || insert.on.is_some(), "INSERT with ON CONFLICT"),
        (insert.returning.is_some() || insert.output.is_some(), "INSERT with RETURNING"),
        (insert.replace_into, "REPLACE INTO"),
        (insert.partitioned.is_some(), "INSERT with PARTITION"),
        (!insert.assignments.is_empty(), "INSERT with SET"),
        (!insert.after_columns.is_empty(), "INSERT with columns after PARTITION"),
        (!insert.multi_table_into_clauses.is_empty(), "INSERT into several tables"),
        (insert.table_alias.is_some() || insert.insert_alias.is_some(), "INSERT with an alias"),
    ];
    if let Some((_, what)) = refused.iter().find(|(is_there, _)| *is_there) {
        return Err(Error::Unsupported {
            what: (*what).to_string(),
            instead: Some("INSERT INTO table [(columns)] SELECT … or VALUES …"),
        });
    }
    let (TableObject::TableName(name), Some(source)) = (&insert.table, insert.source) else {
        return Err(Error::Unsupported {
            what: "INSERT without a table's name or without rows".to_string(),
            instead: Some("INSERT INTO table [(columns)] SELECT … or VALUES …"),
        });
    };
    let columns = insert.columns.iter().map(|column| column_name(column, fold));
    Ok(Write::Insert {
        table: reference_of(name, fold)?,
        columns: columns.collect::<Result<_, _>>()?,
        query: query(*source)?,
        overwrite: insert.overwrite,
    })
}

/// The statement of a `TRUNCATE`.
///
/// # Errors
/// A form of `TRUNCATE` that is not carried out.
pub(in crate::statement) fn truncate(truncate: &Truncate, fold: bool) -> Result<Write, Error> {
    let refused = || Error::Unsupported {
        what: "this form of TRUNCATE".to_string(),
        instead: Some("TRUNCATE TABLE name"),
    };
    let [target] = truncate.table_names.as_slice() else { return Err(refused()) };
    let is_plain = truncate.partitions.is_none()
        && !truncate.if_exists
        && truncate.identity.is_none()
        && truncate.cascade.is_none()
        && truncate.on_cluster.is_none()
        && !target.only;
    if !is_plain {
        return Err(refused());
    }
    Ok(Write::Truncate { table: reference_of(&target.name, fold)? })
}

fn column_name(name: &ObjectName, fold: bool) -> Result<String, Error> {
    match name.0.as_slice() {
        [part] => part.as_ident().map(|ident| text_of(ident, fold)),
        _ => None,
    }
    .ok_or_else(|| Error::InvalidName { name: name.to_string(), expected: "a column" })
}

/// The statement of a `COPY … TO`.
///
/// # Errors
/// An option without a value.
pub(in crate::statement) fn copy_to(copy: CopyToStatement) -> Result<Write, Error> {
    let source = match copy.source {
        CopyToSource::Query(source) => *source,
        CopyToSource::Relation(name) => all_of(&name)?,
    };
    let options = copy.options.into_iter().map(|(name, value)| {
        let text = text_of_value(value);
        text.map(|text| (name.clone(), text)).ok_or(Error::SettingValue { key: name })
    });
    Ok(Write::CopyTo {
        query: query(source)?,
        target: copy.target,
        format: copy.stored_as,
        partitioned_by: copy.partitioned_by,
        options: options.collect::<Result<_, _>>()?,
    })
}

fn text_of_value(value: Value) -> Option<String> {
    match value {
        Value::Number(text, _) => Some(text),
        Value::Boolean(value) => Some(value.to_string()),
        value => value.into_string(),
    }
}

fn query(query: Query) -> Result<Box<ParsedStatement>, Error> {
    let mut query = Sql::Query(Box::new(query));
    settle(&mut query)?;
    Ok(Box::new(ParsedStatement::Statement(Box::new(query))))
}

/// `SELECT * FROM name`.
fn all_of(name: &ObjectName) -> Result<Query, Error> {
    let text = format!("SELECT * FROM {name}");
    Parser::new(&GenericDialect {})
        .try_with_sql(&text)
        .and_then(|mut parser| parser.parse_query())
        .map(|query| *query)
        .map_err(Error::Syntax)
}
