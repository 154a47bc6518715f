//! Secrets that a statement holds at a place where they would be kept in clear: such a statement is
//! refused, and what is shown of its text does not repeat them.

use std::borrow::Cow;
use std::ops::Range;

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};
use lakegate_common::secret::{
    HIDDEN, is_secret_name, may_hold_secrets, url_holds_a_secret, without_secrets_of_urls,
};

use super::{Change, Command, Error, Governance, Statement, Write};

/// Words after which names and their values stand in brackets.
const BEFORE_OPTIONS: [&str; 5] = ["OPTIONS", "WITH", "TBLPROPERTIES", "PROPERTIES", "SET"];
/// Statements whose names are followed by values anywhere.
const WITH_VALUES: [&str; 1] = ["SET"];

/// Refuses a statement that holds a secret where none is kept safe. Queries may hold anything:
/// nobody but the history keeps them, which shows what [`shown`] does.
///
/// # Errors
/// [`Error::SecretInClear`]; it names the place and not the value.
pub(super) fn refuse_secrets(statement: &Statement) -> Result<(), Error> {
    let Statement::Command(command) = statement else { return Ok(()) };
    match command {
        Command::Set { key, value } => check_option(key, value),
        Command::CreateExternalTable { create, .. } => {
            create.locations.iter().try_for_each(|location| check_url(location))?;
            let mut options = create.options.iter();
            options.try_for_each(|(key, value)| check_option(key, &value.to_string()))
        }
        Command::Write(write) => match write.as_ref() {
            Write::CreateTable(create) => {
                create.location.as_deref().map_or(Ok(()), check_url)?;
                check_options(&create.properties)
            }
            Write::CopyTo { target, options, .. } => {
                check_url(target)?;
                options.iter().try_for_each(|(key, value)| check_option(key, value))
            }
            Write::Insert { .. } | Write::Truncate { .. } => Ok(()),
        },
        Command::Governance(governance) => check_governance(governance),
        _ => Ok(()),
    }
}

fn check_governance(governance: &Governance) -> Result<(), Error> {
    match governance {
        Governance::CreateProject { location, .. } | Governance::CreateVolume { location, .. } => {
            location.as_deref().map_or(Ok(()), check_url)
        }
        Governance::CreateLocation { url, options, .. } => {
            check_url(url)?;
            check_options(options)
        }
        Governance::Alter { change, .. } => match change {
            Change::SetProperties(options) | Change::LocationOptions(options) => {
                check_options(options)
            }
            Change::ProjectLocation(Some(url)) => check_url(url),
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

fn check_options<'a>(
    options: impl IntoIterator<Item = (&'a String, &'a String)>,
) -> Result<(), Error> {
    options.into_iter().try_for_each(|(key, value)| check_option(key, value))
}

fn check_option(key: &str, value: &str) -> Result<(), Error> {
    if is_secret_name(key) || url_holds_a_secret(value) {
        return Err(Error::SecretInClear { place: format!("option \"{key}\"") });
    }
    Ok(())
}

fn check_url(url: &str) -> Result<(), Error> {
    match url_holds_a_secret(url) {
        true => Err(Error::SecretInClear { place: "a URL".to_string() }),
        false => Ok(()),
    }
}

/// The text of a statement as logs and the history may show it: without the values of options that
/// are secrets by their names, and without what is secret in URLs.
pub fn shown(sql: &str) -> Cow<'_, str> {
    if !may_hold_secrets(sql) {
        return Cow::Borrowed(sql);
    }
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location();
    let hidden = tokens.map(|tokens| hide(sql, &values(&tokens)));
    let text = hidden.unwrap_or(Cow::Borrowed(sql));
    let without_urls = match without_secrets_of_urls(&text) {
        Cow::Borrowed(_) => None,
        Cow::Owned(shown) => Some(shown),
    };
    without_urls.map_or(text, Cow::Owned)
}

/// The tokens that are values of secret names.
fn values(tokens: &[TokenWithSpan]) -> Vec<&TokenWithSpan> {
    let tokens: Vec<_> =
        tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_))).collect();
    let is_one_of = |token: Option<&&TokenWithSpan>, words: &[&str]| {
        token
            .and_then(|token| bare_word(&token.token))
            .is_some_and(|word| words.iter().any(|expected| expected.eq_ignore_ascii_case(word)))
    };
    let everywhere = is_one_of(tokens.first(), &WITH_VALUES);
    // Brackets that are open, and those of them in which options stand.
    let (mut depth, mut of_options) = (0_usize, None);
    let mut values = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match &token.token {
            Token::LParen => {
                depth += 1;
                let before = at.checked_sub(1).and_then(|before| tokens.get(before));
                if of_options.is_none() && is_one_of(before, &BEFORE_OPTIONS) {
                    of_options = Some(depth);
                }
            }
            Token::RParen => {
                if of_options == Some(depth) {
                    of_options = None;
                }
                depth = depth.saturating_sub(1);
            }
            _ => {}
        }
        let is_named = (everywhere || of_options.is_some())
            && name_of(&token.token).is_some_and(is_secret_name);
        if is_named {
            values.extend(value_after(&tokens[at + 1..]));
        }
    }
    // Each part of a name may tell that it is a secret's.
    values.dedup_by_key(|value| value.span.start);
    values
}

/// The value that follows a name, `=` or `TO` between them or not.
fn value_after<'a>(tokens: &[&'a TokenWithSpan]) -> Option<&'a TokenWithSpan> {
    let mut rest = tokens.iter();
    let mut next = rest.next()?;
    // The name may have further parts.
    while matches!(next.token, Token::Period) {
        rest.next()?;
        next = rest.next()?;
    }
    let is_between = matches!(next.token, Token::Eq | Token::Colon)
        || bare_word(&next.token).is_some_and(|word| word.eq_ignore_ascii_case("TO"));
    if is_between {
        next = rest.next()?;
    }
    let is_value = !matches!(
        next.token,
        Token::EOF | Token::Comma | Token::LParen | Token::RParen | Token::SemiColon
    );
    is_value.then_some(*next)
}

fn bare_word(token: &Token) -> Option<&str> {
    match token {
        Token::Word(word) if word.quote_style.is_none() => Some(&word.value),
        _ => None,
    }
}

fn name_of(token: &Token) -> Option<&str> {
    match token {
        Token::Word(word) => Some(&word.value),
        Token::SingleQuotedString(text) | Token::DoubleQuotedString(text) => Some(text),
        _ => None,
    }
}

fn hide<'a>(sql: &'a str, values: &[&TokenWithSpan]) -> Cow<'a, str> {
    if values.is_empty() {
        return Cow::Borrowed(sql);
    }
    let mut shown = String::with_capacity(sql.len());
    let mut end = 0;
    for range in ranges(sql, values) {
        shown.push_str(&sql[end..range.start]);
        shown.push_str(HIDDEN);
        end = range.end;
    }
    shown.push_str(&sql[end..]);
    Cow::Owned(shown)
}

/// Where the tokens, which come in order, stand in the text, in bytes.
fn ranges(sql: &str, tokens: &[&TokenWithSpan]) -> Vec<Range<usize>> {
    let mut positions = positions(sql);
    let mut offset = |location: Location| {
        let wanted = (location.line, location.column);
        positions.find(|(at, _)| *at >= wanted).map_or(sql.len(), |(_, offset)| offset)
    };
    let mut ranges: Vec<Range<usize>> = Vec::with_capacity(tokens.len());
    for token in tokens {
        let start = offset(token.span.start);
        let end = offset(token.span.end);
        ranges.push(start..end.max(start));
    }
    ranges
}

/// Line and column, from 1, of each character, with its place in bytes.
fn positions(sql: &str) -> impl Iterator<Item = ((u64, u64), usize)> {
    sql.char_indices().scan((1, 1), |(line, column), (offset, character)| {
        let at = (*line, *column);
        (*line, *column) = match character {
            '\n' => (*line + 1, 1),
            _ => (*line, *column + 1),
        };
        Some((at, offset))
    })
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    /// Statements with a secret at a wrong place, and what is shown of them.
    const WRONG: [(&str, &str); 17] = [
        (
            "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 's3://b/x/' OPTIONS ('aws.access_key_id' 'hidden', 'aws.secret_access_key' 'hidden')",
            "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 's3://b/x/' OPTIONS ('aws.access_key_id' ***, 'aws.secret_access_key' ***)",
        ),
        (
            "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION 'https://acc/x.parquet?sv=1&sig=hidden'",
            "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION 'https://acc/x.parquet?sv=1&sig=***'",
        ),
        (
            "CREATE LOCATION l URL 's3://user:hidden@lake/x/'",
            "CREATE LOCATION l URL 's3://***@lake/x/'",
        ),
        (
            "CREATE LOCATION l URL 's3://lake/x/' WITH (secret_access_key = 'hidden', region = 'r')",
            "CREATE LOCATION l URL 's3://lake/x/' WITH (secret_access_key = ***, region = 'r')",
        ),
        (
            "CREATE LOCATION l URL 's3://lake/' WITH (endpoint = 'http://u:hidden@h')",
            "CREATE LOCATION l URL 's3://lake/' WITH (endpoint = 'http://***@h')",
        ),
        (
            "CREATE LOCATION l URL 's3://lake/' WITH (endpoint = 'http://h/?token=hidden')",
            "CREATE LOCATION l URL 's3://lake/' WITH (endpoint = 'http://h/?token=***')",
        ),
        ("CREATE PROJECT p LOCATION 's3://k:hidden@b/'", "CREATE PROJECT p LOCATION 's3://***@b/'"),
        ("CREATE VOLUME v LOCATION 's3://k:hidden@b/'", "CREATE VOLUME v LOCATION 's3://***@b/'"),
        (
            "alter location l set (secret_access_key='hidden')",
            "alter location l set (secret_access_key=***)",
        ),
        (
            "ALTER TABLE t SET TBLPROPERTIES (db.password = 'hidden')",
            "ALTER TABLE t SET TBLPROPERTIES (db.password = ***)",
        ),
        ("COPY t TO 's3://k:hidden@b/x/'", "COPY t TO 's3://***@b/x/'"),
        (
            "COPY (SELECT 1) TO '/x/' STORED AS CSV OPTIONS ('aws.secret_access_key' 'hidden')",
            "COPY (SELECT 1) TO '/x/' STORED AS CSV OPTIONS ('aws.secret_access_key' ***)",
        ),
        ("SET aws.secret_access_key='hidden'", "SET aws.secret_access_key=***"),
        ("SET aws.secret.access_key = 'hidden'", "SET aws.secret.access_key = ***"),
        ("SET aws.secret_access_key TO hidden", "SET aws.secret_access_key TO ***"),
        (
            "CREATE TABLE t (a INT) TBLPROPERTIES ('ü' = 'ä',\n 'password' = 'hid\nden')",
            "CREATE TABLE t (a INT) TBLPROPERTIES ('ü' = 'ä',\n 'password' = ***)",
        ),
        (
            "CREATE TABLE t WITH (api_key = 'it''s hidden') AS SELECT 1",
            "CREATE TABLE t WITH (api_key = ***) AS SELECT 1",
        ),
    ];

    #[test]
    fn a_secret_at_a_wrong_place_is_refused_and_not_shown() {
        for (sql, expected) in WRONG {
            let refused = parse(sql, true);
            assert!(matches!(refused, Err(Error::SecretInClear { .. })), "{sql}: {refused:?}");
            assert!(!format!("{refused:?}").contains("hidden"), "{sql}");
            assert_eq!(shown(sql), expected);
        }
    }

    #[test]
    fn what_else_a_statement_says_is_shown() {
        for sql in [
            "SELECT token, key FROM t WHERE password = 'x' AND sig IN ('a', 'b')",
            "WITH keys (key) AS (SELECT 1) SELECT * FROM keys",
            "CREATE TABLE t (token VARCHAR, api_key INT) COMMENT 'key'",
            "CREATE TABLE t (a INT) TBLPROPERTIES ('primary_key' = 'a')",
            "ALTER TABLE tokens RENAME TO keys",
            "INSERT INTO t (key) VALUES ('s3://lake/x')",
            "SET lakegate.execution.tier = 'local'",
            "CREATE LOCATION l URL 's3://b/' WITH (sse_kms_key_id = 'arn')",
        ] {
            assert!(parse(sql, true).is_ok(), "{sql}");
            assert_eq!(shown(sql), sql);
        }
    }

    #[test]
    fn a_text_without_tokens_does_not_show_what_is_secret_in_its_urls() {
        let sql = "SELECT 's3://k:hidden@b/x' FROM t WHERE a = 'open";
        assert_eq!(shown(sql), "SELECT 's3://***@b/x' FROM t WHERE a = 'open");
    }
}
