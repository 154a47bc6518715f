//! `DESCRIBE HISTORY | DETAIL | EXTENDED | TABLE | VIEW | VOLUME`, which the general parser takes for names of tables.

use datafusion::common::TableReference;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use super::names::reference_of;
use super::{DropKind, Error, Statement};

/// What is asked of a table besides its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inspection {
    /// What was done to it, commit by commit: so many of the newest, all that are shown without.
    History(Option<usize>),
    /// Format, place, size and properties, in one row.
    Detail,
    /// Its columns, and what the catalog tells of it.
    Extended,
    /// Its properties, or the one of this name.
    Properties(Option<String>),
    /// A statement that makes it again, if it is of this kind.
    Creation(DropKind),
}

/// Reads a statement of these; `None` for another one.
///
/// # Errors
/// It begins like one and does not go on like one.
pub(super) fn read(tokens: &[TokenWithSpan], fold: bool) -> Result<Option<Statement>, Error> {
    let mut significant =
        tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_)));
    let mut word = || match &significant.next()?.token {
        Token::Word(Word { value, quote_style: None, .. }) => Some(value.to_uppercase()),
        Token::Word(word) => Some(word.to_string()),
        _ => None,
    };
    // A third word, or else a table of that name is described.
    let (Some(first), Some(second), Some(_)) = (word(), word(), word()) else { return Ok(None) };
    if !["DESCRIBE", "DESC"].contains(&first.as_str()) {
        return Ok(None);
    }
    let mut what = match second.as_str() {
        "TABLE" | "VIEW" => None,
        // A volume has no columns.
        "VOLUME" => Some(Inspection::Extended),
        "HISTORY" => Some(Inspection::History(None)),
        "DETAIL" => Some(Inspection::Detail),
        "EXTENDED" | "FORMATTED" => Some(Inspection::Extended),
        _ => return Ok(None),
    };
    let mut parser = Parser::new(&GenericDialect {}).with_tokens_with_locations(tokens.to_vec());
    parser.next_token();
    parser.next_token();
    let is_named = matches!(parser.peek_nth_token(1).token, Token::Word(_));
    if is_named {
        // DESCRIBE EXTENDED TABLE name
        let _ = parser.parse_keyword(Keyword::TABLE);
    }
    let name = parser.parse_object_name(false).map_err(Error::Syntax)?;
    if what == Some(Inspection::History(None)) && parser.parse_keyword(Keyword::LIMIT) {
        let limit = parser.parse_literal_uint().map_err(Error::Syntax)?;
        what = Some(Inspection::History(usize::try_from(limit).ok()));
    }
    let _ = parser.consume_token(&Token::SemiColon);
    if parser.peek_token().token != Token::EOF {
        return Err(Error::Expected { expected: "the end of DESCRIBE after the name of a table" });
    }
    let name: TableReference = reference_of(&name, fold)?;
    Ok(Some(match what {
        Some(what) => Statement::Inspect { what, name },
        None => Statement::Describe(name),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statement::parse;

    fn inspected(sql: &str) -> (Inspection, String) {
        match parse(sql, true) {
            Ok(Statement::Inspect { what, name }) => (what, name.to_string()),
            other => panic!("{sql}: {other:?}"),
        }
    }

    #[test]
    fn more_than_columns_is_asked_for_by_a_word() {
        for (sql, what, name) in [
            ("DESCRIBE HISTORY t", Inspection::History(None), "t"),
            ("desc history P.S.t limit 5;", Inspection::History(Some(5)), "p.s.t"),
            ("DESCRIBE DETAIL \"T\"", Inspection::Detail, "T"),
            ("DESCRIBE EXTENDED history", Inspection::Extended, "history"),
            ("DESCRIBE FORMATTED TABLE s.t", Inspection::Extended, "s.t"),
        ] {
            assert_eq!(inspected(sql), (what, name.to_string()), "{sql}");
        }
    }

    #[test]
    fn tables_may_be_called_like_these_words() {
        for sql in
            ["DESCRIBE history", "DESC detail;", "DESCRIBE \"extended\".t", "DESCRIBE TABLE t"]
        {
            assert!(matches!(parse(sql, true), Ok(Statement::Describe(_))), "{sql}");
        }
    }

    #[test]
    fn what_follows_the_name_is_refused() {
        for sql in
            ["DESCRIBE HISTORY t u", "DESCRIBE DETAIL t LIMIT 1", "DESCRIBE HISTORY t; SELECT 1"]
        {
            assert!(matches!(parse(sql, true), Err(Error::Expected { .. })), "{sql}");
        }
    }
}
