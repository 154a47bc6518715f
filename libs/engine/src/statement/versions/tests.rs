use datafusion::sql::parser::Statement as ParsedStatement;
use lakegate_common::{Coded, ErrorCode};

use super::clauses::{CLAUSES_MAX, MOMENT_TOKENS_MAX};
use super::{Reading, name_apart};
use crate::statement::{Command, Error, Statement, Write, parse};

fn query(sql: &str) -> ParsedStatement {
    match parse(sql, true) {
        Ok(Statement::Query(query)) => *query,
        other => panic!("{sql}: {other:?}"),
    }
}

/// What a query reads at versions, in the order of the made names.
fn readings(sql: &str) -> Result<Vec<String>, Error> {
    let Statement::Query(mut query) = parse(sql, true)? else { panic!("{sql} is no query") };
    let mut readings: Vec<_> = name_apart(&mut query, true)?.into_values().collect();
    readings.sort_by_key(|reading| format!("{reading:?}"));
    Ok(readings
        .into_iter()
        .map(|reading| match reading {
            Reading::Version { table, version } => format!("{table} {version}"),
            Reading::Time { table, time } => format!("{table} {time}"),
            Reading::Changes { table, from, to } => {
                let to = to.map(|to| format!(" {to}")).unwrap_or_default();
                format!("changes {table} {from}{to}")
            }
        })
        .collect())
}

#[test]
fn a_version_is_read_in_every_spelling_and_place() {
    for (sql, expected) in [
        ("SELECT * FROM t VERSION AS OF 3", "t 3"),
        ("SELECT * FROM t FOR VERSION AS OF 3", "t 3"),
        ("select * from T for system_version as of '3' where a = 1", "t 3"),
        ("SELECT * FROM p.s.t VERSION AS OF 3 AS u JOIN v ON u.a = v.a", "t 3"),
        ("SELECT * FROM t u VERSION AS OF 3", "t 3"),
        ("SELECT * FROM t AS u (a, b) VERSION AS OF 3, v", "t 3"),
        ("SELECT 1 FROM v LEFT JOIN \"T\" VERSION AS OF 3 USING (a)", "T 3"),
        ("SELECT (SELECT max(a) FROM t VERSION AS OF 3)", "t 3"),
        ("SELECT 1 WHERE EXISTS (SELECT 1 FROM t FOR VERSION AS OF 3)", "t 3"),
        ("WITH u AS (SELECT * FROM t VERSION AS OF 3) SELECT * FROM u", "t 3"),
        ("WITH t AS (SELECT * FROM t VERSION AS OF 3) SELECT * FROM t", "t 3"),
        ("SELECT 1 UNION ALL (SELECT a FROM (t VERSION AS OF 3 CROSS JOIN v))", "t 3"),
        ("SELECT * FROM t TIMESTAMP AS OF '2024-01-01' u", "t '2024-01-01'"),
        ("SELECT * FROM t FOR TIMESTAMP AS OF DATE '2024-01-01' ORDER BY 1", "t DATE '2024-01-01'"),
        (
            "SELECT * FROM t FOR SYSTEM_TIME AS OF now() - INTERVAL '1 day'",
            "t now() - INTERVAL '1 day'",
        ),
        (
            "SELECT * FROM t TIMESTAMP AS OF ('2024-01-01') AS u JOIN v USING (a)",
            "t ('2024-01-01')",
        ),
        ("SELECT * FROM table_changes('s.t', 1)", "changes s.t 1"),
        ("SELECT * FROM Table_Changes('\"T\"', 1, '2024-01-01') c", "changes T 1 '2024-01-01'"),
    ] {
        assert_eq!(readings(sql).unwrap(), [expected], "{sql}");
    }
}

#[test]
fn one_statement_may_read_a_table_at_several_versions() {
    let sql = "SELECT * FROM t VERSION AS OF 1 a, t VERSION AS OF 2 b, s.t VERSION AS OF 1 c, t";
    assert_eq!(readings(sql).unwrap(), ["t 1", "t 2"]);
    let mut query = query(sql);
    name_apart(&mut query, true).unwrap();
    let text = query.to_string();
    assert!(text.contains("s.\"t\tVERSION AS OF 1\" c, t"), "{text}");
}

#[test]
fn names_that_are_words_of_a_clause_stay_names() {
    for sql in [
        "SELECT version AS of FROM t",
        "SELECT t.timestamp AS of, 1 FROM t",
        "SELECT DISTINCT version AS of FROM version AS of",
        "SELECT * FROM version AS of JOIN t ON of.a = t.a",
        "SELECT * FROM t at, u before, v changes",
        "SELECT TIMESTAMP '2024-01-01' AS of",
        "SELECT 'FOR VERSION AS OF 3' AS \"VERSION AS OF 3\" FROM t",
    ] {
        assert_eq!(readings(sql).unwrap(), Vec::<String>::new(), "{sql}");
    }
}

#[test]
fn a_version_that_cannot_be_read_is_refused_and_never_ignored() {
    for (sql, code) in [
        ("SELECT * FROM t VERSION AS OF", ErrorCode::SyntaxError),
        ("SELECT * FROM t VERSION AS OF x", ErrorCode::SyntaxError),
        ("SELECT * FROM t VERSION AS OF -1", ErrorCode::SyntaxError),
        ("SELECT * FROM t VERSION AS OF 1.5", ErrorCode::SyntaxError),
        ("SELECT * FROM t VERSION AS OF 99999999999999999999", ErrorCode::SyntaxError),
        ("SELECT * FROM t VERSION AS OF 1 VERSION AS OF 2", ErrorCode::SyntaxError),
        ("SELECT * FROM t FOR TIMESTAMP AS OF", ErrorCode::SyntaxError),
        ("SELECT * FROM (SELECT 1) u VERSION AS OF 1", ErrorCode::SyntaxError),
        ("SELECT * FROM (SELECT 1) FOR VERSION AS OF 1", ErrorCode::SyntaxError),
        ("SELECT * FROM (SELECT * FROM t) VERSION AS OF 1", ErrorCode::SyntaxError),
        ("SELECT * FROM (a CROSS JOIN b) FOR VERSION AS OF 1", ErrorCode::SyntaxError),
        ("SELECT 1 WHERE 1 IN (SELECT id FROM t) FOR VERSION AS OF 1", ErrorCode::SyntaxError),
        ("SELECT * FROM f(1) FOR VERSION AS OF 1", ErrorCode::SyntaxError),
        ("SELECT a FOR VERSION AS OF 1 FROM t", ErrorCode::SyntaxError),
        ("TABLE t FOR VERSION AS OF 1", ErrorCode::SyntaxError),
        ("INSERT INTO t VERSION AS OF 1 SELECT 1", ErrorCode::SyntaxError),
        ("COPY t VERSION AS OF 1 TO 'x.parquet'", ErrorCode::SyntaxError),
        ("DESCRIBE t VERSION AS OF 1", ErrorCode::SyntaxError),
        ("DROP TABLE t VERSION AS OF 1", ErrorCode::SyntaxError),
        ("DELETE FROM t VERSION AS OF 1", ErrorCode::Unsupported),
        ("UPDATE t VERSION AS OF 1 SET a = 1", ErrorCode::Unsupported),
        ("WITH t AS (SELECT 1) SELECT * FROM t VERSION AS OF 1", ErrorCode::Unsupported),
        (
            "WITH t AS (SELECT 1), u AS (SELECT * FROM t VERSION AS OF 1) SELECT 1",
            ErrorCode::Unsupported,
        ),
        ("SELECT * FROM t TABLESAMPLE (10 ROWS)", ErrorCode::Unsupported),
        ("SELECT * FROM table_changes('t')", ErrorCode::SyntaxError),
        ("SELECT * FROM table_changes(t, 1)", ErrorCode::SyntaxError),
        ("SELECT * FROM table_changes('t u', 1)", ErrorCode::SyntaxError),
        ("SELECT * FROM table_changes('t', 1) FOR VERSION AS OF 1", ErrorCode::SyntaxError),
    ] {
        assert_eq!(readings(sql).expect_err(sql).code(), code, "{sql}");
    }
}

#[test]
fn versions_and_their_times_are_bounded() {
    let one = " VERSION AS OF 1";
    let tables = |count| vec![format!("t{one}"); count].join(", ");
    assert!(readings(&format!("SELECT 1 FROM {}", tables(CLAUSES_MAX))).is_ok());
    let refused = readings(&format!("SELECT 1 FROM {}", tables(CLAUSES_MAX + 1)));
    assert_eq!(refused.unwrap_err().code(), ErrorCode::LimitExceeded);
    let blanks = " ".repeat(1 << 20);
    assert!(readings(&format!("SELECT version{blanks}AS{blanks}of FROM t")).unwrap().is_empty());
    let long = "1+".repeat(MOMENT_TOKENS_MAX);
    let refused = readings(&format!("SELECT 1 FROM t TIMESTAMP AS OF {long}1"));
    assert_eq!(refused.unwrap_err().code(), ErrorCode::SyntaxError);
}

#[test]
fn what_is_written_may_be_read_at_a_version() {
    let from = "SELECT * FROM t VERSION AS OF 3";
    for sql in [
        format!("CREATE TABLE u AS {from}"),
        format!("CREATE OR REPLACE TABLE u AS {from}"),
        format!("INSERT INTO u {from}"),
        format!("INSERT OVERWRITE u {from}"),
        format!("COPY ({from}) TO 'x.parquet'"),
    ] {
        let query = match parse(&sql, true) {
            Ok(Statement::Command(Command::Write(write))) => match *write {
                Write::CreateTable(create) => create.query,
                Write::Insert { query, .. } | Write::CopyTo { query, .. } => Some(query),
                Write::Truncate { .. } => None,
            },
            other => panic!("{sql}: {other:?}"),
        };
        let readings = name_apart(&mut query.unwrap(), true).unwrap();
        let version = Reading::Version { table: "t".to_string(), version: 3 };
        assert_eq!(readings.into_values().collect::<Vec<_>>(), [version], "{sql}");
    }
    let refused = parse("CREATE TABLE u VERSION AS OF 3 (a BIGINT)", true);
    assert_eq!(refused.unwrap_err().code(), ErrorCode::SyntaxError);
}

#[test]
fn the_text_of_a_view_keeps_its_versions() {
    for sql in [
        "SELECT * FROM t AS u FOR VERSION AS OF 3 WHERE a = 1",
        "SELECT * FROM s.t FOR TIMESTAMP AS OF '2024-01-01' + INTERVAL '1 day' u (a, b) JOIN v USING (a)",
        "SELECT * FROM s.t FOR SYSTEM_TIME AS OF '2024-01-01'",
    ] {
        let Ok(Statement::Command(Command::CreateView { query, .. })) =
            parse(&format!("CREATE VIEW w AS {sql}"), true)
        else {
            panic!("{sql} makes no view")
        };
        assert_eq!(readings(&query).unwrap(), readings(sql).unwrap(), "{query}");
    }
}
