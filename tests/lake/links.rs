//! Links in folders of this machine: nobody gets out of a location by them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use lakegate_tests::sql::Sql;
use lakegate_tests::{Cluster, Server, tests};
use libtest_mimic::Trial;

const PASSWORD: &str = "x";

pub(crate) fn tests() -> Vec<Trial> {
    tests![
        a_link_leads_nobody_out_of_a_location,
        a_location_may_be_a_link_itself,
        a_link_that_comes_later_is_not_followed,
        an_admin_reads_links_outside_of_locations,
    ]
}

/// `open`, with links to `secret` beside it, as a location that `ann` may read and write.
fn server(cluster: &Cluster, root: &Path) -> (Sql, Sql) {
    for name in ["open", "secret", "open/own", "secret/table"] {
        fs::create_dir(root.join(name)).unwrap();
    }
    for name in ["open/own/a.csv", "secret/a.csv"] {
        fs::write(root.join(name), "x\n1\n").unwrap();
    }
    symlink(root.join("secret"), root.join("open/link")).unwrap();
    symlink(root.join("secret/a.csv"), root.join("open/file.csv")).unwrap();
    symlink(root.join("open/own"), root.join("open/within")).unwrap();
    let mut admin = cluster.server.connect();
    admin.run(&format!("CREATE LOCATION opn URL 'file://{}/open/'", root.display()));
    admin.run("CREATE USER ann PASSWORD 'x'");
    admin.run("GRANT READ, WRITE ON LOCATION opn TO ann");
    admin.run("GRANT CREATE, SELECT, MODIFY ON SCHEMA public TO ann");
    let ann = Sql::connect(&cluster.server.url(), "ann", PASSWORD).unwrap();
    (admin, ann)
}

fn alone() -> Cluster {
    Cluster { server: Server::start(), executors: Vec::new() }
}

fn external(name: &str, location: &Path) -> String {
    let options = "OPTIONS ('format.has_header' 'true')";
    format!(
        "CREATE EXTERNAL TABLE {name} STORED AS CSV LOCATION '{}' {options}",
        location.display()
    )
}

fn a_link_leads_nobody_out_of_a_location() {
    for cluster in [alone(), Cluster::start(2)] {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let (mut admin, mut ann) = server(&cluster, root);
        let open = root.join("open");
        if !cluster.executors.is_empty() {
            ann.run("SET lakegate.execution.tier = 'durable'");
        }
        ann.run(&external("fine", &open.join("own/a.csv")));
        ann.run(&external("within", &open.join("within").join("a.csv")));
        assert_eq!(ann.run("SELECT count(*) FROM within"), [["1"]]);
        let at = |name: &str| format!("{}/{name}", open.display());
        let outside = ann.fail(&external("t", &root.join("secret/a.csv")));
        for name in ["link/", "link/a.csv", "file.csv", "link/*.csv", "link/none.csv"] {
            let told = ann.fail(&external("t", &open.join(name)));
            assert_eq!(told.to_string(), outside.to_string(), "{name}");
            assert_eq!(admin.fail(&external("t", &open.join(name))).code(), "permission_denied");
        }
        for name in ["", "*/*.csv", "*.csv"] {
            let told = ann.fail(&external("t", &open.join(name)));
            assert_eq!(told.code(), "permission_denied", "{name}: {told}");
        }
        for sql in [
            format!("COPY (SELECT 1 AS x) TO '{}'", at("link/out.csv")),
            format!("COPY (SELECT 1 AS x) TO '{}'", at("file.csv")),
            format!("COPY (SELECT 1 AS x) TO '{}' STORED AS CSV", at("link/folder/")),
            format!("CREATE TABLE tt (x INT) LOCATION '{}'", at("link/tt/")),
            format!("CREATE TABLE tt LOCATION '{}' AS SELECT 1 AS x", at("link/tt/")),
            format!("CREATE VOLUME vv LOCATION '{}'", at("link/")),
        ] {
            assert_eq!(ann.fail(&sql).code(), "permission_denied", "{sql}");
        }
        let mut left: Vec<_> = fs::read_dir(root.join("secret")).unwrap().collect();
        left.retain(|entry| entry.as_ref().is_ok_and(|entry| entry.file_name() != "table"));
        assert_eq!(left.len(), 1, "{left:?}");
        assert_eq!(fs::read_to_string(root.join("secret/a.csv")).unwrap(), "x\n1\n");
    }
}

fn a_location_may_be_a_link_itself() {
    let cluster = alone();
    let folder = tempfile::tempdir().unwrap();
    let (real, link) = (folder.path().join("real"), folder.path().join("link"));
    fs::create_dir(&real).unwrap();
    fs::write(real.join("a.csv"), "x\n1\n").unwrap();
    symlink(&real, &link).unwrap();
    let mut admin = cluster.server.connect();
    admin.run(&format!("CREATE LOCATION l URL 'file://{}/'", link.display()));
    admin.run("CREATE USER ann PASSWORD 'x'");
    admin.run("GRANT READ, WRITE ON LOCATION l TO ann");
    admin.run("GRANT CREATE, SELECT, MODIFY ON SCHEMA public TO ann");
    let mut ann = Sql::connect(&cluster.server.url(), "ann", PASSWORD).unwrap();
    ann.run(&external("a", &link.join("a.csv")));
    assert_eq!(ann.run("SELECT count(*) FROM a"), [["1"]]);
    ann.run(&format!("COPY (SELECT 1 AS x) TO '{}/b.csv'", link.display()));
    ann.run(&format!("CREATE TABLE t LOCATION '{}/t/' AS SELECT 1 AS x", link.display()));
    assert!(real.join("b.csv").is_file() && real.join("t").is_dir());
}

fn a_link_that_comes_later_is_not_followed() {
    for cluster in [alone(), Cluster::start(1)] {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let (_admin, mut ann) = server(&cluster, root);
        let open = root.join("open");
        if !cluster.executors.is_empty() {
            ann.run("SET lakegate.execution.tier = 'durable'");
        }
        ann.run(&external("t", &open.join("own/")));
        ann.run(&format!("CREATE TABLE d (x INT) LOCATION '{}/d/'", open.display()));
        ann.run("INSERT INTO d VALUES (1)");
        assert_eq!(ann.run("SELECT count(*) FROM t"), [["1"]]);
        fs::remove_file(open.join("own/a.csv")).unwrap();
        symlink(root.join("secret/a.csv"), open.join("own/a.csv")).unwrap();
        assert_eq!(ann.fail("SELECT count(x) FROM t").code(), "permission_denied");
        fs::rename(open.join("d"), root.join("secret/d")).unwrap();
        symlink(root.join("secret/d"), open.join("d")).unwrap();
        let files = || fs::read_dir(root.join("secret/d")).unwrap().count();
        let before = files();
        for sql in ["SELECT count(x) FROM d", "INSERT INTO d VALUES (2)"] {
            assert_eq!(ann.fail(sql).code(), "permission_denied", "{sql}");
        }
        assert_eq!(files(), before);
    }
}

fn an_admin_reads_links_outside_of_locations() {
    let cluster = alone();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.csv"), "x\n1\n").unwrap();
    symlink(folder.path().join("a.csv"), folder.path().join("b.csv")).unwrap();
    let mut admin = cluster.server.connect();
    admin.run(&external("b", &folder.path().join("b.csv")));
    assert_eq!(admin.run("SELECT count(*) FROM b"), [["1"]]);
}
