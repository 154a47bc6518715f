//! `COMMENT '…'` of schemas, views and external tables, which the general parser does not read.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

/// Takes the clause out of a statement that may have one: behind the name, and before the query of
/// a view.
pub(super) fn cut(mut tokens: Vec<TokenWithSpan>) -> (Vec<TokenWithSpan>, Option<String>) {
    match clause(&tokens) {
        Some((from, to, text)) => {
            tokens.drain(from..=to);
            (tokens, Some(text))
        }
        None => (tokens, None),
    }
}

/// From where to where the clause stands, and its text.
fn clause(tokens: &[TokenWithSpan]) -> Option<(usize, usize, String)> {
    let mut significant = tokens.iter().enumerate().filter_map(|(position, token)| {
        let token = &token.token;
        (!matches!(token, Token::Whitespace(_))).then_some((position, token))
    });
    let mut next = || keyword(significant.next().map(|(_, token)| token));
    let ends_at_query = match (next()?, next()?) {
        (Keyword::CREATE, Keyword::SCHEMA) => false,
        (Keyword::CREATE, Keyword::VIEW) => true,
        (Keyword::CREATE, Keyword::EXTERNAL) => false,
        (Keyword::CREATE, Keyword::OR) => match (next()?, next()?) {
            (Keyword::REPLACE, Keyword::VIEW) => true,
            (Keyword::REPLACE, Keyword::EXTERNAL) => false,
            _ => return None,
        },
        _ => return None,
    };
    let rest: Vec<_> = significant.collect();
    let mut depth = 0_usize;
    for (index, (position, token)) in rest.iter().enumerate() {
        match token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            token => match keyword(Some(token)) {
                Some(Keyword::AS) if ends_at_query => return None,
                // The first word is the name, or what stands before it.
                Some(Keyword::COMMENT) if index > 0 => {
                    let has_equals = matches!(rest.get(index + 1), Some((_, Token::Eq)));
                    let text = rest.get(index + 1 + usize::from(has_equals));
                    if let Some((end, Token::SingleQuotedString(text))) = text {
                        return Some((*position, *end, text.clone()));
                    }
                }
                _ => {}
            },
        }
    }
    None
}

fn keyword(token: Option<&Token>) -> Option<Keyword> {
    match token? {
        Token::Word(word) if word.quote_style.is_none() => Some(word.keyword),
        _ => Some(Keyword::NoKeyword),
    }
}

#[cfg(test)]
mod tests {
    use crate::statement::{Command, Statement, parse};

    fn comment(sql: &str) -> Option<String> {
        match parse(sql, true) {
            Ok(Statement::Command(
                Command::CreateSchema { comment, .. }
                | Command::CreateView { comment, .. }
                | Command::CreateExternalTable { comment, .. },
            )) => comment,
            other => panic!("{sql}: {other:?}"),
        }
    }

    #[test]
    fn a_comment_stands_behind_the_name() {
        for sql in [
            "CREATE SCHEMA s COMMENT 'it''s'",
            "create schema if not exists p.s comment = 'it''s';",
            "CREATE VIEW v COMMENT 'it''s' AS SELECT 1 AS a",
            "CREATE OR REPLACE VIEW v (a, b) COMMENT 'it''s' AS SELECT 1, 2",
            "CREATE EXTERNAL TABLE t STORED AS CSV COMMENT 'it''s' LOCATION 'x'",
            "CREATE EXTERNAL TABLE t (a INT) STORED AS CSV LOCATION 'x' COMMENT 'it''s'",
        ] {
            assert_eq!(comment(sql).as_deref(), Some("it's"), "{sql}");
        }
    }

    #[test]
    fn what_only_looks_like_a_comment_is_none() {
        for sql in [
            "CREATE SCHEMA comment",
            "CREATE VIEW comment AS SELECT 1 AS a",
            "CREATE VIEW v AS SELECT comment 'x' FROM t",
            "CREATE VIEW v AS SELECT DATE '2024-01-01' AS comment",
        ] {
            if parse(sql, true).is_ok() {
                assert_eq!(comment(sql), None, "{sql}");
            }
        }
    }
}
