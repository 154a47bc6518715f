//! `ALTER`.

use std::collections::BTreeSet;

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::Token;
use lakegate_common::secret::Secret;

use super::super::Error;
use super::super::properties::{properties, property_names};
use super::super::write::checked_columns;
use super::read::{Reader, expected, secrets};
use super::{Change, Governance, ObjectKind};

/// What properties are called, in several dialects.
pub(super) const PROPERTIES_WORDS: [&str; 3] = ["TBLPROPERTIES", "DBPROPERTIES", "PROPERTIES"];

/// What columns are called.
pub(super) const COLUMN_WORDS: [&str; 2] = ["COLUMN", "COLUMNS"];

/// Columns of one statement at most.
const COLUMNS_MAX: usize = 1_000;

impl Reader<'_> {
    pub(super) fn alter(&mut self) -> Result<Governance, Error> {
        self.word("ALTER")?;
        let kind = self.kind()?;
        let if_exists = self.parser.parse_keywords(&[Keyword::IF, Keyword::EXISTS]);
        let name = self.object(kind)?;
        let change = self.change(kind)?;
        Ok(Governance::Alter { kind, name, if_exists, change })
    }

    fn change(&mut self, kind: ObjectKind) -> Result<Change, Error> {
        if kind == ObjectKind::Table
            && let Some(change) = self.column_change()?
        {
            return Ok(change);
        }
        if self.take("RENAME") {
            self.word("TO")?;
            return Ok(Change::Name(self.name()?));
        }
        if kind == ObjectKind::User {
            return self.user_change();
        }
        if self.take("OWNER") {
            self.word("TO")?;
            return Ok(Change::Owner(self.name()?));
        }
        match kind {
            ObjectKind::Project => self.project_change(),
            ObjectKind::Schema
            | ObjectKind::Table
            | ObjectKind::View
            | ObjectKind::Volume
            | ObjectKind::Dataset => self.property_change()?.ok_or_else(|| {
                expected("RENAME TO, OWNER TO, SET TBLPROPERTIES or UNSET TBLPROPERTIES")
            }),
            ObjectKind::Location => self.location_change(),
            ObjectKind::Credential => {
                self.word("SET")?;
                let ambient = self.take("AMBIENT");
                let keys = (!ambient).then(|| self.options()).transpose()?;
                Ok(Change::Secrets(keys.map(secrets)))
            }
            ObjectKind::User | ObjectKind::Role => Err(expected("RENAME TO")),
        }
    }

    fn user_change(&mut self) -> Result<Change, Error> {
        if !self.take("WITH") {
            self.take("SET");
        }
        if let Some(is_admin) = self.admin() {
            return Ok(Change::Admin(is_admin));
        }
        if !self.take("PASSWORD") {
            return Err(expected("RENAME TO, PASSWORD, ADMIN or NOADMIN"));
        }
        Ok(Change::Password(Secret::exactly(self.text()?)))
    }

    /// `ADMIN` or `NOADMIN`, by PostgreSQL's words too.
    pub(super) fn admin(&mut self) -> Option<bool> {
        if self.take("ADMIN") || self.take("SUPERUSER") {
            return Some(true);
        }
        (self.take("NOADMIN") || self.take("NOSUPERUSER")).then_some(false)
    }

    /// `ADD COLUMN name type`, `ADD COLUMNS (name type, …)`; `None` where it is no change of
    /// columns.
    fn column_change(&mut self) -> Result<Option<Change>, Error> {
        let is_word = |token: Token, words: &[&str]| {
            matches!(token, Token::Word(word) if word.quote_style.is_none()
                && words.iter().any(|known| word.value.eq_ignore_ascii_case(known)))
        };
        if !is_word(self.parser.peek_nth_token(1).token, &COLUMN_WORDS) {
            return Ok(None);
        }
        let what = self.parser.next_token().token;
        self.parser.next_token();
        if !is_word(what.clone(), &["ADD"]) {
            return Err(Error::Unsupported {
                what: format!("ALTER TABLE … {what} COLUMN"),
                instead: Some("CREATE OR REPLACE TABLE name AS SELECT … gives it other columns"),
            });
        }
        if self.parser.peek_token().token != Token::LParen {
            let column = self.parser.parse_column_def().map_err(Error::Syntax)?;
            return Ok(Some(Change::AddColumns(checked_columns(vec![column])?)));
        }
        let (columns, rules) = self.parser.parse_columns().map_err(Error::Syntax)?;
        if !rules.is_empty() || columns.len() > COLUMNS_MAX {
            return Err(expected("columns, and not too many of them"));
        }
        Ok(Some(Change::AddColumns(checked_columns(columns)?)))
    }

    fn project_change(&mut self) -> Result<Change, Error> {
        if self.parser.parse_keywords(&[Keyword::DROP, Keyword::LOCATION]) {
            return Ok(Change::ProjectLocation(None));
        }
        if self.parser.parse_keywords(&[Keyword::SET, Keyword::LOCATION]) {
            return Ok(Change::ProjectLocation(Some(self.text()?)));
        }
        self.property_change()?.ok_or_else(|| {
            expected("RENAME TO, OWNER TO, SET LOCATION, DROP LOCATION or SET PROPERTIES")
        })
    }

    fn location_change(&mut self) -> Result<Change, Error> {
        let expected = || expected("RENAME TO, OWNER TO, SET CREDENTIAL, DROP CREDENTIAL or SET (");
        if self.take("DROP") {
            return match self.take("CREDENTIAL") {
                true => Ok(Change::LocationCredential(None)),
                false => Err(expected()),
            };
        }
        if !self.take("SET") {
            return Err(expected());
        }
        if self.take("CREDENTIAL") {
            return Ok(Change::LocationCredential(Some(self.name()?)));
        }
        match self.parser.peek_token().token {
            Token::LParen => Ok(Change::LocationOptions(self.options()?)),
            _ => Err(expected()),
        }
    }

    /// `SET TBLPROPERTIES (…)`, `UNSET TBLPROPERTIES (…)`; `None` where neither stands there.
    fn property_change(&mut self) -> Result<Option<Change>, Error> {
        if self.take("SET") {
            self.properties_word()?;
            return Ok(Some(Change::SetProperties(properties(self)?)));
        }
        if !self.take("UNSET") {
            return Ok(None);
        }
        self.properties_word()?;
        let if_exists = self.parser.parse_keywords(&[Keyword::IF, Keyword::EXISTS]);
        let names: BTreeSet<String> = property_names(self)?;
        Ok(Some(Change::UnsetProperties { names, if_exists }))
    }

    fn properties_word(&mut self) -> Result<(), Error> {
        let is_next = PROPERTIES_WORDS.iter().any(|word| self.take(word));
        if is_next { Ok(()) } else { Err(expected("TBLPROPERTIES")) }
    }
}
