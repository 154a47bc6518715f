//! From words to a statement.

use std::collections::BTreeMap;

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer, Word};
use lakegate_common::secret::Secret;

use super::super::Error;
use super::super::names::text_of;
use super::alter::{COLUMN_WORDS, PROPERTIES_WORDS};
use super::{Governance, ObjectKind, Verb};

/// Options of one statement at most.
const OPTIONS_MAX: usize = 64;

/// How such statements begin. A text that holds none of these, as most queries, is not looked at any
/// further.
const FIRST_WORDS: [&str; 6] = ["CREATE", "ALTER", "DROP", "GRANT", "REVOKE", "COMMENT"];

/// Kinds of which all statements are read here.
const OWN_KINDS: [&str; 6] = ["PROJECT", "CREDENTIAL", "LOCATION", "USER", "ROLE", "VOLUME"];

/// Reads `sql` where its first words are those of such a statement; `None` where they are not.
///
/// # Errors
/// It begins like one and does not go on like one.
pub(in crate::statement) fn read(sql: &str, fold: bool) -> Result<Option<Governance>, Error> {
    if !FIRST_WORDS.iter().any(|word| holds(sql, word)) {
        return Ok(None);
    }
    // A text that has no tokens is for the general parser to refuse.
    let Ok(tokens) = Tokenizer::new(&GenericDialect {}, sql).tokenize() else { return Ok(None) };
    let mut words = tokens.iter().filter_map(|token| match token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_uppercase()),
        Token::Whitespace(_) => None,
        _ => Some(String::new()),
    });
    let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let is_ours = match first.as_str() {
        "GRANT" | "REVOKE" => true,
        "COMMENT" => second == "ON",
        "CREATE" if second == "EXTERNAL" => words.next().as_deref() == Some("VOLUME"),
        "CREATE" | "DROP" => OWN_KINDS.contains(&second.as_str()),
        "ALTER" => kind_of(&second).is_some() && is_change_of_ours(&second, words),
        _ => false,
    };
    if !is_ours {
        return Ok(None);
    }
    let mut reader = Reader { parser: Parser::new(&GenericDialect {}).with_tokens(tokens), fold };
    let statement = match first.as_str() {
        "CREATE" => reader.create()?,
        "ALTER" => reader.alter()?,
        "DROP" => reader.drop()?,
        "COMMENT" => reader.comment()?,
        "GRANT" => reader.grant(Verb::Grant)?,
        _ => reader.grant(Verb::Revoke)?,
    };
    reader.end()?;
    Ok(Some(statement))
}

/// Whether `word` stands anywhere in `sql`, in any case.
pub(in crate::statement) fn holds(sql: &str, word: &str) -> bool {
    sql.as_bytes().windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
}

/// Other changes of tables, views and schemas are for the general parser.
fn is_change_of_ours(kind: &str, words: impl Iterator<Item = String>) -> bool {
    let is_ours = |pair: &[String]| match pair {
        [first, second] => match first.as_str() {
            "RENAME" | "OWNER" if second == "TO" => true,
            "SET" | "UNSET" => PROPERTIES_WORDS.contains(&second.as_str()),
            "ADD" | "RENAME" | "DROP" | "ALTER" if kind == "TABLE" => {
                COLUMN_WORDS.contains(&second.as_str())
            }
            _ => false,
        },
        _ => false,
    };
    OWN_KINDS.contains(&kind) || words.collect::<Vec<_>>().windows(2).any(is_ours)
}

pub(in crate::statement) fn kind_of(word: &str) -> Option<ObjectKind> {
    Some(match word.to_uppercase().as_str() {
        "PROJECT" => ObjectKind::Project,
        "SCHEMA" => ObjectKind::Schema,
        "TABLE" => ObjectKind::Table,
        "DATASET" => ObjectKind::Dataset,
        "VIEW" => ObjectKind::View,
        "VOLUME" => ObjectKind::Volume,
        "LOCATION" => ObjectKind::Location,
        "CREDENTIAL" => ObjectKind::Credential,
        "USER" => ObjectKind::User,
        "ROLE" => ObjectKind::Role,
        _ => return None,
    })
}

/// Reads the tokens of a statement one after the other.
pub(in crate::statement) struct Reader<'a> {
    pub(in crate::statement) parser: Parser<'a>,
    pub(in crate::statement) fold: bool,
}

impl Reader<'_> {
    fn create(&mut self) -> Result<Governance, Error> {
        self.word("CREATE")?;
        let is_external = self.take("EXTERNAL");
        let kind = self.kind()?;
        let if_not_exists =
            self.parser.parse_keywords(&[Keyword::IF, Keyword::NOT, Keyword::EXISTS]);
        if kind == ObjectKind::Volume {
            return self.volume(is_external, if_not_exists);
        }
        let name = self.name()?;
        match kind {
            ObjectKind::Project => self.project(name, if_not_exists),
            ObjectKind::Credential => self.credential(name, if_not_exists),
            ObjectKind::Location => self.location(name, if_not_exists),
            ObjectKind::User => {
                self.take("WITH");
                self.word("PASSWORD")?;
                let password = Secret::exactly(self.text()?);
                let is_admin = self.admin().unwrap_or(false);
                let comment = self.optional_comment()?;
                Ok(Governance::CreateUser { name, password, is_admin, comment, if_not_exists })
            }
            ObjectKind::Role => {
                let comment = self.optional_comment()?;
                Ok(Governance::CreateRole { name, comment, if_not_exists })
            }
            _ => Err(expected("PROJECT, CREDENTIAL, LOCATION, USER, ROLE or VOLUME")),
        }
    }

    fn volume(&mut self, is_external: bool, if_not_exists: bool) -> Result<Governance, Error> {
        let name = self.object(ObjectKind::Volume)?;
        let location = self.take("LOCATION").then(|| self.text()).transpose()?;
        if is_external && location.is_none() {
            return Err(expected("LOCATION of an external volume"));
        }
        let comment = self.optional_comment()?;
        Ok(Governance::CreateVolume { name, location, comment, if_not_exists })
    }

    fn optional_comment(&mut self) -> Result<Option<String>, Error> {
        self.take("COMMENT").then(|| self.text()).transpose()
    }

    fn project(&mut self, name: String, if_not_exists: bool) -> Result<Governance, Error> {
        let location = self.take("LOCATION").then(|| self.text()).transpose()?;
        let comment = self.optional_comment()?;
        Ok(Governance::CreateProject { name, location, comment, if_not_exists })
    }

    fn credential(&mut self, name: String, if_not_exists: bool) -> Result<Governance, Error> {
        self.word("TYPE")?;
        let kind = self.name()?;
        let secrets = if self.take("AMBIENT") {
            None
        } else {
            self.word("WITH")?;
            Some(secrets(self.options()?))
        };
        let comment = self.optional_comment()?;
        Ok(Governance::CreateCredential { name, kind, secrets, comment, if_not_exists })
    }

    fn location(&mut self, name: String, if_not_exists: bool) -> Result<Governance, Error> {
        self.word("URL")?;
        let url = self.text()?;
        let credential = self.take("CREDENTIAL").then(|| self.name()).transpose()?;
        let options = if self.take("WITH") { self.options()? } else { BTreeMap::new() };
        let comment = self.optional_comment()?;
        Ok(Governance::CreateLocation { name, url, credential, options, comment, if_not_exists })
    }

    fn drop(&mut self) -> Result<Governance, Error> {
        self.word("DROP")?;
        let kind = self.kind()?;
        let if_exists = self.parser.parse_keywords(&[Keyword::IF, Keyword::EXISTS]);
        let mut names = vec![self.object(kind)?];
        while self.parser.consume_token(&Token::Comma) {
            names.push(self.object(kind)?);
        }
        let cascade = self.take("CASCADE");
        if !cascade {
            self.take("RESTRICT");
        }
        Ok(Governance::Drop { kind, names, if_exists, cascade })
    }

    fn comment(&mut self) -> Result<Governance, Error> {
        self.word("COMMENT")?;
        self.word("ON")?;
        let kind = self.kind()?;
        let name = self.object(kind)?;
        self.word("IS")?;
        let text = if self.take("NULL") { None } else { Some(self.text()?) };
        Ok(Governance::Comment { kind, name, text })
    }

    fn grant(&mut self, verb: Verb) -> Result<Governance, Error> {
        let (word, direction) = match verb {
            Verb::Grant => ("GRANT", "TO"),
            Verb::Revoke => ("REVOKE", "FROM"),
        };
        self.word(word)?;
        let what = self.names()?;
        self.take("PRIVILEGES");
        if !self.take("ON") {
            self.word(direction)?;
            return Ok(Governance::Membership { verb, roles: what, grantees: self.grantees()? });
        }
        let privileges = what.iter().map(|privilege| privilege.to_uppercase()).collect();
        // As in PostgreSQL, a name without a word before it is a table's.
        let kind = self.peek_kind().unwrap_or(ObjectKind::Table);
        let name = self.object(kind)?;
        self.word(direction)?;
        Ok(Governance::Privileges { verb, privileges, kind, name, grantees: self.grantees()? })
    }

    fn grantees(&mut self) -> Result<Vec<String>, Error> {
        let mut grantees = Vec::new();
        loop {
            // The kind may be said; users and roles share their names.
            if !self.take("ROLE") {
                self.take("USER");
            }
            grantees.push(self.name()?);
            if !self.parser.consume_token(&Token::Comma) {
                return Ok(grantees);
            }
        }
    }

    pub(super) fn kind(&mut self) -> Result<ObjectKind, Error> {
        self.peek_kind().ok_or_else(|| {
            expected("PROJECT, SCHEMA, TABLE, VIEW, VOLUME, LOCATION, CREDENTIAL, USER or ROLE")
        })
    }

    /// Takes the word of a kind, where there is one.
    fn peek_kind(&mut self) -> Option<ObjectKind> {
        let kind = match &self.parser.peek_token().token {
            Token::Word(word) if word.quote_style.is_none() => kind_of(&word.value),
            _ => None,
        }?;
        // A table may be called by the word of a kind.
        let after = self.parser.peek_nth_token(1).token;
        if !matches!(after, Token::Word(_)) && !matches!(after, Token::SingleQuotedString(_)) {
            return None;
        }
        self.parser.next_token();
        Some(kind)
    }

    pub(super) fn object(&mut self, kind: ObjectKind) -> Result<Vec<String>, Error> {
        let mut parts = vec![self.name()?];
        while self.parser.consume_token(&Token::Period) {
            parts.push(self.name()?);
        }
        if parts.len() > kind.parts_max() {
            return Err(Error::InvalidName {
                name: parts.join("."),
                expected: match kind.parts_max() {
                    1 => "one part",
                    2 => "a schema: [project.]schema",
                    _ => "a dataset: [[project.]schema.]name",
                },
            });
        }
        Ok(parts)
    }

    fn names(&mut self) -> Result<Vec<String>, Error> {
        let mut names = vec![self.name()?];
        while self.parser.consume_token(&Token::Comma) {
            names.push(self.name()?);
        }
        Ok(names)
    }

    pub(super) fn options(&mut self) -> Result<BTreeMap<String, String>, Error> {
        let mut options = BTreeMap::new();
        self.token(&Token::LParen, "(")?;
        loop {
            let key = self.name()?.to_lowercase();
            self.token(&Token::Eq, "= after an option's name")?;
            if options.insert(key, self.value()?).is_some() {
                return Err(expected("each option once"));
            }
            if options.len() > OPTIONS_MAX {
                return Err(expected("fewer options"));
            }
            if !self.parser.consume_token(&Token::Comma) {
                self.token(&Token::RParen, ") after the last option")?;
                return Ok(options);
            }
        }
    }

    /// A value as PostgreSQL writes it: a text, a number, a bare word.
    pub(in crate::statement) fn value(&mut self) -> Result<String, Error> {
        match self.parser.next_token().token {
            Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text) => Ok(text),
            Token::Number(number, _) => Ok(number),
            Token::Word(Word { value, quote_style: None, .. }) => Ok(value),
            _ => Err(expected("a value: 'text', a number, true or false")),
        }
    }

    pub(in crate::statement) fn text(&mut self) -> Result<String, Error> {
        match self.parser.next_token().token {
            Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text) => Ok(text),
            _ => Err(expected("a text in single quotes")),
        }
    }

    pub(in crate::statement) fn name(&mut self) -> Result<String, Error> {
        match self.parser.parse_identifier() {
            Ok(name) if !name.value.is_empty() => Ok(text_of(&name, self.fold)),
            _ => Err(expected("a name")),
        }
    }

    pub(in crate::statement) fn word(&mut self, word: &'static str) -> Result<(), Error> {
        if self.take(word) { Ok(()) } else { Err(expected(word)) }
    }

    /// Takes the next token where it is this word.
    pub(in crate::statement) fn take(&mut self, word: &str) -> bool {
        let is_next = matches!(
            &self.parser.peek_token().token,
            Token::Word(next) if next.quote_style.is_none() && next.value.eq_ignore_ascii_case(word)
        );
        if is_next {
            self.parser.next_token();
        }
        is_next
    }

    pub(in crate::statement) fn token(
        &mut self,
        token: &Token,
        name: &'static str,
    ) -> Result<(), Error> {
        if self.parser.consume_token(token) { Ok(()) } else { Err(expected(name)) }
    }

    pub(in crate::statement) fn end(&mut self) -> Result<(), Error> {
        // One at the end may stand or not.
        let _ = self.parser.consume_token(&Token::SemiColon);
        self.token(&Token::EOF, "the end of the statement")
    }
}

pub(super) fn secrets(options: BTreeMap<String, String>) -> BTreeMap<String, Secret> {
    options.into_iter().map(|(key, value)| (key, Secret::from_text(value))).collect()
}

/// Names what should stand there; what stands there may be a secret.
pub(in crate::statement) fn expected(expected: &'static str) -> Error {
    Error::Expected { expected }
}
