//! Datasets in an object store that speaks S3, read by one process and by executors.

use std::thread;
use std::time::{Duration, Instant};

use futures::TryStreamExt;
use lakegate_tests::server::Options;
use lakegate_tests::sql::{Sql, runtime};
use lakegate_tests::{Cluster, Requirement, suite, wait};
use libtest_mimic::Trial;
use object_store::ObjectStoreExt;
use object_store::path::Path as ObjectPath;
use serde_json::json;

use crate::minio::{BUCKET, KEY, Minio, SECRET};
use crate::stored;

pub(crate) fn tests() -> Vec<Trial> {
    let needs: &'static [Requirement] = &[Requirement::Tool("minio")];
    vec![
        suite::test_with("tables_in_a_bucket_read_alike_on_both_tiers", needs, alike_on_both_tiers),
        suite::test_with(
            "folders_of_partitions_whose_values_hold_anything_are_read_and_written",
            needs,
            any_partition_value,
        ),
        suite::test_with(
            "a_url_is_read_within_locations_and_with_their_keys_alone",
            needs,
            within_locations,
        ),
        suite::test_with("a_store_that_restarts_fails_no_query", needs, restarted),
    ]
}

/// A server with two executors, and a bucket with the Delta and Parquet tables of the SQL tests.
pub(crate) fn lake() -> (Minio, Cluster, Sql) {
    lake_with(Options::default())
}

/// As [`lake`], with a server of one's own making.
fn lake_with(options: Options) -> (Minio, Cluster, Sql) {
    let minio = Minio::start();
    stored::upload(minio.store(), "raw");
    stored::upload(minio.store(), "outside");
    let cluster = Cluster::start_with(options, 2);
    let mut admin = cluster.server.connect();
    admin.run(&format!(
        "CREATE CREDENTIAL minio TYPE S3 WITH (access_key_id = '{KEY}', secret_access_key = '{SECRET}')"
    ));
    admin.run(&format!(
        "CREATE LOCATION raw URL 's3://{BUCKET}/raw/' CREDENTIAL minio WITH \
         (endpoint = '{}', region = 'us-east-1', path_style = true, allow_http = true)",
        minio.endpoint()
    ));
    (minio, cluster, admin)
}

fn alike_on_both_tiers() {
    let (_minio, mut cluster, mut admin) = lake();
    stored::declare(&mut admin, &format!("s3://{BUCKET}/raw"));
    stored::assert_alike_on_both_tiers(&mut admin);
    stored::assert_nowhere(&mut cluster, SECRET);
}

/// Values that a folder's name cannot hold as they are.
const VALUES: [(&str, &str); 6] = [
    ("1", "a"),
    ("2", "a/b"),
    ("3", "a\\b"),
    ("4", "tab\there"),
    ("5", "a%2Fb"),
    ("6", "../secret"),
];

fn any_partition_value() {
    let (minio, _cluster, mut admin) = lake();
    let rows = VALUES.map(|(id, value)| format!("({id}, '{value}')")).join(", ");
    let folder = format!("s3://{BUCKET}/raw/values/");
    admin.run(&format!(
        "COPY (SELECT * FROM (VALUES {rows}) v(id, p)) TO '{folder}' PARTITIONED BY (p)"
    ));
    let prefix = ObjectPath::from("raw/values");
    let listed = minio.store().list(Some(&prefix));
    let listed = runtime().block_on(listed.try_collect::<Vec<_>>()).unwrap();
    assert_eq!(listed.len(), VALUES.len());
    // The same files as a Delta table, as other engines write one.
    let mut log = vec![
        json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}),
        json!({"metaData": {
            "id": "5fba94ed-9794-4965-ba6e-6ee3c0d22af9", "format": {"provider": "parquet", "options": {}},
            "schemaString": json!({"type": "struct", "fields": [
                {"name": "id", "type": "long", "nullable": true, "metadata": {}},
                {"name": "p", "type": "string", "nullable": true, "metadata": {}},
            ]}).to_string(),
            "partitionColumns": ["p"], "configuration": {}, "createdTime": 0}}),
    ];
    for object in &listed {
        let path = object.location.to_string();
        let path = path.strip_prefix("raw/values/").unwrap();
        let encoded = path.split('/').next().unwrap().strip_prefix("p=").unwrap();
        let value = percent_decoded(encoded);
        assert!(VALUES.iter().any(|(_, known)| *known == value), "{value}");
        log.push(json!({"add": {
            "path": path.replace('%', "%25"), "partitionValues": {"p": value},
            "size": object.size, "modificationTime": 0, "dataChange": true}}));
    }
    let log: String = log.iter().map(|action| format!("{action}\n")).collect();
    let commit = ObjectPath::from(format!("raw/values/_delta_log/{:020}.json", 0));
    runtime().block_on(minio.store().put(&commit, log.into_bytes().into())).unwrap();
    admin.run(&format!("CREATE EXTERNAL TABLE delta STORED AS DELTA LOCATION '{folder}'"));
    for tier in ["local", "durable"] {
        admin.run(&format!("SET lakegate.execution.tier = '{tier}'"));
        let found = admin.run("SELECT id, p FROM delta ORDER BY id");
        assert_eq!(found, VALUES.map(|(id, value)| [id, value]), "{tier}");
        let one = admin.run("SELECT id FROM delta WHERE p = 'a/b'");
        assert_eq!(one, [["2"]], "{tier}");
    }
}

fn percent_decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut decoded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = u8::from_str_radix(&part[..2], 16).unwrap();
        decoded.push(char::from(code));
        decoded.push_str(&part[2..]);
    }
    decoded
}

fn within_locations() {
    // Hosts that are not there are asked for no longer than it takes to see.
    let impatient = Options::default().with_variable("LAKEGATE_STORE__RETRIES", "3");
    let (minio, cluster, mut admin) = lake_with(impatient);
    let table = |name: &str, path: &str| {
        format!("CREATE EXTERNAL TABLE {name} STORED AS PARQUET LOCATION 's3://{BUCKET}/{path}'")
    };
    admin.run("CREATE USER ann PASSWORD 'x'");
    admin.run("GRANT CREATE ON SCHEMA public TO ann");
    let mut ann = Sql::connect(&cluster.server.url(), "ann", "x").unwrap();
    for path in ["raw/parts", "outside/parts", "raw/../outside/parts", "raw/%2e%2e/outside/parts"] {
        let code = ann.fail(&table("t", path)).code().to_owned();
        assert!(
            ["permission_denied", "invalid_argument"].contains(&code.as_str()),
            "{path}: {code}"
        );
    }
    admin.run("GRANT READ ON LOCATION raw TO ann");
    ann.run(&table("t", "raw/parts"));
    assert_eq!(ann.run("SELECT count(*) FROM t"), [["1000"]]);
    assert_eq!(ann.fail(&table("u", "outside/parts")).code(), "permission_denied");
    // The keys of a location are not tried elsewhere: nothing of the bucket is read beside it.
    let beside = admin.fail(&table("u", "outside/parts"));
    assert!(["storage_error", "permission_denied"].contains(&beside.code()), "{beside}");
    // A key that is wrong is told as such, without the key.
    admin.run(
        "ALTER CREDENTIAL minio SET (access_key_id = 'nobody', secret_access_key = 'wrong-key')",
    );
    admin.run(&format!("CREATE LOCATION other URL 's3://{BUCKET}/other/' CREDENTIAL minio"));
    let refused = admin.fail(&table("v", "other/x.parquet"));
    assert!(!refused.to_string().contains("wrong-key"), "{refused}");
    // So are reads, in one line without the store's own document.
    for tier in ["local", "durable"] {
        ann.run(&format!("SET lakegate.execution.tier = '{tier}'"));
        wait::until("new keys to be taken", Duration::from_secs(30), || {
            match ann.rows("SELECT count(*) FROM t") {
                Err(refused) if refused.code() == "permission_denied" => {
                    let told = refused.to_string();
                    let is_plain = !told.contains('<') && !told.contains(&minio.endpoint()[7..]);
                    assert!(is_plain && told.contains("403"), "{told}");
                    Ok(())
                }
                other => Err(format!("{other:?}")),
            }
        });
    }
}

/// How long the store is away: longer than a dozen of short pauses.
const AWAY: Duration = Duration::from_secs(5);

fn restarted() {
    let (mut minio, cluster, mut admin) = lake();
    stored::declare(&mut admin, &format!("s3://{BUCKET}/raw"));
    for tier in ["local", "durable"] {
        minio.kill();
        let gone = Instant::now();
        let queries = ["numbers", "visits", "measured"].map(|table| {
            let mut sql = cluster.server.connect();
            sql.run(&format!("SET lakegate.execution.tier = '{tier}'"));
            sql.spawn(&format!("SELECT count(*) FROM (SELECT DISTINCT * FROM {table})"))
        });
        thread::sleep(AWAY.saturating_sub(gone.elapsed()));
        minio.start_again();
        for query in queries {
            query.join().unwrap().unwrap_or_else(|error| panic!("{tier}: {error}"));
        }
    }
}
