//! Version clauses in a text: found among its tokens, and put where they belong once it is parsed.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as ParsedStatement;
use datafusion::sql::sqlparser::ast::{
    Expr, FromTable, Ident, ObjectNamePart, Statement as Sql, TableFactor, TableVersion, Value,
    VisitorMut,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan};

use super::super::{Error, NESTING_MAX};
use super::walk;

/// Most clauses of one statement.
pub(super) const CLAUSES_MAX: usize = 100;
/// Most tokens that the time of one clause may have, blanks among them.
pub(super) const MOMENT_TOKENS_MAX: usize = 256;

/// Words of which what follows is no table, so that `version AS of` after them renames a column or a
/// table that is called `version`.
const BEFORE_NAMES: [&str; 6] = ["SELECT", "DISTINCT", "ALL", "FROM", "JOIN", "LATERAL"];

/// What a clause belongs to: the table or alias whose last word begins here, or the alias whose last
/// column does. A table inside of brackets is not what follows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Follows {
    in_columns: bool,
    begins: Location,
}

/// A clause that was cut out.
#[derive(Debug)]
pub(in crate::statement) struct Clause {
    follows: Follows,
    version: TableVersion,
}

/// How a clause begins.
enum Kind {
    Version,
    Time,
}

/// The tokens of a text without its version clauses, and those.
///
/// # Errors
/// A clause does not go on like one, or there are too many.
pub(in crate::statement) fn cut(
    tokens: Vec<TokenWithSpan>,
) -> Result<(Vec<TokenWithSpan>, Vec<Clause>), Error> {
    let mut clauses = Vec::new();
    let mut kept: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let Some((kind, operand, follows)) = clause_at(&tokens, at, &kept) else {
            kept.push(token.clone());
            at += 1;
            continue;
        };
        if clauses.len() == CLAUSES_MAX {
            return Err(Error::TooManyVersions { limit: CLAUSES_MAX });
        }
        let (version, used) = match kind {
            Kind::Version => (TableVersion::VersionAsOf(number(&tokens[operand])?), 1),
            Kind::Time => {
                let (moment, used) = moment(&tokens[operand..])?;
                (TableVersion::TimestampAsOf(moment), used)
            }
        };
        clauses.push(Clause { follows, version });
        at = operand + used;
    }
    Ok((kept, clauses))
}

/// The clause that begins at `at`, with the place of its operand and of what it belongs to.
fn clause_at(
    tokens: &[TokenWithSpan],
    at: usize,
    before: &[TokenWithSpan],
) -> Option<(Kind, usize, Follows)> {
    // Looked at first: a text may hold millions of blanks in a row.
    if is_blank(&tokens[at]) {
        return None;
    }
    let mut words = significant(tokens, at);
    let mut word = words.next()?.1;
    let has_for = is_word(word, "FOR");
    if has_for {
        word = words.next()?.1;
    }
    let kind = match word {
        _ if is_word(word, "VERSION") || is_word(word, "SYSTEM_VERSION") => Kind::Version,
        _ if is_word(word, "TIMESTAMP") || is_word(word, "SYSTEM_TIME") => Kind::Time,
        _ => return None,
    };
    let is_clause = is_word(words.next()?.1, "AS") && is_word(words.next()?.1, "OF");
    let (operand, first) = words.next()?;
    if !is_clause {
        return None;
    }
    let mut before = before.iter().rev().filter(|token| !is_blank(token));
    let mut last = before.next()?;
    if !has_for && (!ends_a_name(last) || !begins_an_operand(first)) {
        return None;
    }
    // Columns may be named after an alias: `t AS u (a, b)`.
    let in_columns = last.token == Token::RParen;
    if in_columns {
        last = before.next()?;
    }
    Some((kind, operand, Follows { in_columns, begins: last.span.start }))
}

fn significant(
    tokens: &[TokenWithSpan],
    from: usize,
) -> impl Iterator<Item = (usize, &TokenWithSpan)> {
    tokens.iter().enumerate().skip(from).filter(|(_, token)| !is_blank(token))
}

fn is_blank(token: &TokenWithSpan) -> bool {
    matches!(token.token, Token::Whitespace(_))
}

fn is_word(token: &TokenWithSpan, expected: &str) -> bool {
    matches!(&token.token, Token::Word(word)
        if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(expected))
}

fn ends_a_name(token: &TokenWithSpan) -> bool {
    match &token.token {
        Token::Word(_) => !BEFORE_NAMES.iter().any(|word| is_word(token, word)),
        other => *other == Token::RParen,
    }
}

fn begins_an_operand(token: &TokenWithSpan) -> bool {
    match &token.token {
        Token::Comma | Token::RParen | Token::SemiColon | Token::EOF => false,
        _ => !is_word(token, "FROM"),
    }
}

/// The number of a version, which may stand in quotes.
fn number(token: &TokenWithSpan) -> Result<Expr, Error> {
    let digits = match &token.token {
        Token::Number(digits, false) => digits,
        Token::SingleQuotedString(digits) => digits,
        _ => return Err(not_a_version()),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(not_a_version());
    }
    Ok(Expr::Value(Value::Number(digits.clone(), false).with_span(token.span)))
}

fn not_a_version() -> Error {
    Error::Expected { expected: "the number of a version after VERSION AS OF" }
}

/// The expression at the beginning of `tokens`, and how many of them it takes.
fn moment(tokens: &[TokenWithSpan]) -> Result<(Expr, usize), Error> {
    let most = tokens.len().min(MOMENT_TOKENS_MAX);
    let mut parser = Parser::new(&GenericDialect {})
        .with_recursion_limit(NESTING_MAX)
        .with_tokens_with_locations(tokens[..most].to_vec());
    let moment = parser.parse_expr().map_err(Error::Syntax)?;
    let used = parser.index().min(most);
    if used == most && most < tokens.len() {
        return Err(Error::Expected { expected: "a shorter expression after TIMESTAMP AS OF" });
    }
    Ok((moment, used))
}

/// Gives the tables of a parsed statement the versions that were cut out of its text.
///
/// # Errors
/// A clause belongs to no table that is read.
pub(in crate::statement) fn attach(
    statement: &mut ParsedStatement,
    clauses: Vec<Clause>,
) -> Result<(), Error> {
    if clauses.is_empty() {
        return Ok(());
    }
    let mut places = Places { versions: HashMap::with_capacity(clauses.len()) };
    for clause in clauses {
        if places.versions.insert(clause.follows, clause.version).is_some() {
            return Err(Error::Expected { expected: "one version of a table" });
        }
    }
    // A visit that breaks off nowhere.
    let _ = walk(statement, &mut places);
    if !places.versions.is_empty() {
        return Err(Error::Expected {
            expected: "the name of a table that is read before VERSION AS OF or TIMESTAMP AS OF",
        });
    }
    refuse_changed_version(statement)
}

struct Places {
    versions: HashMap<Follows, TableVersion>,
}

impl VisitorMut for Places {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, alias, args: None, version, .. } = factor {
            let name = name.0.last().and_then(ObjectNamePart::as_ident);
            let mut take = |in_columns: bool, ident: &Ident| {
                self.versions.remove(&Follows { in_columns, begins: ident.span.start })
            };
            *version = name.and_then(|name| take(false, name)).or_else(|| {
                let alias = alias.as_ref()?;
                match alias.columns.last() {
                    Some(column) => take(true, &column.name),
                    None => take(false, &alias.name),
                }
            });
        }
        ControlFlow::Continue(())
    }
}

/// An old version can be read and not changed.
fn refuse_changed_version(statement: &ParsedStatement) -> Result<(), Error> {
    let ParsedStatement::Statement(sql) = statement else { return Ok(()) };
    let has_version =
        |factor: &TableFactor| matches!(factor, TableFactor::Table { version: Some(_), .. });
    let changed = match sql.as_ref() {
        Sql::Update(update) => has_version(&update.table.relation),
        Sql::Merge(merge) => has_version(&merge.table),
        Sql::Delete(delete) => {
            let (FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables)) =
                &delete.from;
            tables.iter().any(|table| has_version(&table.relation))
        }
        _ => false,
    };
    if changed {
        let what = "a change of an old version of a table".to_string();
        return Err(Error::Unsupported { what, instead: None });
    }
    Ok(())
}
