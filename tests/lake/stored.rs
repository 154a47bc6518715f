//! The small tables of the SQL tests, in whatever store.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use lakegate_tests::sql::{Sql, runtime};
use lakegate_tests::{Cluster, data};
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt};

/// The folders of the SQL tests' data that tables here are made of.
const FOLDERS: [&str; 2] = ["delta", "parts"];

/// Puts the tables' files below a prefix.
pub(crate) fn upload(store: &dyn ObjectStore, prefix: &str) {
    for folder in FOLDERS {
        upload_folder(store, &data::small().join(folder), &format!("{prefix}/{folder}"));
    }
}

fn upload_folder(store: &dyn ObjectStore, folder: &Path, prefix: &str) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{prefix}/{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            upload_folder(store, &path, &name);
        } else {
            // Parsed, not built: names of Delta's files carry escapes that must stay.
            let at = ObjectPath::parse(&name).unwrap();
            runtime().block_on(store.put(&at, fs::read(&path).unwrap().into())).unwrap();
        }
    }
}

/// Copies the tables' files into a folder, which is made.
pub(crate) fn copy(into: &Path) {
    fs::create_dir_all(into).unwrap();
    for folder in FOLDERS {
        let mut command = Command::new("cp");
        let status = command.arg("-r").arg(data::small().join(folder)).arg(into).status().unwrap();
        assert!(status.success(), "copying {folder} failed");
    }
}

/// Makes two Delta and two Parquet tables of what was uploaded below `url`.
pub(crate) fn declare(admin: &mut Sql, url: &str) {
    for (name, format, path) in [
        ("visits", "DELTA", "delta/visits"),
        ("measured", "DELTA", "delta/measured/"),
        ("numbers", "PARQUET", "parts"),
        ("some_numbers", "PARQUET", "parts/numbers-[01].parquet"),
    ] {
        admin.run(&format!(
            "CREATE EXTERNAL TABLE {name} STORED AS {format} LOCATION '{url}/{path}'"
        ));
    }
}

/// Reads the tables of [`declare`] on both tiers.
pub(crate) fn assert_alike_on_both_tiers(sql: &mut Sql) {
    for tier in ["local", "durable"] {
        sql.run(&format!("SET lakegate.execution.tier = '{tier}'"));
        assert_eq!(sql.run("SELECT count(*), sum(n) FROM measured"), [["56", "3958"]], "{tier}");
        assert_eq!(sql.run("SELECT count(*), sum(id) FROM visits"), [["15", "330"]], "{tier}");
        assert_eq!(sql.run("SELECT DISTINCT shop FROM visits").len(), 3, "{tier}");
        assert_eq!(sql.run("SELECT count(*), max(n) FROM numbers"), [["1000", "999"]], "{tier}");
        assert_eq!(sql.run("SELECT max(n) FROM some_numbers"), [["499"]], "{tier}");
    }
}

/// Checks that a secret is neither in the list of queries, nor in metrics or logs.
pub(crate) fn assert_nowhere(cluster: &mut Cluster, secret: &str) {
    let http = cluster.server.http();
    for path in ["/api/v1/queries", "/metrics"] {
        assert!(!http.get(path).unwrap().body.contains(secret), "{path}");
    }
    assert!(!cluster.server.process().log_contains(secret));
    for executor in &mut cluster.executors {
        assert!(!executor.process().log_contains(secret));
    }
}

/// Checks that a user without a right reads neither the tables nor what lies in the location.
pub(crate) fn assert_closed_to_others(cluster: &Cluster, admin: &mut Sql, url: &str) {
    admin.run("CREATE USER ann PASSWORD 'x'");
    admin.run("GRANT CREATE ON SCHEMA public TO ann");
    let mut ann = Sql::connect(&cluster.server.url(), "ann", "x").unwrap();
    assert_eq!(ann.fail("SELECT * FROM numbers").code(), "table_not_found");
    let sql = format!("CREATE EXTERNAL TABLE mine STORED AS PARQUET LOCATION '{url}'");
    assert_eq!(ann.fail(&sql).code(), "permission_denied");
}

/// A free port of the loopback address, as `HOST:PORT`.
pub(crate) fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}
