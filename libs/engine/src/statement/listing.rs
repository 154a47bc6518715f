//! `SHOW` of what is governed: projects, volumes, places, principals, grants, properties. Most are
//! answered by queries of the schema `system`, which knows nothing that the caller may not know.

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use super::governance::{ObjectKind, kind_of};
use super::names::{Names, reference_of, text_of};
use super::show::{in_schema, parsed, quoted};
use super::{Error, Inspection, Statement};

/// Which grants are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GrantsOf {
    /// Those on one object: what it is, and its name in parts.
    pub object: Option<(ObjectKind, Vec<String>)>,
    /// Those that one principal has itself.
    pub principal: Option<String>,
}

/// Reads a statement of these; `None` for another one.
///
/// # Errors
/// It begins like one and does not go on like one.
pub(super) fn read(tokens: &[TokenWithSpan], names: Names<'_>) -> Result<Option<Statement>, Error> {
    let mut words = tokens.iter().filter_map(|token| match &token.token {
        Token::Word(Word { value, quote_style: None, .. }) => Some(value.to_uppercase()),
        Token::Whitespace(_) => None,
        _ => Some(String::new()),
    });
    if words.next().as_deref() != Some("SHOW") {
        return Ok(None);
    }
    let Some(what) = words.next() else { return Ok(None) };
    let query = match what.as_str() {
        "PROJECTS" => "SELECT name AS project FROM system.projects",
        "LOCATIONS" => "SELECT name, url, credential, options, comment FROM system.locations",
        "CREDENTIALS" => "SELECT name, type, secrets, options, comment FROM system.credentials",
        "USERS" => "SELECT name, is_admin, comment FROM system.principals WHERE type = 'user'",
        "ROLES" => "SELECT name, comment FROM system.principals WHERE type = 'role'",
        "VOLUMES" => {
            "SELECT project, schema, name, location, comment FROM system.volumes WHERE true"
        }
        "GRANTS" | "TBLPROPERTIES" => "",
        _ => return Ok(None),
    };
    let mut reader = Reader {
        parser: Parser::new(&GenericDialect {}).with_tokens_with_locations(tokens.to_vec()),
        names,
    };
    reader.parser.next_token();
    reader.parser.next_token();
    let statement = match what.as_str() {
        "GRANTS" => Statement::ShowGrants(reader.grants()?),
        "TBLPROPERTIES" => reader.properties()?,
        "VOLUMES" => {
            let scope = reader.scope()?;
            parsed(&reader.filtered(&format!("{query}{scope}"), "1, 2, 3")?)?
        }
        _ => parsed(&reader.filtered(query, "1")?)?,
    };
    reader.end()?;
    Ok(Some(statement))
}

struct Reader<'a> {
    parser: Parser<'a>,
    names: Names<'a>,
}

impl Reader<'_> {
    /// The query with the condition that LIKE makes, in the order of these columns.
    fn filtered(&mut self, query: &str, order: &str) -> Result<String, Error> {
        let operator = match self.parser.parse_one_of_keywords(&[Keyword::LIKE, Keyword::ILIKE]) {
            Some(Keyword::LIKE) => "LIKE",
            Some(_) => "ILIKE",
            None => return Ok(format!("{query} ORDER BY {order}")),
        };
        let Token::SingleQuotedString(pattern) = self.parser.next_token().token else {
            return Err(Error::Expected { expected: "a pattern in quotes after LIKE" });
        };
        let pattern = quoted(&pattern);
        let and = if query.contains(" WHERE ") { "AND" } else { "WHERE" };
        Ok(format!("{query} {and} name {operator} {pattern} ORDER BY {order}"))
    }

    /// The condition of `IN schema`, where it is said.
    fn scope(&mut self) -> Result<String, Error> {
        if self.parser.parse_one_of_keywords(&[Keyword::IN, Keyword::FROM]).is_none() {
            return Ok(String::new());
        }
        let name = self.parser.parse_object_name(false).map_err(Error::Syntax)?;
        let scope = reference_of(&name, self.names.fold)?;
        in_schema(&scope, self.names.project, "project", "schema")
    }

    /// `name`, or `name ('property')`.
    fn properties(&mut self) -> Result<Statement, Error> {
        let expected = || Error::Expected { expected: "one property: ('name')" };
        let name = self.parser.parse_object_name(false).map_err(Error::Syntax)?;
        let name = reference_of(&name, self.names.fold)?;
        let mut property = None;
        if self.parser.consume_token(&Token::LParen) {
            match self.parser.next_token().token {
                Token::SingleQuotedString(name) => property = Some(name),
                _ => return Err(expected()),
            }
            if !self.parser.consume_token(&Token::RParen) {
                return Err(expected());
            }
        }
        Ok(Statement::Inspect { what: Inspection::Properties(property), name })
    }

    fn grants(&mut self) -> Result<GrantsOf, Error> {
        let mut of = GrantsOf::default();
        if self.parser.parse_keyword(Keyword::ON) {
            of.object = Some(self.object()?);
        }
        if self.parser.parse_one_of_keywords(&[Keyword::FOR, Keyword::TO]).is_some() {
            // A user and a role are told apart by name.
            if matches!(self.parser.peek_nth_token(1).token, Token::Word(_)) {
                let _ = self.parser.parse_one_of_keywords(&[Keyword::USER, Keyword::ROLE]);
            }
            let name = self.parser.parse_identifier().map_err(Error::Syntax)?;
            of.principal = Some(text_of(&name, self.names.fold));
        }
        Ok(of)
    }

    /// `TABLE a.b.c`; without the word of a kind it is a table.
    fn object(&mut self) -> Result<(ObjectKind, Vec<String>), Error> {
        let kind = match &self.parser.peek_token().token {
            Token::Word(word) if word.quote_style.is_none() => kind_of(&word.value),
            _ => None,
        };
        let is_kind = matches!(self.parser.peek_nth_token(1).token, Token::Word(_));
        let kind = kind.filter(|_| is_kind);
        if kind.is_some() {
            self.parser.next_token();
        }
        let kind = kind.unwrap_or(ObjectKind::Table);
        let name = self.parser.parse_object_name(false).map_err(Error::Syntax)?;
        let parts: Vec<String> = name
            .0
            .iter()
            .filter_map(|part| part.as_ident().map(|ident| text_of(ident, self.names.fold)))
            .collect();
        if parts.len() > kind.parts_max() {
            return Err(Error::InvalidName {
                name: name.to_string(),
                expected: "an object of this kind",
            });
        }
        Ok((kind, parts))
    }

    fn end(&mut self) -> Result<(), Error> {
        let _ = self.parser.consume_token(&Token::SemiColon);
        match self.parser.peek_token().token {
            Token::EOF => Ok(()),
            _ => Err(Error::Expected { expected: "LIKE, or the end of SHOW" }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statement::{parse, parse_in};

    fn grants(sql: &str) -> GrantsOf {
        match parse(sql, true) {
            Ok(Statement::ShowGrants(of)) => of,
            other => panic!("{sql}: {other:?}"),
        }
    }

    #[test]
    fn grants_are_asked_for_by_object_and_principal() {
        assert_eq!(grants("SHOW GRANTS;"), GrantsOf::default());
        let of = grants("show grants on table P.s.\"T\" to ann");
        let parts = ["p", "s", "T"].map(str::to_string).to_vec();
        assert_eq!(of.object, Some((ObjectKind::Table, parts)));
        assert_eq!(of.principal.as_deref(), Some("ann"));
        let of = grants("SHOW GRANTS ON schema");
        assert_eq!(of.object, Some((ObjectKind::Table, vec!["schema".to_string()])));
        assert_eq!(grants("SHOW GRANTS FOR ROLE role").principal.as_deref(), Some("role"));
        assert_eq!(grants("SHOW GRANTS FOR user").principal.as_deref(), Some("user"));
    }

    #[test]
    fn lists_are_queries_of_the_system_schema() {
        for (sql, part) in [
            ("SHOW VOLUMES IN s", "AND project = 'here' AND schema = 's' ORDER BY"),
            ("SHOW TABLES IN s", "AND table_catalog = 'here' AND table_schema = 's'"),
            ("SHOW TABLES FROM P.s", "AND table_catalog = 'p' AND table_schema = 's'"),
            ("SHOW VIEWS IN s LIKE 'a%'", "AND table_schema = 's' AND table_name LIKE 'a%'"),
            ("SHOW SCHEMAS IN P LIKE 'a%'", "AND catalog_name = 'p' AND schema_name LIKE 'a%'"),
            ("SHOW USERS", "type = 'user' ORDER BY"),
            ("SHOW VOLUMES IN P.s LIKE 'a%'", "AND project = 'p' AND schema = 's' AND name LIKE"),
            ("SHOW VOLUMES", "WHERE true ORDER BY"),
            ("SHOW ROLES LIKE 'a''%'", "AND name LIKE 'a''%'"),
            ("SHOW LOCATIONS ILIKE 'x'", "WHERE name ILIKE 'x'"),
            ("SHOW PROJECTS", "system.projects"),
            ("SHOW CREDENTIALS;", "system.credentials"),
        ] {
            let Ok(Statement::Query(query)) = parse_in("here", sql, true) else { panic!("{sql}") };
            assert!(query.to_string().contains(part), "{query}");
        }
    }

    #[test]
    fn properties_are_asked_for_all_or_one() {
        for (sql, wanted) in [
            ("SHOW TBLPROPERTIES s.t;", None),
            ("show tblproperties T ('delta.appendOnly')", Some("delta.appendOnly".to_string())),
        ] {
            let Ok(Statement::Inspect { what, .. }) = parse(sql, true) else { panic!("{sql}") };
            assert_eq!(what, Inspection::Properties(wanted), "{sql}");
        }
    }

    #[test]
    fn what_does_not_belong_there_is_refused() {
        for sql in [
            "SHOW TBLPROPERTIES t ()",
            "SHOW TBLPROPERTIES",
            "SHOW VOLUMES IN a.b.c",
            "SHOW USERS ON t",
            "SHOW GRANTS LIKE 'x'",
            "SHOW ROLES LIKE x",
            "SHOW USERS; SELECT 1",
        ] {
            assert!(parse(sql, true).is_err(), "{sql}");
        }
        assert!(matches!(parse("SHOW \"users\"", true), Ok(Statement::ShowSetting(_))));
    }
}
