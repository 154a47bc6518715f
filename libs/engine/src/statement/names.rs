//! Names in statements: parts, quoting and case.

use datafusion::common::TableReference;
use datafusion::sql::sqlparser::ast::{Ident, ObjectName, ObjectNamePart};

use super::Error;

/// What names in a statement mean that do not say it themselves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names<'a> {
    /// The project of the session.
    pub(super) project: &'a str,
    /// Whether names without quotes are the same in any case.
    pub(super) fold: bool,
}

/// The text of an identifier: as written when quoted, in lower case when `fold`ed.
pub(super) fn text_of(ident: &Ident, fold: bool) -> String {
    if ident.quote_style.is_none() && fold {
        ident.value.to_lowercase()
    } else {
        ident.value.clone()
    }
}

/// A name of one to three parts.
pub(super) fn reference_of(name: &ObjectName, fold: bool) -> Result<TableReference, Error> {
    let invalid = || Error::InvalidName {
        name: name.to_string(),
        expected: "a dataset: [[project.]schema.]name",
    };
    let parts = name.0.iter().map(|part| match part {
        ObjectNamePart::Identifier(ident) => Ok(text_of(ident, fold)),
        ObjectNamePart::Function(_) => Err(invalid()),
    });
    let mut parts = parts.collect::<Result<Vec<_>, _>>()?.into_iter();
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(name), None, ..) => Ok(TableReference::bare(name)),
        (Some(schema), Some(name), None, _) => Ok(TableReference::partial(schema, name)),
        (Some(project), Some(schema), Some(name), None) => {
            Ok(TableReference::full(project, schema, name))
        }
        _ => Err(invalid()),
    }
}

/// A dotted key of a setting, always in lower case.
pub(super) fn key_of(name: &ObjectName) -> String {
    name.to_string().replace(['"', '`'], "").to_lowercase()
}
