//! Properties of objects, as statements write them.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::sql::sqlparser::tokenizer::Token;

use super::Error;
use super::governance::{Reader, expected};

/// Properties of one statement at most.
const PROPERTIES_MAX: usize = 64;

/// `('name' = 'value', …)`.
///
/// # Errors
/// Something else stands there, or a name twice.
pub(super) fn properties(reader: &mut Reader<'_>) -> Result<BTreeMap<String, String>, Error> {
    let mut properties = BTreeMap::new();
    reader.token(&Token::LParen, "( and the properties")?;
    loop {
        let key = property_name(reader)?;
        reader.token(&Token::Eq, "= after a property's name")?;
        if properties.insert(key, reader.value()?).is_some() {
            return Err(expected("each property once"));
        }
        if properties.len() > PROPERTIES_MAX {
            return Err(expected("fewer properties"));
        }
        if !reader.parser.consume_token(&Token::Comma) {
            reader.token(&Token::RParen, ") after the last property")?;
            return Ok(properties);
        }
    }
}

/// A name of parts with dots, or a text; its case counts.
fn property_name(reader: &mut Reader<'_>) -> Result<String, Error> {
    if matches!(reader.parser.peek_token().token, Token::SingleQuotedString(_)) {
        return reader.text();
    }
    let part = |reader: &mut Reader<'_>| {
        let part = reader.parser.parse_identifier();
        part.map(|part| part.value).map_err(|_| expected("the name of a property"))
    };
    let mut name = part(reader)?;
    while reader.parser.consume_token(&Token::Period) {
        name = format!("{name}.{}", part(reader)?);
    }
    Ok(name)
}

/// `('name', …)`.
///
/// # Errors
/// Something else stands there.
pub(super) fn property_names(reader: &mut Reader<'_>) -> Result<BTreeSet<String>, Error> {
    let mut names = BTreeSet::new();
    reader.token(&Token::LParen, "( and the names of properties")?;
    loop {
        names.insert(property_name(reader)?);
        if names.len() > PROPERTIES_MAX {
            return Err(expected("fewer properties"));
        }
        if !reader.parser.consume_token(&Token::Comma) {
            reader.token(&Token::RParen, ") after the last property")?;
            return Ok(names);
        }
    }
}
