//! Tables that are made and filled in a bucket, and who may write what.

use std::time::Duration;

use futures::TryStreamExt;
use lakegate_tests::sql::{Sql, runtime};
use lakegate_tests::{Requirement, Server, suite, wait};
use libtest_mimic::Trial;
use object_store::ObjectStore;
use object_store::path::Path;

use crate::minio::{BUCKET, SECRET};
use crate::{s3, stored};

const PASSWORD: &str = "x";
/// How long files of a dropped table may stay.
const REMOVAL_DEADLINE: Duration = Duration::from_secs(30);

pub(crate) fn tests() -> Vec<Trial> {
    let minio: &'static [Requirement] = &[Requirement::Tool("minio")];
    vec![
        suite::test_with("executors_write_tables_into_a_bucket", minio, into_a_bucket),
        suite::test_with("only_those_write_who_may", &[], only_those_who_may),
    ]
}

fn objects(store: &dyn ObjectStore, below: &str) -> Vec<String> {
    let listed = store.list(Some(&Path::from(below)));
    let listed = runtime().block_on(listed.try_collect::<Vec<_>>()).unwrap();
    listed.into_iter().map(|object| object.location.to_string()).collect()
}

fn into_a_bucket() {
    let (minio, mut cluster, mut admin) = s3::lake();
    admin.run(&format!("CREATE PROJECT trial LOCATION 's3://{BUCKET}/raw/trial/'"));
    admin.run(&format!(
        "CREATE EXTERNAL TABLE numbers STORED AS PARQUET LOCATION 's3://{BUCKET}/raw/parts'"
    ));
    admin.run("SET lakegate.execution.tier = 'durable'");
    admin.run(
        "CREATE TABLE trial.public.parted PARTITIONED BY (k) AS SELECT n, n % 3 AS k FROM numbers",
    );
    admin.run("INSERT INTO trial.public.parted SELECT n + 1000, 7 FROM numbers");
    admin.run("INSERT INTO trial.public.parted VALUES (-1, NULL)");
    for tier in ["local", "durable"] {
        admin.run(&format!("SET lakegate.execution.tier = '{tier}'"));
        let found = admin.run("SELECT count(*), sum(n), count(k) FROM trial.public.parted");
        assert_eq!(found, [["2001", "1998999", "2000"]], "{tier}");
        let one = admin.run("SELECT count(*), min(n) FROM trial.public.parted WHERE k = 7");
        assert_eq!(one, [["1000", "1000"]], "{tier}");
    }
    admin.run(&format!(
        "COPY (SELECT n FROM trial.public.parted WHERE k = 7) TO 's3://{BUCKET}/raw/out/' \
         STORED AS PARQUET"
    ));
    admin.run(&format!(
        "CREATE EXTERNAL TABLE out STORED AS PARQUET LOCATION 's3://{BUCKET}/raw/out/'"
    ));
    assert_eq!(admin.run("SELECT count(*), max(n) FROM out"), [["1000", "1999"]]);
    assert!(!objects(minio.store(), "raw/trial").is_empty());
    stored::assert_nowhere(&mut cluster, SECRET);
    admin.run("DROP PROJECT trial CASCADE");
    wait::until("the dropped table's objects to go", REMOVAL_DEADLINE, || {
        match objects(minio.store(), "raw/trial") {
            left if left.is_empty() => Ok(()),
            left => Err(format!("{left:?}")),
        }
    });
    assert!(!objects(minio.store(), "raw/out").is_empty());
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
