use super::*;

fn read(sql: &str) -> Statement {
    parse(sql, true).unwrap_or_else(|error| panic!("{sql}: {error:?}"))
}

fn code_of(sql: &str) -> ErrorCode {
    parse(sql, true).expect_err(sql).code()
}

#[test]
fn one_statement_is_read_with_or_without_its_semicolon() {
    assert!(matches!(read("select 1"), Statement::Query(_)));
    assert!(matches!(read("select 1;"), Statement::Query(_)));
    assert!(matches!(read("values (1), (2)"), Statement::Query(_)));
    assert!(matches!(read("with t as (select 1) select * from t"), Statement::Query(_)));
}

#[test]
fn text_that_is_no_single_statement_is_refused() {
    assert_eq!(code_of("selec 1"), ErrorCode::SyntaxError);
    assert_eq!(code_of(""), ErrorCode::SyntaxError);
    assert_eq!(code_of("   -- nothing"), ErrorCode::SyntaxError);
    assert_eq!(code_of("select 1; select 2"), ErrorCode::Unsupported);
    assert_eq!(code_of(&"(".repeat(100_000)), ErrorCode::SyntaxError);
}

#[test]
fn names_fold_unless_quoted() {
    let Statement::Describe(name) = read("DESCRIBE Sales.\"Flights\"") else {
        panic!("no describe")
    };
    assert_eq!(name, TableReference::partial("sales", "Flights"));
}

#[test]
fn settings_are_read_in_every_spelling() {
    for sql in [
        "SET lakegate.execution.tier = 'local'",
        "SET lakegate.execution.tier = local",
        "SET lakegate.execution.tier TO 'local'",
        "SET LAKEGATE.Execution.Tier = 'local'",
    ] {
        let Statement::Command(Command::Set { key, value }) = read(sql) else { panic!("{sql}") };
        assert_eq!((key.as_str(), value.as_str()), ("lakegate.execution.tier", "local"));
    }
    assert!(matches!(read("SHOW lakegate.execution.tier"), Statement::ShowSetting(Some(_))));
    assert!(matches!(read("SHOW ALL"), Statement::ShowSetting(None)));
    assert!(matches!(
        read("RESET lakegate.execution.tier"),
        Statement::Command(Command::Reset(Some(_)))
    ));
}

#[test]
fn writes_and_transactions_are_refused_by_name() {
    for sql in [
        "insert into t values (1)",
        "delete from t",
        "create table t (a int)",
        "begin",
        "copy t to 'x.parquet'",
    ] {
        assert_eq!(code_of(sql), ErrorCode::Unsupported, "{sql}");
    }
}

#[test]
fn datasets_are_declared_and_dropped() {
    let create = "CREATE EXTERNAL TABLE IF NOT EXISTS s.t STORED AS CSV LOCATION '/data/' OPTIONS ('format.has_header' 'true')";
    assert!(matches!(read(create), Statement::Command(Command::CreateExternalTable(_))));
    assert!(matches!(
        read("CREATE SCHEMA IF NOT EXISTS p.s"),
        Statement::Command(Command::CreateSchema { if_not_exists: true, .. })
    ));
    assert!(matches!(
        read("CREATE OR REPLACE VIEW v AS SELECT 1 AS a"),
        Statement::Command(Command::CreateView { or_replace: true, .. })
    ));
    let Statement::Command(Command::Drop { kind, names, if_exists, .. }) =
        read("DROP VIEW IF EXISTS a, b")
    else {
        panic!("no drop")
    };
    assert_eq!((kind, names.len(), if_exists), (DropKind::View, 2, true));
}

#[test]
fn show_is_a_query_of_information_schema() {
    for sql in [
        "SHOW TABLES",
        "SHOW TABLES FROM sales",
        "SHOW TABLES LIKE 'fl%'",
        "SHOW SCHEMAS",
        "SHOW VIEWS",
        "SHOW FUNCTIONS",
        "SHOW PROJECTS",
    ] {
        assert!(matches!(read(sql), Statement::Query(_)), "{sql}");
    }
    assert!(matches!(read("SHOW COLUMNS FROM t"), Statement::Describe(_)));
}

#[test]
fn explain_keeps_its_options() {
    let Statement::Explain { options, statement } = read("EXPLAIN ANALYZE VERBOSE SELECT 1") else {
        panic!("no explain")
    };
    assert!(options.analyze && options.verbose && matches!(*statement, Statement::Query(_)));
}

#[test]
fn set_operations_that_count_copies_are_refused_wherever_they_stand() {
    for sql in [
        "select 1 intersect all select 1",
        "select * from (select 1 except all select 2) t",
        "select 1 union all (select 1 intersect all select 1)",
    ] {
        assert_eq!(code_of(sql), ErrorCode::Unsupported, "{sql}");
    }
    for sql in
        ["select 1 intersect select 1", "select 1 except select 2", "select 1 union all select 1"]
    {
        assert!(matches!(read(sql), Statement::Query(_)), "{sql}");
    }
}
