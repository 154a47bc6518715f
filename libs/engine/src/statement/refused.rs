//! What may be seen of a text that could not be read as a statement. It may have been meant as one
//! that holds a secret, which nobody can tell any more.

/// What may be seen instead where nothing may.
const HIDDEN: &str = "***";
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
        return sql.to_string();
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
        ] {
            assert!(parse(sql, true).is_err(), "{sql}");
            assert_eq!(shown_of_unread(sql), shown);
        }
    }
}
