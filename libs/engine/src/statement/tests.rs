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
    assert_eq!(code_of(&"(".repeat(100_000)), ErrorCode::LimitExceeded);
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
    assert!(matches!(read("RESET ALL"), Statement::Command(Command::Reset(None))));
}

#[test]
fn changes_of_rows_and_transactions_are_refused_by_name() {
    for sql in [
        "insert into t values (1) returning a",
        "update t set a = 1",
        "delete from t",
        "create table t (a int primary key)",
        "create table t (a int default 1)",
        "create table t (a int) using parquet",
        "begin",
    ] {
        assert_eq!(code_of(sql), ErrorCode::Unsupported, "{sql}");
    }
}

fn create_table(sql: &str) -> CreateTable {
    match read(sql) {
        Statement::Command(Command::Write(write)) => match *write {
            Write::CreateTable(create) => create,
            other => panic!("{sql}: {other:?}"),
        },
        other => panic!("{sql}: {other:?}"),
    }
}

#[test]
fn clauses_of_a_table_come_in_any_order() {
    for sql in [
        "CREATE TABLE IF NOT EXISTS s.T (a INT NOT NULL, B VARCHAR) USING delta PARTITIONED BY (b) \
         LOCATION '/lake/t' COMMENT 'it''s' TBLPROPERTIES ('delta.appendOnly' = 'true', x.Y = 1)",
        "create table if not exists S.t (a INT NOT NULL, b VARCHAR) comment 'it''s' with \
         (delta.appendOnly = true, x.Y = '1') location '/lake/t' partitioned by (B);",
    ] {
        let create = create_table(sql);
        assert_eq!(create.name, TableReference::partial("s", "t"));
        assert_eq!(create.columns.len(), 2);
        assert_eq!(create.partitioned_by, ["b"]);
        assert_eq!(create.location.as_deref(), Some("/lake/t"));
        assert_eq!(create.comment.as_deref(), Some("it's"));
        assert_eq!(create.properties.get("delta.appendOnly").map(String::as_str), Some("true"));
        assert_eq!(create.properties.get("x.Y").map(String::as_str), Some("1"));
        assert!(create.if_not_exists && create.query.is_none());
    }
}

#[test]
fn a_table_is_made_of_columns_or_of_a_query() {
    for sql in [
        "-- first\nCREATE TABLE t AS SELECT 1 AS a",
        "CREATE TABLE t PARTITIONED BY (a) AS WITH x AS (SELECT 1 AS a, 2 AS b) SELECT * FROM x",
        "CREATE TABLE t AS VALUES (1)",
    ] {
        assert!(create_table(sql).query.is_some(), "{sql}");
    }
    for sql in ["CREATE TABLE t", "CREATE TABLE t (a INT) AS SELECT 1", "CREATE TABLE t (a INT) x"]
    {
        assert_eq!(code_of(sql), ErrorCode::SyntaxError, "{sql}");
    }
    assert!(matches!(read("SELECT 'CREATE TABLE t'"), Statement::Query(_)));
}

#[test]
fn a_table_is_replaced_or_left_and_not_both() {
    let create = create_table("CREATE OR REPLACE TABLE s.t PARTITIONED BY (a) AS SELECT 1 AS a");
    assert!(create.or_replace && !create.if_not_exists);
    assert!(!create_table("CREATE TABLE t (a INT)").or_replace);
    let both = "CREATE OR REPLACE TABLE IF NOT EXISTS t (a INT)";
    assert_eq!(code_of(both), ErrorCode::SyntaxError);
}

#[test]
fn rows_are_inserted_and_copied() {
    let written = |sql: &str| match read(sql) {
        Statement::Command(Command::Write(write)) => *write,
        other => panic!("{sql}: {other:?}"),
    };
    let Write::Insert { table, columns, .. } = written("INSERT INTO s.T (A, \"B\") VALUES (1, 2)")
    else {
        panic!("no insert")
    };
    assert_eq!(table, TableReference::partial("s", "t"));
    assert_eq!(columns, ["a", "B"]);
    for sql in ["INSERT OVERWRITE s.t SELECT 1", "INSERT OVERWRITE TABLE s.t SELECT 1"] {
        let Write::Insert { table, overwrite, .. } = written(sql) else { panic!("{sql}") };
        assert!(overwrite && table == TableReference::partial("s", "t"), "{sql}");
    }
    let Write::Truncate { table } = written("TRUNCATE TABLE S.t") else { panic!("no truncate") };
    assert_eq!(table, TableReference::partial("s", "t"));
    assert_eq!(code_of("TRUNCATE TABLE a, b"), ErrorCode::Unsupported);
    let copy =
        "COPY s.t TO 's3://b/o/' STORED AS CSV PARTITIONED BY (a) OPTIONS ('header' 'false')";
    let Write::CopyTo { target, format, partitioned_by, options, .. } = written(copy) else {
        panic!("no copy")
    };
    assert_eq!((target.as_str(), format.as_deref()), ("s3://b/o/", Some("CSV")));
    assert_eq!(partitioned_by, ["a"]);
    assert_eq!(options, [("header".to_string(), "false".to_string())]);
}

#[test]
fn datasets_are_declared_and_dropped() {
    let create = "CREATE EXTERNAL TABLE IF NOT EXISTS s.t STORED AS CSV LOCATION '/data/' OPTIONS ('format.has_header' 'true')";
    assert!(matches!(read(create), Statement::Command(Command::CreateExternalTable { .. })));
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
