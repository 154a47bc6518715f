//! Tables that are made and filled in a bucket, and who may write what.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use futures::TryStreamExt;
use lakegate_tests::server::Options;
use lakegate_tests::sql::{Sql, runtime};
use lakegate_tests::{Cluster, Requirement, Server, suite, wait};
use libtest_mimic::Trial;
use object_store::ObjectStore;
use object_store::path::Path;

use crate::minio::{BUCKET, EMPTY, SECRET};
use crate::{s3, stored};

const PASSWORD: &str = "x";
/// How long files of a dropped table may stay.
const REMOVAL_DEADLINE: Duration = Duration::from_secs(30);

pub(crate) fn tests() -> Vec<Trial> {
    let minio: &'static [Requirement] = &[Requirement::Tool("minio")];
    vec![
        suite::test_with("executors_write_tables_into_a_bucket", minio, into_a_bucket),
        suite::test_with("a_table_may_be_a_whole_bucket", minio, whole_bucket),
        suite::test_with("a_cancelled_write_leaves_no_part_of_a_file", minio, cancelled),
        suite::test_with("only_those_write_who_may", &[], only_those_who_may),
        suite::test_with("only_those_replace_and_alter_who_may", &[], only_those_replace_who_may),
        suite::test_with("files_of_a_replaced_table_go_with_it", &[], replaced),
        suite::test_with("who_reads_a_replaced_table_reads_one_version", &[], read_while_replaced),
        suite::test_with("a_replacement_that_fails_leaves_no_file", &[], failed_replacement),
        suite::test_with("a_table_in_a_bucket_is_replaced", minio, replaced_in_a_bucket),
        suite::test_with("a_statement_writes_no_more_files_than_it_may", &[], too_many_files),
        suite::test_with("parts_of_values_are_there_where_they_must_be", &[], nested_not_null),
        suite::test_with("several_may_make_the_same_if_it_is_not_there", &[], made_at_once),
    ]
}

fn objects(store: &dyn ObjectStore, below: &str) -> Vec<String> {
    let listed = store.list(Some(&Path::from(below)));
    let listed = runtime().block_on(listed.try_collect::<Vec<_>>()).unwrap();
    listed.into_iter().map(|object| object.location.to_string()).collect()
}

/// Makes a table below `url`, adds to it and copies it, and reads both on either tier. The copy has
/// a thousand rows, each with a number of four digits so often.
pub(crate) fn assert_written_alike(admin: &mut Sql, url: &str, often: usize) {
    admin.run(&format!("CREATE PROJECT trial LOCATION '{url}/trial/'"));
    for tier in ["local", "durable"] {
        admin.run(&format!("SET lakegate.execution.tier = '{tier}'"));
        admin.run(
            "CREATE TABLE trial.public.parted PARTITIONED BY (k) AS \
             SELECT value AS n, nullif(value % 3, 3) AS k FROM generate_series(0, 999)",
        );
        admin.run(
            "INSERT INTO trial.public.parted SELECT value, 7 FROM generate_series(1000, 1999)",
        );
        admin.run("INSERT INTO trial.public.parted VALUES (-1, NULL)");
        admin.run(&format!(
            "COPY (SELECT n, repeat(CAST(n AS VARCHAR), {often}) AS text FROM trial.public.parted \
             WHERE k = 7) TO '{url}/out-{tier}/' STORED AS CSV"
        ));
        admin.run(&format!(
            "CREATE EXTERNAL TABLE out STORED AS CSV LOCATION '{url}/out-{tier}/' \
             OPTIONS ('format.has_header' 'true')"
        ));
        for reading in ["local", "durable"] {
            admin.run(&format!("SET lakegate.execution.tier = '{reading}'"));
            let found = admin.run("SELECT count(*), sum(n), count(k) FROM trial.public.parted");
            assert_eq!(found, [["2001", "1998999", "2000"]], "{tier}, {reading}");
            let one = admin.run("SELECT count(*), min(n) FROM trial.public.parted WHERE k = 7");
            assert_eq!(one, [["1000", "1000"]], "{tier}, {reading}");
            let out = admin.run("SELECT count(*), max(n), max(length(text)) FROM out");
            assert_eq!(out, [["1000", "1999", &(4 * often).to_string()]], "{tier}, {reading}");
        }
        admin.run("DROP TABLE trial.public.parted");
        admin.run("DROP TABLE out");
    }
    admin.run("DROP PROJECT trial CASCADE");
}

/// Waits until the files of the tables of [`assert_written_alike`] are gone; its copies stay.
pub(crate) fn wait_until_dropped(store: &dyn ObjectStore, below: &str) {
    wait::until("the dropped tables' objects to go", REMOVAL_DEADLINE, || {
        match objects(store, &format!("{below}/trial")) {
            left if left.is_empty() => Ok(()),
            left => Err(format!("{left:?}")),
        }
    });
    assert!(!objects(store, &format!("{below}/out-local")).is_empty());
}

fn into_a_bucket() {
    let (minio, mut cluster, mut admin) = s3::lake();
    assert_written_alike(&mut admin, &format!("s3://{BUCKET}/raw"), 4000);
    stored::assert_nowhere(&mut cluster, SECRET);
    wait_until_dropped(minio.store(), "raw");
    assert_eq!(minio.unfinished(), 0);
}

fn whole_bucket() {
    let (minio, _cluster, mut admin) = s3::lake();
    admin.run(&format!(
        "CREATE LOCATION bare URL 's3://{EMPTY}/' CREDENTIAL minio WITH \
         (endpoint = '{}', region = 'us-east-1', path_style = true, allow_http = true)",
        minio.endpoint()
    ));
    admin.run(&format!("CREATE TABLE whole LOCATION 's3://{EMPTY}/' AS SELECT 1 AS n"));
    let again = format!("CREATE TABLE again LOCATION 's3://{EMPTY}/' AS SELECT 1 AS n");
    assert_eq!(admin.fail(&again).code(), "not_empty");
    for tier in ["local", "durable"] {
        admin.run(&format!("SET lakegate.execution.tier = '{tier}'"));
        admin.run("INSERT INTO whole SELECT value FROM generate_series(2, 4)");
    }
    for tier in ["local", "durable"] {
        admin.run(&format!("SET lakegate.execution.tier = '{tier}'"));
        assert_eq!(admin.run("SELECT count(*), sum(n) FROM whole"), [["7", "19"]], "{tier}");
    }
    admin.run(&format!("COPY whole TO 's3://{EMPTY}/copy.csv'"));
}

fn cancelled() {
    let (minio, cluster, _admin) = s3::lake();
    for tier in ["local", "durable"] {
        let mut sql = cluster.server.connect();
        sql.run(&format!("SET lakegate.execution.tier = '{tier}'"));
        sql.run("SET lakegate.execution.timeout = '20s'");
        let copied = format!(
            "COPY (SELECT md5(CAST(a.value AS VARCHAR)) AS text FROM generate_series(1, 10000000) a, \
             generate_series(1, 1000) b) TO 's3://{BUCKET}/raw/endless.csv'"
        );
        let running = sql.spawn(&copied);
        wait::until("a part of a file at the store", Duration::from_secs(60), || {
            if minio.unfinished() > 0 { Ok(()) } else { Err("none".to_string()) }
        });
        let ended = running.join().unwrap().unwrap_err();
        assert_eq!(ended.code(), "query_timeout", "{tier}");
        wait::until("no part of a file to be left", REMOVAL_DEADLINE, || {
            match minio.unfinished() {
                0 => Ok(()),
                left => Err(format!("{left} files, {tier}")),
            }
        });
        assert!(objects(minio.store(), "raw/endless.csv").is_empty());
    }
}

fn replaced() {
    let server = Server::start();
    let mut sql = server.connect();
    let other = tempfile::tempdir().unwrap();
    let other = other.path().join("rows.parquet");
    sql.run(&format!("COPY (SELECT 7 AS n) TO '{}'", other.display()));
    let folders = || {
        let found = fs::read_dir(server.data_folder().join("tables")).into_iter().flatten();
        found.map(|entry| entry.unwrap().path()).collect::<Vec<_>>()
    };
    sql.run("CREATE TABLE t AS SELECT 1 AS n");
    let first = folders();
    assert_eq!(first.len(), 1);
    sql.run(&format!(
        "CREATE OR REPLACE EXTERNAL TABLE t STORED AS PARQUET LOCATION '{}'",
        other.display()
    ));
    wait::until("the replaced table's files to go", REMOVAL_DEADLINE, || {
        if first[0].exists() { Err(first[0].display().to_string()) } else { Ok(()) }
    });
    assert_eq!(sql.run("SELECT n FROM t"), [["7"]]);

    // Files that another table has stay.
    let lake = tempfile::tempdir().unwrap();
    sql.run(&format!("CREATE PROJECT lake LOCATION 'file://{}/'", lake.path().display()));
    let folders = || {
        let found = fs::read_dir(lake.path()).into_iter().flatten();
        found.map(|entry| entry.unwrap().path()).collect::<Vec<_>>()
    };
    sql.run("CREATE TABLE lake.public.u AS SELECT 2 AS n");
    let kept = folders();
    assert_eq!(kept.len(), 1);
    sql.run(&format!(
        "CREATE OR REPLACE EXTERNAL TABLE lake.public.u STORED AS DELTA LOCATION '{}'",
        kept[0].display()
    ));
    sql.run("CREATE TABLE lake.public.v AS SELECT 3 AS n");
    sql.run("DROP TABLE lake.public.v");
    wait::until("the dropped table's files to go", REMOVAL_DEADLINE, || {
        if folders() == kept { Ok(()) } else { Err(format!("{:?}", folders())) }
    });
    assert_eq!(sql.run("SELECT n FROM lake.public.u"), [["2"]]);
}

fn only_those_replace_who_may() {
    let server = Server::start();
    let mut admin = server.connect();
    admin.run("CREATE TABLE kept AS SELECT 7 AS n");
    admin.run(&format!("CREATE USER ann PASSWORD '{PASSWORD}'"));
    let mut ann = Sql::connect(&server.url(), "ann", PASSWORD).unwrap();
    admin.run("GRANT SELECT ON TABLE kept TO ann");
    let replaces = "CREATE OR REPLACE TABLE kept AS SELECT 1 AS n";
    let alters = [
        "ALTER TABLE kept SET TBLPROPERTIES ('delta.logRetentionDuration' = 'interval 9 days')",
        "ALTER TABLE kept UNSET TBLPROPERTIES ('delta.logRetentionDuration')",
        "ALTER TABLE kept ADD COLUMN more INT",
    ];
    let overwrites = ["INSERT OVERWRITE kept VALUES (2)", "TRUNCATE TABLE kept"];
    for sql in [replaces].iter().chain(&alters).chain(&overwrites) {
        assert_eq!(ann.fail(sql).code(), "permission_denied", "{sql}");
    }
    admin.run("GRANT MODIFY ON TABLE kept TO ann");
    ann.run(overwrites[0]);
    for sql in alters {
        assert_eq!(ann.fail(sql).code(), "permission_denied", "{sql}");
    }
    admin.run("GRANT CREATE ON SCHEMA public TO ann");
    assert_eq!(ann.fail(replaces).code(), "permission_denied");
    assert_eq!(admin.run("SELECT n FROM kept"), [["2"]]);
    admin.run("GRANT MANAGE ON TABLE kept TO ann");
    ann.run(replaces);
    for sql in alters {
        ann.run(sql);
    }
    assert_eq!(ann.run("SELECT n, more FROM kept"), [["1", "NULL"]]);
    ann.run(overwrites[1]);
    // Grants are of the table, not of one of its versions.
    let told = admin.run("SELECT privilege FROM system.grants WHERE grantee = 'ann' ORDER BY 1");
    assert_eq!(told, [["CREATE"], ["MANAGE"], ["MODIFY"], ["SELECT"]]);
    admin.run("CREATE TABLE hidden AS SELECT 7 AS n");
    assert_eq!(ann.fail(&replaces.replace("kept", "hidden")).code(), "already_exists");
    assert_eq!(admin.run("SELECT n FROM hidden"), [["7"]]);
    let to_admin = "ALTER USER ann ADMIN";
    assert_eq!(ann.fail(to_admin).code(), "permission_denied");
    admin.run(to_admin);
    ann.run("CREATE ROLE anns");
    ann.run("ALTER USER admin NOADMIN");
    assert_eq!(admin.fail("CREATE ROLE others").code(), "permission_denied");
}

fn read_while_replaced() {
    let server = Server::start();
    let mut sql = server.connect();
    let replace = |first: usize, last: usize| {
        format!(
            "CREATE OR REPLACE TABLE t AS SELECT value AS n FROM generate_series({first}, {last})"
        )
    };
    sql.run(&replace(1, 1_000));
    let (few, many) = (["1000", "500500"], ["2000", "2001000"]);
    let read = "SELECT count(*), sum(n) FROM t";
    let mut reader = server.connect();
    let reading =
        std::thread::spawn(move || (0..40).map(|_| reader.run(read).remove(0)).collect::<Vec<_>>());
    for _ in 0..5 {
        sql.run(&replace(1, 2_000));
        sql.run(&replace(1, 1_000));
    }
    for row in reading.join().unwrap() {
        assert!(row == few || row == many, "{row:?}");
    }
    assert_eq!(sql.run("SELECT count(*) FROM t VERSION AS OF 1"), [["2000"]]);
    assert_eq!(sql.run("DESCRIBE HISTORY t").len(), 11);
    assert_eq!(sql.run("DESCRIBE HISTORY t LIMIT 1")[0][2], "CREATE OR REPLACE TABLE AS SELECT");
}

fn failed_replacement() {
    let server = Server::start();
    let mut sql = server.connect();
    let files = || {
        let (mut folders, mut files) = (vec![server.data_folder().join("tables")], BTreeSet::new());
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                if entry.path().is_dir() {
                    folders.push(entry.path());
                } else {
                    files.insert(entry.path());
                }
            }
        }
        files
    };
    sql.run("CREATE TABLE t AS SELECT value AS n FROM generate_series(1, 100000)");
    let before = files();
    let fails = "CREATE OR REPLACE TABLE t AS SELECT 1 / (n - 100000) AS n FROM t";
    assert_eq!(sql.fail(fails).code(), "data_error");
    let fails = "INSERT OVERWRITE t SELECT 1 / (n - 100000) FROM t";
    assert_eq!(sql.fail(fails).code(), "data_error");
    wait::until("files of what failed to go", REMOVAL_DEADLINE, || {
        let now = files();
        if now == before { Ok(()) } else { Err(format!("{now:?}")) }
    });
    assert_eq!(sql.run("SELECT count(*) FROM t"), [["100000"]]);
    assert_eq!(sql.run("DESCRIBE HISTORY t").len(), 1);
}

fn replaced_in_a_bucket() {
    let (_minio, _cluster, mut admin) = s3::lake();
    admin.run(&format!("CREATE PROJECT trial LOCATION 's3://{BUCKET}/raw/trial/'"));
    admin.run("CREATE TABLE trial.public.t AS SELECT 1 AS n");
    admin.run("CREATE OR REPLACE TABLE trial.public.t AS SELECT n + 1 AS m FROM trial.public.t");
    admin.run("INSERT OVERWRITE trial.public.t SELECT m + 1 FROM trial.public.t");
    admin.run("ALTER TABLE trial.public.t ADD COLUMN more INT");
    admin.run("ALTER TABLE trial.public.t SET TBLPROPERTIES ('delta.checkpointInterval' = '3')");
    admin.run("INSERT INTO trial.public.t VALUES (9, 9)");
    let rows = admin.run("SELECT m, more FROM trial.public.t ORDER BY m");
    assert_eq!(rows, [["3", "NULL"], ["9", "9"]]);
    assert_eq!(admin.run("SELECT n FROM trial.public.t VERSION AS OF 0"), [["1"]]);
}

fn too_many_files() {
    let options = Options::default().with_variable("LAKEGATE_WRITE__FILES_MAX", "20");
    let server = options.start();
    let mut sql = server.connect();
    sql.run("CREATE TABLE parted (n BIGINT, k BIGINT) PARTITIONED BY (k)");
    let insert = |values: usize| {
        format!("INSERT INTO parted SELECT value, value % {values} FROM generate_series(1, 1000)")
    };
    assert_eq!(sql.fail(&insert(21)).code(), "limit_exceeded");
    assert_eq!(sql.run("SELECT count(*) FROM parted"), [["0"]]);
    sql.run(&insert(20));
    assert_eq!(sql.run("SELECT count(*) FROM parted"), [["1000"]]);
}

fn only_those_who_may() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().display();
    let mut admin = server.connect();
    admin.run("CREATE TABLE kept (n BIGINT)");
    admin.run(&format!("CREATE USER ann PASSWORD '{PASSWORD}'"));
    let mut ann = Sql::connect(&server.url(), "ann", PASSWORD).unwrap();

    let insert = "INSERT INTO kept VALUES (1)";
    assert_eq!(ann.fail(insert).code(), "project_not_found");
    admin.run("GRANT SELECT ON TABLE kept TO ann");
    assert_eq!(ann.fail(insert).code(), "permission_denied");
    admin.run("REVOKE SELECT ON TABLE kept FROM ann");
    admin.run("GRANT MODIFY ON TABLE kept TO ann");
    ann.run(insert);
    admin.run("CREATE TABLE hidden AS SELECT 7 AS n");
    assert_eq!(ann.fail("INSERT INTO kept SELECT n FROM hidden").code(), "table_not_found");

    assert_eq!(ann.fail("CREATE TABLE mine (n BIGINT)").code(), "permission_denied");
    admin.run("GRANT CREATE ON SCHEMA public TO ann");
    ann.run("CREATE TABLE mine AS SELECT 1 AS n");
    ann.run("INSERT INTO mine VALUES (2)");
    assert_eq!(ann.run("SELECT sum(n) FROM mine"), [["3"]]);

    let placed = format!("CREATE TABLE placed LOCATION '{place}/ours/t' AS SELECT 1 AS n");
    let copy = format!("COPY mine TO '{place}/ours/mine.csv'");
    assert_eq!(ann.fail(&placed).code(), "permission_denied");
    assert_eq!(ann.fail(&copy).code(), "permission_denied");
    admin.run(&format!("CREATE LOCATION ours URL '{place}/ours/'"));
    admin.run("GRANT READ ON LOCATION ours TO ann");
    assert_eq!(ann.fail(&placed).code(), "permission_denied");
    assert_eq!(ann.fail(&copy).code(), "permission_denied");
    assert!(!folder.path().join("ours").exists());
    admin.run("GRANT WRITE ON LOCATION ours TO ann");
    ann.run(&placed);
    ann.run(&copy);
    assert!(folder.path().join("ours/mine.csv").is_file());
    assert_eq!(admin.run("SELECT count(*) FROM kept"), [["1"]]);
}

/// A Delta table as other engines make them, with parts of values that take no NULL.
const NESTED: &str = r#"{"protocol":{"minReaderVersion":1,"minWriterVersion":4}}
{"metaData":{"id":"nested","format":{"provider":"parquet","options":{}},"schemaString":"{\"type\":\"struct\",\"fields\":[{\"name\":\"n\",\"type\":\"long\",\"nullable\":true,\"metadata\":{}},{\"name\":\"s\",\"type\":{\"type\":\"struct\",\"fields\":[{\"name\":\"a\",\"type\":\"integer\",\"nullable\":false,\"metadata\":{}},{\"name\":\"b\",\"type\":\"string\",\"nullable\":true,\"metadata\":{}}]},\"nullable\":true,\"metadata\":{}},{\"name\":\"l\",\"type\":{\"type\":\"array\",\"elementType\":\"integer\",\"containsNull\":false},\"nullable\":true,\"metadata\":{}},{\"name\":\"m\",\"type\":{\"type\":\"map\",\"keyType\":\"string\",\"valueType\":\"long\",\"valueContainsNull\":false},\"nullable\":true,\"metadata\":{}}]}","partitionColumns":[],"configuration":{"delta.enableChangeDataFeed":"true"},"createdTime":0}}
"#;

fn nested_not_null() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("_delta_log")).unwrap();
    fs::write(folder.path().join("_delta_log/00000000000000000000.json"), NESTED).unwrap();
    let cluster = Cluster::start(1);
    let mut admin = cluster.server.connect();
    admin.run(&format!(
        "CREATE EXTERNAL TABLE nested STORED AS DELTA LOCATION '{}'",
        folder.path().display()
    ));
    for tier in ["local", "durable"] {
        admin.run(&format!("SET lakegate.execution.tier = '{tier}'"));
        for (values, path) in [
            ("named_struct('a', NULL, 'b', 'x'), [1], map(['k'], [1])", "s.a"),
            ("named_struct('a', 1, 'b', 'x'), [1, NULL], map(['k'], [1])", "l.element"),
            ("named_struct('a', 1, 'b', 'x'), [1], map(['k'], [NULL])", "m.value"),
        ] {
            let refused = admin.fail(&format!("INSERT INTO nested SELECT 1, {values}"));
            assert_eq!(refused.code(), "data_error", "{tier}: {refused}");
            assert!(refused.to_string().contains(path), "{tier}: {refused}");
        }
        admin.run(
            "INSERT INTO nested SELECT 2, named_struct('a', 1, 'b', NULL), [1, 2], map(['k'], [1])",
        );
        admin.run("INSERT INTO nested VALUES (3, NULL, NULL, NULL)");
    }
    let found = admin.run("SELECT count(*), sum(n), count(s), count(l), count(m) FROM nested");
    assert_eq!(found, [["4", "10", "2", "2", "2"]]);
}

fn made_at_once() {
    let server = Server::start();
    for round in 0..5 {
        let makers = (0..6).map(|_| {
            let mut sql = server.connect();
            std::thread::spawn(move || {
                sql.run(&format!("CREATE ROLE IF NOT EXISTS role_{round}"));
                sql.run(&format!("CREATE SCHEMA IF NOT EXISTS schema_{round}"));
                sql.run(&format!("CREATE TABLE IF NOT EXISTS t_{round} AS SELECT 1 AS n"));
            })
        });
        for maker in makers.collect::<Vec<_>>() {
            maker.join().unwrap();
        }
        let mut sql = server.connect();
        assert_eq!(sql.run(&format!("SELECT n FROM t_{round}")), [["1"]]);
    }
    // What the others wrote goes.
    wait::until("one folder a table", REMOVAL_DEADLINE, || {
        match fs::read_dir(server.data_folder().join("tables")).unwrap().count() {
            5 => Ok(()),
            other => Err(format!("{other} folders")),
        }
    });
}
