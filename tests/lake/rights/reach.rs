//! Which files a grant on a location reaches, and which it does not.

use std::time::Duration;

use lakegate_tests::server::Options;
use lakegate_tests::sql::Sql;
use lakegate_tests::{binary, tests, wait};
use libtest_mimic::Trial;

use super::{PASSWORD, server};

pub(super) fn tests() -> Vec<Trial> {
    tests![
        a_volume_is_made_over_what_one_may_read_and_its_own_files_go_with_it,
        a_link_below_a_location_does_not_lead_out_of_it,
        the_servers_own_folder_is_out_of_bounds,
        a_location_does_not_reach_into_folders_of_managed_tables,
        a_location_that_is_made_later_guards_what_older_tables_reach,
        what_one_may_only_read_is_not_changed_through_a_table_of_ones_own,
    ]
}

fn a_volume_is_made_over_what_one_may_read_and_its_own_files_go_with_it() {
    let (server, mut admin, mut ann) = server();
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().display();
    admin.run("GRANT CREATE ON SCHEMA public TO ann");
    // Outside of every location, and with a location that is not for her.
    let over = format!("CREATE VOLUME lakegate.public.scans LOCATION '{place}/scans'");
    assert_eq!(ann.fail(&over).code(), "permission_denied");
    admin.run(&format!("CREATE LOCATION place URL '{place}/'"));
    assert_eq!(ann.fail(&over).code(), "permission_denied");
    admin.run("GRANT READ ON LOCATION place TO ann");
    ann.run(&over);
    // She owns it and may let others read it, who then see where it lies.
    let bob = format!("CREATE USER bob PASSWORD '{PASSWORD}'");
    admin.run(&bob);
    let mut bob = Sql::connect(&server.url(), "bob", PASSWORD).unwrap();
    assert!(bob.run("SHOW VOLUMES").is_empty());
    ann.run("GRANT MODIFY ON VOLUME scans TO bob");
    assert_eq!(bob.run("SELECT name, location FROM system.volumes"), [["scans", "NULL"]]);
    ann.run("GRANT SELECT ON VOLUME scans TO bob");
    let shown = bob.run("SELECT location FROM system.volumes");
    assert!(shown[0][0].ends_with("/scans"), "{shown:?}");
    assert_eq!(bob.fail("DROP VOLUME scans").code(), "permission_denied");
    ann.run("DROP VOLUME scans");
    // One without a location gets a folder, which goes when it is dropped.
    ann.run("CREATE VOLUME own");
    let own = &ann.run("SELECT location FROM system.volumes WHERE is_managed")[0][0];
    let own = std::path::PathBuf::from(own.strip_prefix("file://").expect(own));
    std::fs::write(own.join("scan.bin"), "bytes").unwrap();
    assert_eq!(ann.fail("CREATE VOLUME own").code(), "already_exists");
    ann.run("CREATE VOLUME IF NOT EXISTS own");
    let folders = std::fs::read_dir(own.parent().unwrap()).unwrap().count();
    assert_eq!(folders, 1, "a folder of a volume that was not made is left");
    ann.run("DROP VOLUME own");
    wait::until("the volume's files to go", Duration::from_secs(30), || match own.exists() {
        true => Err(format!("{} is there", own.display())),
        false => Ok(()),
    });
}

fn a_link_below_a_location_does_not_lead_out_of_it() {
    let (_server, mut admin, mut ann) = server();
    let folder = tempfile::tempdir().unwrap();
    let path = |below: &str| folder.path().join(below);
    let link = |to: &str, from: &str| std::os::unix::fs::symlink(path(to), path(from)).unwrap();
    let data = binary::workspace().join("tests/slt/data");
    for name in ["place/open", "place/closed", "place/other", "secret"] {
        std::fs::create_dir_all(path(name)).unwrap();
        std::fs::copy(data.join("employees.csv"), path(name).join("a.csv")).unwrap();
    }
    std::os::unix::fs::symlink(data.join("delta/measured"), path("secret/delta")).unwrap();
    link("place/open", "place/inside");
    link("secret", "place/outside");
    link("place/closed", "place/other/nested");
    link("place", "alias");
    let place = folder.path().display();
    admin.run("GRANT CREATE ON SCHEMA public TO ann");
    for (name, below) in [("place", "place"), ("closed", "place/closed"), ("alias", "alias")] {
        admin.run(&format!("CREATE LOCATION {name} URL '{place}/{below}/'"));
    }
    for name in ["place", "alias"] {
        admin.run(&format!("GRANT READ ON LOCATION {name} TO ann"));
        admin.run(&format!("GRANT WRITE ON LOCATION {name} TO ann"));
    }
    let create = |format: &str, below: &str| {
        format!("CREATE EXTERNAL TABLE mine STORED AS {format} LOCATION '{place}/{below}'")
    };
    for (format, below) in [
        ("CSV", "place/outside/"),
        ("CSV", "place/outside/a.csv"),
        ("CSV", "place/outside/*.csv"),
        ("CSV", "place/other/nested/"),
        ("CSV", "place/other/"),
        ("CSV", "alias/outside/"),
        ("DELTA", "place/outside/delta"),
    ] {
        let refused = ann.fail(&create(format, below));
        assert_eq!(refused.code(), "permission_denied", "{below}");
    }
    for below in ["place/inside/", "alias/open/a.csv", "alias/inside/"] {
        ann.run(&create("CSV", below));
        assert_ne!(ann.run("SELECT count(*) FROM mine"), [["0"]], "{below}");
        ann.run("DROP TABLE mine");
    }
    ann.run(&format!("COPY (SELECT 1) TO '{place}/place/inside/new/b.csv'"));
    for statement in [
        format!("COPY (SELECT 1) TO '{place}/place/outside/b.csv'"),
        format!("COPY (SELECT 1) TO '{place}/place/outside/not/yet/b.csv'"),
        format!("CREATE TABLE mine (n BIGINT) LOCATION '{place}/place/outside/not/yet/'"),
    ] {
        assert_eq!(ann.fail(&statement).code(), "permission_denied", "{statement}");
    }
    assert!(!path("secret/not").exists());
}

fn the_servers_own_folder_is_out_of_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    std::fs::create_dir(at("data")).unwrap();
    std::fs::create_dir(at("other")).unwrap();
    std::fs::write(at("other/x.csv"), "a\n1\n").unwrap();
    std::os::unix::fs::symlink(at("data"), at("other/link")).unwrap();
    let mut server = Options::default().with_data_folder(&folder.path().join("data")).start();
    let mut admin = server.connect();
    admin.run("CREATE TABLE kept AS SELECT 1 AS n");
    let table = |place: &str| format!("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '{place}'");
    for place in [
        at("data/signing-key"),
        at("data/"),
        at("data/*"),
        at("data/tables/"),
        at("other/link/master-key"),
        at("other/link/*.db"),
        format!("file://{}", at("data/catalog.db")),
    ] {
        for statement in [
            table(&place),
            format!("CREATE LOCATION own URL '{place}'"),
            format!("CREATE VOLUME own LOCATION '{place}'"),
            format!("CREATE PROJECT own LOCATION '{place}'"),
            format!("COPY (SELECT 1 AS n) TO '{}/new/' STORED AS CSV", place.trim_end_matches('/')),
            format!("CREATE TABLE own (n INT) LOCATION '{}/new'", place.trim_end_matches('/')),
        ] {
            let refused = admin.fail(&statement);
            let expected = ["permission_denied", "invalid_argument"];
            assert!(expected.contains(&refused.code()), "{statement}: {refused}");
        }
    }
    let refused = admin.fail(&format!("COPY (SELECT 1) TO '{}'", at("data/x.csv")));
    assert_eq!(refused.code(), "permission_denied", "{refused}");
    // From above nothing of it is seen.
    let refused = admin.fail(&table(&at("*/signing-key")));
    assert!(["location_empty", "permission_denied"].contains(&refused.code()), "{refused}");
    admin.run(&table(&at("other/x.csv")));
    assert_eq!(admin.run("SELECT n FROM kept"), [["1"]]);
    admin.run("INSERT INTO kept VALUES (2)");
    admin.run("DROP TABLE kept");
    server.assert_unharmed();
}

fn a_location_does_not_reach_into_folders_of_managed_tables() {
    let (_server, mut admin, mut ann) = server();
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap().display().to_string();
    admin.run(&format!("CREATE PROJECT trial LOCATION '{root}/trial/'"));
    admin.run("CREATE TABLE trial.public.salary AS SELECT 1 AS n");
    let own = std::fs::read_dir(format!("{root}/trial")).unwrap().next().unwrap().unwrap().path();
    let own = own.display().to_string();
    admin.run(&format!("CREATE LOCATION raw URL '{root}/'"));
    admin.run("GRANT READ, WRITE ON LOCATION raw TO ann");
    admin.run("GRANT CREATE ON SCHEMA public TO ann");
    std::os::unix::fs::symlink(&own, format!("{root}/link")).unwrap();
    let external = |format: &str, place: &str| {
        format!("CREATE EXTERNAL TABLE x STORED AS {format} LOCATION '{place}'")
    };
    for statement in [
        external("DELTA", &own),
        external("DELTA", &format!("{root}/link")),
        external("PARQUET", &format!("{root}/")),
        external("PARQUET", &format!("{root}/trial/*/*.parquet")),
        external("JSON", &format!("{own}/_delta_log/")),
        format!("COPY (SELECT 9 AS n) TO '{own}/x.parquet'"),
        format!("COPY (SELECT 9 AS n) TO '{own}/x/'"),
        format!("COPY (SELECT 9 AS n) TO '{root}/link/new/x.parquet'"),
        format!("CREATE TABLE nested (n INT) LOCATION '{own}/nested'"),
        format!("CREATE VOLUME v LOCATION '{own}'"),
        format!("CREATE VOLUME v LOCATION '{root}/trial'"),
    ] {
        let refused = ann.fail(&statement);
        assert_eq!(refused.code(), "permission_denied", "{statement}: {refused}");
    }
    // A commit is no file that somebody copies there, an admin neither.
    let commit = format!("COPY (SELECT 1 AS a) TO '{own}/_delta_log/00000000000000000009.json'");
    assert_eq!(admin.fail(&commit).code(), "invalid_argument");
    ann.run(&format!("COPY (SELECT 9 AS n) TO '{root}/open/'"));
    ann.run(&external("PARQUET", &format!("{root}/open/")));
    assert_eq!(ann.run("SELECT n FROM x"), [["9"]]);
    assert_eq!(admin.run("SELECT n FROM trial.public.salary"), [["1"]]);
    // What comes to lie within its reach later is not read either.
    admin.run(&format!("ALTER PROJECT trial SET LOCATION '{root}/open/in/'"));
    admin.run("CREATE TABLE trial.public.bonus AS SELECT 5 AS n");
    assert_eq!(ann.fail("SELECT n FROM x").code(), "permission_denied");
}

fn a_location_that_is_made_later_guards_what_older_tables_reach() {
    let (_server, mut admin, mut ann) = server();
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap().display().to_string();
    std::fs::create_dir_all(format!("{root}/in/own")).unwrap();
    for file in ["in/a.csv", "in/own/b.csv"] {
        std::fs::write(format!("{root}/{file}"), "n\n1\n").unwrap();
    }
    admin.run(&format!("CREATE LOCATION place URL '{root}/'"));
    admin.run("GRANT READ ON LOCATION place TO ann");
    admin.run("GRANT CREATE ON SCHEMA public TO ann");
    let table = format!(
        "CREATE EXTERNAL TABLE older STORED AS CSV LOCATION '{root}/in/' OPTIONS ('format.has_header' 'true')"
    );
    ann.run(&table);
    assert_eq!(ann.run("SELECT count(*) FROM older"), [["2"]]);
    admin.run(&format!("CREATE LOCATION own URL '{root}/in/own/'"));
    for reading in ["SELECT count(*) FROM older", "EXPLAIN SELECT * FROM older"] {
        let refused = ann.fail(reading);
        assert_eq!(refused.code(), "permission_denied", "{refused}");
    }
    admin.run("GRANT READ ON LOCATION own TO ann");
    assert_eq!(ann.run("SELECT count(*) FROM older"), [["2"]]);
}

fn what_one_may_only_read_is_not_changed_through_a_table_of_ones_own() {
    let (_server, mut admin, mut ann) = server();
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap().display().to_string();
    admin.run(&format!("CREATE LOCATION place URL '{root}/'"));
    admin.run(&format!("CREATE TABLE theirs LOCATION '{root}/t' AS SELECT 1 AS n"));
    admin.run("GRANT READ ON LOCATION place TO ann");
    admin.run("GRANT CREATE ON SCHEMA public TO ann");
    ann.run(&format!("CREATE EXTERNAL TABLE mine STORED AS DELTA LOCATION '{root}/t'"));
    assert_eq!(ann.run("SELECT n FROM mine"), [["1"]]);
    assert_eq!(ann.fail("INSERT INTO mine VALUES (2)").code(), "permission_denied");
    admin.run("GRANT WRITE ON LOCATION place TO ann");
    ann.run("INSERT INTO mine VALUES (2)");
    assert_eq!(admin.run("SELECT count(*) FROM theirs"), [["2"]]);
}
