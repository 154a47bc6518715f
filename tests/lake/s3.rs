//! Datasets in an object store that speaks S3, read by one process and by executors.

use std::time::Duration;

use lakegate_tests::sql::Sql;
use lakegate_tests::{Cluster, Requirement, suite, wait};
use libtest_mimic::Trial;

use crate::minio::{BUCKET, KEY, Minio, SECRET};
use crate::stored;

pub(crate) fn tests() -> Vec<Trial> {
    let needs: &'static [Requirement] = &[Requirement::Tool("minio")];
    vec![
        suite::test_with("tables_in_a_bucket_read_alike_on_both_tiers", needs, alike_on_both_tiers),
        suite::test_with(
            "a_url_is_read_within_locations_and_with_their_keys_alone",
            needs,
            within_locations,
        ),
    ]
}

/// A server with two executors, and a bucket with the Delta and Parquet tables of the SQL tests.
pub(crate) fn lake() -> (Minio, Cluster, Sql) {
    let minio = Minio::start();
    stored::upload(minio.store(), "raw");
    stored::upload(minio.store(), "outside");
    let cluster = Cluster::start(2);
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

fn within_locations() {
    let (minio, cluster, mut admin) = lake();
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
