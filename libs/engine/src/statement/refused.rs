//! What may be seen of a text that could not be read as a statement. It may have been meant as one
//! that holds a secret, which nobody can tell any more.

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::Tokenizer;
use lakegate_common::secret::{HIDDEN, may_hold_secrets};

use super::in_clear::shown;

/// Words that begin statements in which names are followed by values.
const WITH_VALUES: [&str; 2] = ["SET", "COPY"];
/// Words that begin statements without secrets.
const HARMLESS: [&str; 22] = [
    "SELECT", "WITH", "VALUES", "FROM", "TABLE", "EXPLAIN", "ANALYZE", "SHOW", "DESCRIBE", "DESC",
    "INSERT", "UPDATE", "DELETE", "MERGE", "COPY", "USE", "DROP", "GRANT", "REVOKE", "SET",
    "RESET", "TRUNCATE",
];
/// Words that a statement with a secret has, or its second part when several were sent.
const TELLTALE: [&str; 5] = ["CREATE", "ALTER", "PASSWORD", "CREDENTIAL", "SECRET"];
/// Words that name what a statement makes or changes.
const KINDS: [&str; 11] = [
    "TABLE",
    "EXTERNAL",
    "VIEW",
    "SCHEMA",
    "PROJECT",
    "VOLUME",
    "LOCATION",
    "CREDENTIAL",
    "USER",
    "ROLE",
    "OR",
];

/// What logs and the history may show of `sql`, which [`super::parse`] refused: all of it where it
/// begins like a statement without secrets and holds no word of one with some, else its first words.
pub fn shown_of_unread(sql: &str) -> String {
    let begin = sql.trim_start_matches(|c: char| c.is_whitespace() || c == '(');
    let mut words = begin.split(|c: char| !c.is_ascii_alphabetic());
    let mut next = || words.next().unwrap_or_default().to_ascii_uppercase();
    let (first, second) = (next(), next());
    if HARMLESS.contains(&first.as_str()) && !TELLTALE.iter().any(|word| holds(sql, word)) {
        let is_cut = Tokenizer::new(&GenericDialect {}, sql).tokenize().is_err();
        // Where a text has no tokens, values cannot be told from names.
        if !(is_cut && WITH_VALUES.contains(&first.as_str()) && may_hold_secrets(sql)) {
            return shown(sql).into_owned();
        }
    }
    match first.as_str() {
        "CREATE" | "ALTER" if KINDS.contains(&second.as_str()) => {
            format!("{first} {second} {HIDDEN}")
        }
        known if known == "CREATE" || known == "ALTER" || HARMLESS.contains(&known) => {
            format!("{first} {HIDDEN}")
        }
        _ => HIDDEN.to_string(),
    }
}

/// Whether `word` stands anywhere in `sql`, in any case.
fn holds(sql: &str, word: &str) -> bool {
    super::governance::holds(sql, word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statement::parse;

    #[test]
    fn a_query_that_cannot_be_read_is_shown() {
        for sql in ["SELECT 1 +", " select 'a' ORDER 1", "(SELECT 1", "INSERT INTO t VALUES ("] {
            assert!(parse(sql, true).is_err(), "{sql}");
            assert_eq!(shown_of_unread(sql), sql);
        }
    }

    #[test]
    fn what_may_hold_a_secret_is_shown_by_its_first_words_at_most() {
        for (sql, shown) in [
            ("CREATE USER ann PASSWORD hidden", "CREATE USER ***"),
            ("CREATE USER ann PASSWORD 'hidden", "CREATE USER ***"),
            ("alter credential c SET (k 'hidden')", "ALTER CREDENTIAL ***"),
            ("CREATE UESR ann PASWORD 'hidden'", "CREATE ***"),
            ("CRATE USER ann PASSWORD 'hidden'", "***"),
            ("hidden", "***"),
            ("SELECT 1; CREATE USER ann PASSWORD 'hidden'", "SELECT ***"),
            ("EXPLAIN CREATE USER ann PASSWORD 'hidden'", "EXPLAIN ***"),
            ("", "***"),
            ("SET api_key = 'hidden", "SET ***"),
            ("SET api_key = 'hidden')", "SET api_key = ***)"),
            ("COPY t TO 's3://k:hidden@b/' STORED", "COPY t TO 's3://***@b/' STORED"),
            ("SELECT FROM 's3://k:hidden@b/' ORDER 1", "SELECT FROM 's3://***@b/' ORDER 1"),
        ] {
            assert!(parse(sql, true).is_err(), "{sql}");
            assert_eq!(shown_of_unread(sql), shown);
        }
    }
}
