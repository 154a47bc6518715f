//! Files behind HTTP: one a table, read only.

use lakegate_tests::sql::Sql;
use lakegate_tests::{Cluster, Requirement, tests};
use libtest_mimic::Trial;

use crate::nginx::{Nginx, TOKEN};
use crate::stored;

pub(crate) fn tests() -> Vec<Trial> {
    const NEEDS: &[Requirement] = &[Requirement::Tool("nginx")];
    tests![needs NEEDS;
        files_behind_http_read_alike_on_both_tiers,
        what_http_does_not_give_is_told_without_tokens,
    ]
}

/// A server with two executors, and an HTTP server with the files of the SQL tests.
fn lake() -> (Nginx, Cluster, Sql) {
    let nginx = Nginx::start();
    let cluster = Cluster::start(2);
    let mut admin = cluster.server.connect();
    admin.run(&format!("CREATE CREDENTIAL files TYPE HTTP WITH (bearer_token = '{TOKEN}')"));
    admin.run(&format!("CREATE LOCATION raw URL '{}/raw/'", nginx.url()));
    admin.run(&format!("CREATE LOCATION private URL '{}/private/' CREDENTIAL files", nginx.url()));
    (nginx, cluster, admin)
}

fn files_behind_http_read_alike_on_both_tiers() {
    let (nginx, mut cluster, mut admin) = lake();
    let url = nginx.url();
    for (name, format, path) in [
        ("numbers", "PARQUET", "private/parts/numbers-0.parquet"),
        ("departments", "CSV", "raw/departments.csv"),
        ("events", "JSON", "raw/events.json"),
    ] {
        admin.run(&format!(
            "CREATE EXTERNAL TABLE {name} STORED AS {format} LOCATION '{url}/{path}'"
        ));
    }
    let count = |sql: &mut Sql, table: &str| sql.run(&format!("SELECT count(*) FROM {table}"));
    let local = |table: &str, format: &str, file: &str| {
        let file = lakegate_tests::data::small().join(file);
        format!("CREATE EXTERNAL TABLE {table} STORED AS {format} LOCATION '{}'", file.display())
    };
    admin.run(&local("local_departments", "CSV", "departments.csv"));
    admin.run(&local("local_events", "JSON", "events.json"));
    for tier in ["local", "durable"] {
        admin.run(&format!("SET lakegate.execution.tier = '{tier}'"));
        let numbers = admin.run("SELECT count(*), max(n) FROM numbers");
        assert_eq!(numbers, [["250", "249"]], "{tier}");
        for table in ["departments", "events"] {
            let expected = count(&mut admin, &format!("local_{table}"));
            assert_eq!(count(&mut admin, table), expected, "{tier}: {table}");
        }
    }
    assert_eq!(nginx.methods(), ["GET", "HEAD"]);
    let file = format!("{url}/raw/parts/numbers-1.parquet");
    stored::assert_closed_to_others(&cluster, &mut admin, &file);
    stored::assert_nowhere(&mut cluster, TOKEN);
}

fn what_http_does_not_give_is_told_without_tokens() {
    let (nginx, _cluster, mut admin) = lake();
    let url = nginx.url();
    let table = |format: &str, path: &str| {
        format!("CREATE EXTERNAL TABLE t STORED AS {format} LOCATION '{url}/{path}'")
    };
    assert_eq!(admin.fail(&table("PARQUET", "raw/none.parquet")).code(), "location_not_found");
    // A server of files tells neither what lies in a folder nor which commits a log has.
    for folder in [table("PARQUET", "raw/parts/"), table("DELTA", "raw/delta/visits/")] {
        let refused = admin.fail(&folder);
        assert_eq!(refused.code(), "unsupported", "{refused}");
        assert!(refused.to_string().contains("cannot be listed"), "{refused}");
    }
    admin.run("CREATE CREDENTIAL wrong TYPE HTTP WITH (bearer_token = 'a-wrong-token')");
    admin.run(&format!("CREATE LOCATION wrong URL '{url}/private/parts/' CREDENTIAL wrong"));
    let refused = admin.fail(&table("PARQUET", "private/parts/numbers-0.parquet"));
    assert_eq!(refused.code(), "permission_denied", "{refused}");
    assert!(!refused.to_string().contains("a-wrong-token"), "{refused}");
}
