//! `CREATE TABLE`, read here because its clauses may come in any order.

use std::collections::BTreeMap;

use datafusion::sql::parser::Statement as ParsedStatement;
use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef as Items, CharacterLength as Length, ColumnDef, ColumnOption, DataType,
    Statement as Sql,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use super::super::governance::{Reader, expected, holds};
use super::super::names::reference_of;
use super::super::properties::properties;
use super::super::query::settle;
use super::super::{Error, NESTING_MAX, versions};
use super::{CreateTable, Write};

/// Reads `sql` where it begins with `CREATE TABLE`; `None` where it does not.
///
/// # Errors
/// It begins so and does not go on like that.
pub(in crate::statement) fn read(sql: &str, fold: bool) -> Result<Option<Write>, Error> {
    if !(holds(sql, "CREATE") && holds(sql, "TABLE")) {
        return Ok(None);
    }
    // A text that has no tokens is for the general parser to refuse.
    let Ok(tokens) = Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location() else {
        return Ok(None);
    };
    if !begins_with_create_table(&tokens) {
        return Ok(None);
    }
    let (tokens, clauses) = versions::cut(tokens)?;
    let parser = Parser::new(&GenericDialect {})
        .with_tokens_with_locations(tokens)
        .with_recursion_limit(NESTING_MAX);
    let mut reader = Reader { parser, fold };
    reader.take("CREATE");
    let or_replace = reader.parser.parse_keywords(&[Keyword::OR, Keyword::REPLACE]);
    reader.take("TABLE");
    let mut create = create_table(&mut reader)?;
    if or_replace && create.if_not_exists {
        return Err(expected("OR REPLACE or IF NOT EXISTS, not both"));
    }
    create.or_replace = or_replace;
    match &mut create.query {
        Some(query) => versions::attach(query, clauses)?,
        None if clauses.is_empty() => {}
        None => return Err(expected("no version of a table without a query")),
    }
    Ok(Some(Write::CreateTable(create)))
}

fn begins_with_create_table(tokens: &[TokenWithSpan]) -> bool {
    let mut words = tokens.iter().filter_map(|token| match &token.token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.keyword),
        Token::Whitespace(_) => None,
        _ => Some(Keyword::NoKeyword),
    });
    let mut next = || words.next().unwrap_or(Keyword::NoKeyword);
    match (next(), next()) {
        (Keyword::CREATE, Keyword::TABLE) => true,
        (Keyword::CREATE, Keyword::OR) => (next(), next()) == (Keyword::REPLACE, Keyword::TABLE),
        _ => false,
    }
}

fn create_table(reader: &mut Reader<'_>) -> Result<CreateTable, Error> {
    let if_not_exists = reader.parser.parse_keywords(&[Keyword::IF, Keyword::NOT, Keyword::EXISTS]);
    let name = reader.parser.parse_object_name(false).map_err(Error::Syntax)?;
    let mut create = CreateTable {
        name: reference_of(&name, reader.fold)?,
        columns: Vec::new(),
        query: None,
        partitioned_by: Vec::new(),
        location: None,
        comment: None,
        properties: BTreeMap::new(),
        if_not_exists,
        or_replace: false,
    };
    if reader.parser.peek_token().token == Token::LParen {
        create.columns = columns(&mut reader.parser)?;
    }
    loop {
        if reader.take("USING") || reader.take("STORED") {
            reader.take("AS");
            let format = reader.name()?;
            if !format.eq_ignore_ascii_case("delta") {
                return Err(Error::Unsupported {
                    what: format!("CREATE TABLE of {} files", format.to_uppercase()),
                    instead: Some("tables are Delta tables; COPY writes files of other formats"),
                });
            }
        } else if reader.take("PARTITIONED") {
            reader.word("BY")?;
            create.partitioned_by = column_names(reader)?;
        } else if reader.take("LOCATION") {
            create.location = Some(reader.text()?);
        } else if reader.take("COMMENT") {
            create.comment = Some(reader.text()?);
        } else if reader.take("TBLPROPERTIES") || is_with_options(reader) {
            create.properties = properties(reader)?;
        } else {
            break;
        }
    }
    if reader.take("AS") || is_query(reader) {
        if !create.columns.is_empty() {
            return Err(expected("columns or AS with a query, not both"));
        }
        let mut query = Sql::Query(reader.parser.parse_query().map_err(Error::Syntax)?);
        settle(&mut query)?;
        create.query = Some(Box::new(ParsedStatement::Statement(Box::new(query))));
    } else if create.columns.is_empty() {
        return Err(expected("columns in brackets, or AS with a query"));
    }
    reader.end()?;
    Ok(create)
}

/// Columns in brackets.
fn columns(parser: &mut Parser<'_>) -> Result<Vec<ColumnDef>, Error> {
    let (columns, constraints) = parser.parse_columns().map_err(Error::Syntax)?;
    if let Some(constraint) = constraints.first() {
        return Err(no_rule(&constraint.to_string()));
    }
    checked_columns(columns)
}

/// Columns that have nothing but a name, a type, whether they take NULL, and a comment.
///
/// # Errors
/// One has a rule or a default.
pub(in crate::statement) fn checked_columns(
    columns: Vec<ColumnDef>,
) -> Result<Vec<ColumnDef>, Error> {
    for option in columns.iter().flat_map(|column| &column.options) {
        let is_kept = matches!(
            option.option,
            ColumnOption::Null | ColumnOption::NotNull | ColumnOption::Comment(_)
        );
        if !is_kept {
            return Err(no_rule(&option.to_string()));
        }
    }
    columns.iter().try_for_each(|column| check_no_length(&column.data_type))?;
    Ok(columns)
}

/// Refuses types of text with a length, which nothing would hold rows to.
fn check_no_length(data_type: &DataType) -> Result<(), Error> {
    match data_type {
        DataType::Character(Some(Length::IntegerLength { .. }))
        | DataType::Char(Some(Length::IntegerLength { .. }))
        | DataType::CharacterVarying(Some(Length::IntegerLength { .. }))
        | DataType::CharVarying(Some(Length::IntegerLength { .. }))
        | DataType::Varchar(Some(Length::IntegerLength { .. }))
        | DataType::Nvarchar(Some(Length::IntegerLength { .. }))
        | DataType::String(Some(_)) => Err(Error::Unsupported {
            what: format!("{data_type} of a column"),
            instead: Some(
                "lengths of text are not checked; write TEXT, or VARCHAR without a length",
            ),
        }),
        DataType::Array(
            Items::AngleBracket(items) | Items::SquareBracket(items, _) | Items::Parenthesis(items),
        ) => check_no_length(items),
        DataType::Struct(fields, _) => {
            fields.iter().try_for_each(|field| check_no_length(&field.field_type))
        }
        DataType::Map(key, value) => {
            check_no_length(key)?;
            check_no_length(value)
        }
        _ => Ok(()),
    }
}

fn no_rule(rule: &str) -> Error {
    Error::Unsupported {
        what: format!("{rule} of a column"),
        instead: Some("columns have a name, a type, NOT NULL or not, and a COMMENT"),
    }
}

fn column_names(reader: &mut Reader<'_>) -> Result<Vec<String>, Error> {
    reader.token(&Token::LParen, "( and the columns")?;
    let mut names = vec![reader.name()?];
    while reader.parser.consume_token(&Token::Comma) {
        names.push(reader.name()?);
    }
    reader.token(&Token::RParen, ") after the columns")?;
    Ok(names)
}

/// `WITH` begins options or a query; a bracket tells.
fn is_with_options(reader: &mut Reader<'_>) -> bool {
    reader.parser.peek_nth_token(1).token == Token::LParen && reader.take("WITH")
}

fn is_query(reader: &Reader<'_>) -> bool {
    matches!(
        &reader.parser.peek_token().token,
        Token::Word(word) if matches!(word.keyword, Keyword::SELECT | Keyword::WITH | Keyword::VALUES)
    )
}
