//! A name of its own for each table that a statement reads at a version, or the changes of.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::common::TableReference;
use datafusion::sql::parser::Statement as ParsedStatement;
use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, Ident, ObjectName, ObjectNamePart, Query, TableAlias,
    TableFactor, TableFunctionArgs, TableVersion, Value, VisitMut, VisitorMut, With,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::Token;

use super::super::Error;
use super::super::names::{reference_of, text_of};
use super::walk;

/// The function that reads a change data feed.
const TABLE_CHANGES: &str = "table_changes";
/// What stands in a made name before the version. No dataset has a name with a control character.
const MARK: char = '\t';

/// What a made name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// A table at a version.
    Version {
        /// The last part of the table's name; the parts before it are those of the made name.
        table: String,
        /// The version.
        version: u64,
    },
    /// A table as it was at a time.
    Time {
        /// As in [`Reading::Version`].
        table: String,
        /// An expression without columns that gives the time.
        time: Box<Expr>,
    },
    /// The changes of a table, as `table_changes('table', from, to)` gives them.
    Changes {
        /// The table.
        table: TableReference,
        /// An expression without columns that gives the first version, or its time.
        from: Box<Expr>,
        /// The same for the last version; `None` for the newest.
        to: Option<Box<Expr>>,
    },
}

/// Names every table that `statement` reads at a version in a way that no other is named, and every
/// call of `table_changes`. Answers what the names, which stand last in their references, mean.
///
/// # Errors
/// A version that cannot be read: of a query of WITH, of a kind that is not known, or together with
/// something else that the planner would ignore.
pub fn name_apart(
    statement: &mut ParsedStatement,
    fold: bool,
) -> Result<HashMap<String, Reading>, Error> {
    let mut naming =
        Naming { fold, readings: HashMap::new(), queries: Vec::new(), held: Vec::new() };
    match walk(statement, &mut naming) {
        ControlFlow::Continue(()) => Ok(naming.readings),
        ControlFlow::Break(error) => Err(*error),
    }
}

struct Naming {
    fold: bool,
    readings: HashMap<String, Reading>,
    /// Names of WITH in scope, the innermost last.
    queries: Vec<String>,
    /// Of each query that is being visited its WITH, and how many names were in scope before.
    held: Vec<(Option<With>, usize)>,
}

impl VisitorMut for Naming {
    type Break = Box<Error>;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Self::Break> {
        let before = self.queries.len();
        // Taken out, so that each is visited once, with the names that are in scope there.
        let mut with = query.with.take();
        if let Some(with) = &mut with {
            for common in &mut with.cte_tables {
                let name = text_of(&common.alias.name, self.fold);
                if with.recursive {
                    self.queries.push(name);
                    common.visit(self)?;
                } else {
                    common.visit(self)?;
                    self.queries.push(name);
                }
            }
        }
        self.held.push((with, before));
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<Self::Break> {
        if let Some((with, before)) = self.held.pop() {
            query.with = with;
            self.queries.truncate(before);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Self::Break> {
        match self.rename(factor) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(Box::new(error)),
        }
    }
}

impl Naming {
    fn rename(&mut self, factor: &mut TableFactor) -> Result<(), Error> {
        refuse_ignored(factor)?;
        let TableFactor::Table { name, alias, args, version, .. } = factor else { return Ok(()) };
        let (made, reading, shown) = match (version.take(), &args) {
            (Some(version), None) => self.at_version(name, &version)?,
            (Some(version), Some(_)) => return Err(unsupported(format!("a function {version}"))),
            (None, Some(arguments)) if is_table_changes(name, self.fold) => {
                let call = written(arguments);
                let reading = changes(arguments, self.fold)?;
                (format!("{TABLE_CHANGES}{MARK}({call})"), reading, Ident::new(TABLE_CHANGES))
            }
            (None, _) => return Ok(()),
        };
        if args.take().is_some() {
            name.0.clear();
        } else {
            name.0.pop();
        }
        name.0.push(ObjectNamePart::Identifier(Ident::with_quote('"', made.clone())));
        self.readings.insert(made, reading);
        alias.get_or_insert_with(|| TableAlias {
            explicit: true,
            name: shown,
            columns: Vec::new(),
            at: None,
        });
        Ok(())
    }

    fn at_version(
        &self,
        name: &ObjectName,
        version: &TableVersion,
    ) -> Result<(String, Reading, Ident), Error> {
        let reference = reference_of(name, self.fold)?;
        let table = reference.table().to_string();
        if matches!(reference, TableReference::Bare { .. }) && self.queries.contains(&table) {
            return Err(unsupported(format!("{version} of the query {table:?} of WITH")));
        }
        let shown = Ident::with_quote('"', table.clone());
        let made = format!("{table}{MARK}{version}");
        let reading = match version {
            TableVersion::VersionAsOf(number) => {
                let number = number.to_string();
                let version = number.parse().map_err(|_| Error::Expected {
                    expected: "the number of a version after VERSION AS OF",
                })?;
                Reading::Version { table, version }
            }
            TableVersion::TimestampAsOf(time) | TableVersion::ForSystemTimeAsOf(time) => {
                Reading::Time { table, time: Box::new(time.clone()) }
            }
            other => return Err(unsupported(other.to_string())),
        };
        Ok((made, reading, shown))
    }
}

/// Refuses what the planner would read as if it were not there.
fn refuse_ignored(factor: &TableFactor) -> Result<(), Error> {
    let TableFactor::Table { partitions, with_ordinality, json_path, sample, .. } = factor else {
        return Ok(());
    };
    let what = match () {
        () if sample.is_some() => "TABLESAMPLE",
        () if !partitions.is_empty() => "PARTITION behind the name of a table",
        () if *with_ordinality => "WITH ORDINALITY",
        () if json_path.is_some() => "a path behind the name of a table",
        () => return Ok(()),
    };
    Err(unsupported(what.to_string()))
}

fn is_table_changes(name: &ObjectName, fold: bool) -> bool {
    match name.0.as_slice() {
        [ObjectNamePart::Identifier(ident)] => text_of(ident, fold) == TABLE_CHANGES,
        _ => false,
    }
}

fn written(arguments: &TableFunctionArgs) -> String {
    arguments.args.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn changes(arguments: &TableFunctionArgs, fold: bool) -> Result<Reading, Error> {
    let expected = || Error::Expected { expected: "table_changes('table', from [, to])" };
    let arguments = arguments.args.iter().map(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)) => Ok(argument),
        _ => Err(expected()),
    });
    let arguments = arguments.collect::<Result<Vec<_>, _>>()?;
    let (table, from, to) = match arguments.as_slice() {
        [table, from] => (table, from, None),
        [table, from, to] => (table, from, Some(to)),
        _ => return Err(expected()),
    };
    let Expr::Value(table) = table else { return Err(expected()) };
    let Value::SingleQuotedString(table) = &table.value else { return Err(expected()) };
    let mut parser = Parser::new(&GenericDialect {}).try_with_sql(table).map_err(Error::Syntax)?;
    let name = parser.parse_object_name(false).map_err(Error::Syntax)?;
    if parser.peek_token().token != Token::EOF {
        return Err(expected());
    }
    let table = reference_of(&name, fold)?;
    let boxed = |bound: &Expr| Box::new(bound.clone());
    Ok(Reading::Changes { table, from: boxed(from), to: to.map(|to| boxed(to)) })
}

fn unsupported(what: String) -> Error {
    Error::Unsupported { what, instead: None }
}
