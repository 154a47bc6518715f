//! What the system schema shows each of what was asked.

use lakegate_tests::sql::Sql;
use lakegate_tests::tests;
use libtest_mimic::Trial;

use super::{PASSWORD, server};

pub(super) fn tests() -> Vec<Trial> {
    tests![
        the_system_schema_shows_each_what_they_may_see,
        the_history_keeps_what_was_asked_and_shows_it_to_who_asked,
        a_refused_statement_stands_in_the_history_of_who_sent_it,
    ]
}

fn the_system_schema_shows_each_what_they_may_see() {
    let (server, mut admin, mut ann) = server();
    admin.run("CREATE USER bob PASSWORD 'x'");
    admin.run("CREATE LOCATION place URL 's3://bucket/prefix/'");
    admin.run("CREATE CREDENTIAL keys TYPE S3 WITH (access_key_id = 'a', secret_access_key = 'b')");
    admin.run("GRANT SELECT ON hidden TO bob");
    // Oneself and one's roles, nobody else.
    assert_eq!(ann.run("SELECT name FROM system.principals ORDER BY name"), [["ann"], ["readers"]]);
    assert_eq!(ann.run("SELECT role, member FROM system.role_members"), [["readers", "ann"]]);
    assert_eq!(ann.run("SHOW USERS"), [["ann", "false", "NULL"]]);
    for empty in ["system.grants", "system.locations", "system.credentials", "system.projects"] {
        assert!(ann.run(&format!("SELECT * FROM {empty}")).is_empty(), "{empty}");
        assert!(!admin.run(&format!("SELECT * FROM {empty}")).is_empty(), "{empty}");
    }
    let hidden = ann.fail("SHOW GRANTS FOR bob").to_string();
    let absent = ann.fail("SHOW GRANTS FOR nobody").to_string();
    assert_eq!(hidden.replace("bob", ""), absent.replace("nobody", ""));
    // One's own queries; an admin sees all.
    admin.run("SELECT 'of the admin'");
    ann.run("SELECT 'of ann'");
    let own = ann.run("SELECT DISTINCT principal FROM system.queries");
    assert_eq!(own, [["ann"]]);
    let all = admin.run("SELECT DISTINCT principal FROM system.queries ORDER BY principal");
    assert_eq!(all, [["admin"], ["ann"]]);
    // Clients that ask for tables are told of it as of others.
    assert!(admin.table_names().contains(&"queries".to_string()));
    // Nobody sees a secret, and a new name brings no earlier owner's queries with it.
    let told = format!("{:?}", admin.run("SELECT * FROM system.credentials"));
    assert!(told.contains("secret_access_key") && !told.contains("\"b\""), "{told}");
    admin.run("ALTER USER ann RENAME TO anna");
    admin.run("CREATE USER ann PASSWORD 'y'");
    let mut other = Sql::connect(&server.url(), "ann", "y").unwrap();
    let seen = other.run("SELECT query FROM system.queries WHERE query LIKE '%of ann%'");
    assert!(!seen.iter().any(|row| row[0] == "SELECT 'of ann'"), "{seen:?}");
    // A view of them shows what its maker may see, to those whom the maker lets.
    admin.run("CREATE VIEW people AS SELECT name FROM system.principals WHERE type = 'user'");
    admin.run("GRANT SELECT ON VIEW people TO readers");
    assert_eq!(ann.run("SELECT count(*) FROM people"), [["4"]]);
}

fn the_history_keeps_what_was_asked_and_shows_it_to_who_asked() {
    let (server, mut admin, mut ann) = server();
    admin.run("GRANT SELECT ON hidden TO ann");
    ann.run("SELECT sum(id) FROM hidden");
    ann.fail("SELECT id / 0 FROM hidden");
    admin.run("CREATE USER carl PASSWORD 'a secret of carl'");
    // What was not written yet is written before the server ends.
    let server = server.restart();
    let mut ann = Sql::connect(&server.url(), "ann", PASSWORD).unwrap();
    let of = "SELECT outcome, tier, row_count, bytes_scanned > 0, bytes_sent > 0, retries \
              FROM system.queries WHERE query LIKE 'SELECT sum(id)%'";
    assert_eq!(ann.run(of), [["ok", "local", "1", "true", "true", "0"]]);
    let failed =
        ann.run("SELECT state, outcome FROM system.queries WHERE query LIKE 'SELECT id / 0%'");
    assert_eq!(failed, [["failed", "data_error"]]);
    let usage = ann.run("SELECT principal, queries >= 2, failed FROM system.usage");
    assert_eq!(usage, [["ann", "true", "1"]]);
    let mut admin = server.connect();
    let told = format!("{:?}", admin.run("SELECT query FROM system.queries"));
    assert!(told.contains("CREATE USER carl PASSWORD ***"), "{told}");
    assert!(!told.contains("a secret of carl"), "{told}");
    assert_eq!(admin.run("SELECT count(*) FROM system.usage WHERE principal = 'ann'"), [["1"]]);
}

fn a_refused_statement_stands_in_the_history_of_who_sent_it() {
    let (server, _admin, mut ann) = server();
    ann.fail("SELECT id FROM hidden");
    ann.fail("SELECT 'not closed");
    ann.fail("EXPLAIN SELECT nothing FROM absent");
    let long = format!("SELECT '{}' FROM absent", "x".repeat(1 << 20));
    ann.fail(&long);
    let server = server.restart();
    let mut ann = Sql::connect(&server.url(), "ann", PASSWORD).unwrap();
    let told = ann.run(
        "SELECT left(query, 20), state, outcome, tier, length(query) <= 65536 FROM system.queries \
         WHERE state = 'failed' ORDER BY query",
    );
    let refused = |query: &str, outcome: &str| {
        [query, "failed", outcome, "NULL", "true"].map(str::to_string).to_vec()
    };
    assert_eq!(
        told,
        [
            refused("EXPLAIN SELECT nothi", "project_not_found"),
            refused("SELECT 'not closed", "syntax_error"),
            refused("SELECT 'xxxxxxxxxxxx", "project_not_found"),
            refused("SELECT id FROM hidde", "project_not_found"),
        ]
    );
    assert_eq!(ann.run("SELECT failed FROM system.usage"), [["4"]]);
    let mut admin = server.connect();
    let all = "SELECT count(*) FROM system.queries WHERE principal = 'ann' AND state = 'failed'";
    assert_eq!(admin.run(all), [["4"]]);
}
