//! Datasets in Azure Blob Storage, as Azurite plays it.

use lakegate_tests::sql::Sql;
use lakegate_tests::{Cluster, Requirement, tests};
use libtest_mimic::Trial;

use crate::azurite::{ACCOUNT, Azurite, CONTAINER, key};
use crate::{stored, writes};

pub(crate) fn tests() -> Vec<Trial> {
    const NEEDS: &[Requirement] = &[Requirement::Tool("azurite-blob")];
    tests![needs NEEDS;
        tables_in_azure_read_alike_on_both_tiers,
        tables_in_azure_are_written_on_both_tiers,
        what_azure_does_not_give_is_told_without_keys,
    ]
}

/// A server with two executors, and a container with the tables of the SQL tests.
fn lake() -> (Azurite, Cluster, Sql) {
    let azurite = Azurite::start();
    stored::upload(azurite.store(), "raw");
    let cluster = Cluster::start(2);
    let mut admin = cluster.server.connect();
    admin.run(&format!("CREATE CREDENTIAL azure TYPE AZURE WITH (account_key = '{}')", key()));
    admin.run(&format!(
        "CREATE LOCATION raw URL 'az://{CONTAINER}/raw/' CREDENTIAL azure \
         WITH (endpoint = '{}', account_name = '{ACCOUNT}', allow_http = true)",
        azurite.endpoint()
    ));
    (azurite, cluster, admin)
}

fn tables_in_azure_read_alike_on_both_tiers() {
    let (_azurite, mut cluster, mut admin) = lake();
    stored::declare(&mut admin, &format!("az://{CONTAINER}/raw"));
    stored::assert_alike_on_both_tiers(&mut admin);
    stored::assert_closed_to_others(&cluster, &mut admin, &format!("az://{CONTAINER}/raw/parts/"));
    stored::assert_nowhere(&mut cluster, &key());
}

fn tables_in_azure_are_written_on_both_tiers() {
    let (azurite, mut cluster, mut admin) = lake();
    writes::assert_written_alike(&mut admin, &format!("az://{CONTAINER}/raw"), 4000);
    writes::wait_until_dropped(azurite.store(), "raw");
    stored::assert_nowhere(&mut cluster, &key());
}

fn what_azure_does_not_give_is_told_without_keys() {
    let (azurite, _cluster, mut admin) = lake();
    let table = |format: &str, path: &str| {
        format!("CREATE EXTERNAL TABLE t STORED AS {format} LOCATION 'az://{CONTAINER}/{path}'")
    };
    for missing in [table("PARQUET", "raw/none/"), table("DELTA", "raw/parts/")] {
        assert_eq!(admin.fail(&missing).code(), "location_empty", "{missing}");
    }
    let wrong = "d3Jvbmcta2V5LW9mLXRlc3RzLTQ3MTE=";
    admin.run(&format!("CREATE CREDENTIAL wrong TYPE AZURE WITH (account_key = '{wrong}')"));
    admin.run(&format!(
        "CREATE LOCATION wrong URL 'az://{CONTAINER}/raw/parts/' CREDENTIAL wrong \
         WITH (endpoint = '{}', account_name = '{ACCOUNT}', allow_http = true)",
        azurite.endpoint()
    ));
    let refused = admin.fail(&table("PARQUET", "raw/parts/numbers-0.parquet"));
    assert_eq!(refused.code(), "permission_denied", "{refused}");
    assert!(!refused.to_string().contains(wrong), "{refused}");
}
