//! Datasets in Google Cloud Storage, as fake-gcs-server plays it.

use lakegate_tests::sql::Sql;
use lakegate_tests::{Cluster, Requirement, tests};
use libtest_mimic::Trial;

use crate::fake_gcs::{BUCKET, FakeGcs};
use crate::{stored, writes};

pub(crate) fn tests() -> Vec<Trial> {
    const NEEDS: &[Requirement] =
        &[Requirement::Tool("fake-gcs-server"), Requirement::Tool("nginx")];
    tests![needs NEEDS;
        tables_in_gcs_read_alike_on_both_tiers,
        tables_in_gcs_are_written_on_both_tiers,
        what_gcs_does_not_give_is_told_without_keys,
    ]
}

/// A server with two executors, and a bucket with the tables of the SQL tests.
fn lake() -> (FakeGcs, Cluster, Sql) {
    let gcs = FakeGcs::start();
    let cluster = Cluster::start(2);
    let mut admin = cluster.server.connect();
    admin.run(&format!(
        "CREATE LOCATION raw URL 'gs://{BUCKET}/raw/' \
         WITH (endpoint = '{}', anonymous = true, allow_http = true)",
        gcs.endpoint()
    ));
    (gcs, cluster, admin)
}

fn tables_in_gcs_read_alike_on_both_tiers() {
    let (_gcs, cluster, mut admin) = lake();
    stored::declare(&mut admin, &format!("gs://{BUCKET}/raw"));
    stored::assert_alike_on_both_tiers(&mut admin);
    stored::assert_closed_to_others(&cluster, &mut admin, &format!("gs://{BUCKET}/raw/parts/"));
}

fn tables_in_gcs_are_written_on_both_tiers() {
    let (gcs, _cluster, mut admin) = lake();
    // No file is so large that it would be sent in parts, which the server does not take.
    writes::assert_written_alike(&mut admin, &format!("gs://{BUCKET}/raw"), 100);
    writes::wait_until_dropped(gcs.store(), "raw");
}

fn what_gcs_does_not_give_is_told_without_keys() {
    let (gcs, mut cluster, mut admin) = lake();
    let table = |format: &str, path: &str| {
        format!("CREATE EXTERNAL TABLE t STORED AS {format} LOCATION 'gs://{BUCKET}/{path}'")
    };
    for missing in [table("PARQUET", "raw/none/"), table("DELTA", "raw/parts/")] {
        assert_eq!(admin.fail(&missing).code(), "location_empty", "{missing}");
    }
    // What is no key of a service account is refused, and not repeated.
    let secret = "no-key-of-an-account-4711";
    admin.run(&format!("CREATE CREDENTIAL gcs TYPE GCS WITH (service_account_key = '{secret}')"));
    admin.run(&format!(
        "CREATE LOCATION keyed URL 'gs://{BUCKET}/keyed/' CREDENTIAL gcs \
         WITH (endpoint = '{}', allow_http = true)",
        gcs.endpoint()
    ));
    let refused = admin.fail(&table("PARQUET", "keyed/x.parquet"));
    assert_eq!(refused.code(), "storage_error", "{refused}");
    assert!(!refused.to_string().contains(secret), "{refused}");
    stored::assert_nowhere(&mut cluster, secret);
}
