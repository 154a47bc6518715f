//! What a user learns without a grant, with one, and after it is taken away.

use lakegate_tests::http::Http;
use lakegate_tests::server::Options;
use lakegate_tests::sql::Sql;
use lakegate_tests::{Server, binary, tests};
use libtest_mimic::Trial;

const PASSWORD: &str = "a password with blanks ";

pub(crate) fn tests() -> Vec<Trial> {
    tests![
        a_user_without_a_grant_learns_nothing_of_a_table,
        a_grant_to_a_role_reaches_its_members_until_it_is_revoked,
        a_view_reads_with_the_rights_of_who_made_it,
        only_those_who_may_change_the_catalog,
        passwords_and_keys_appear_nowhere,
        names_change_and_grants_stay,
        the_catalog_and_its_key_may_lie_elsewhere,
    ]
}

/// A server with a table and a user `ann` in a role `readers`, neither with a grant.
fn server() -> (Server, Sql, Sql) {
    let server = Server::start();
    let mut admin = server.connect();
    let file = binary::workspace().join("tests/slt/data/typed.parquet");
    let sql =
        format!("CREATE EXTERNAL TABLE hidden STORED AS PARQUET LOCATION '{}'", file.display());
    admin.run(&sql);
    admin.run(&format!("CREATE USER ann PASSWORD '{PASSWORD}'"));
    admin.run("CREATE ROLE readers");
    admin.run("GRANT readers TO ann");
    let ann = Sql::connect(&server.url(), "ann", PASSWORD).unwrap();
    (server, admin, ann)
}

fn a_user_without_a_grant_learns_nothing_of_a_table() {
    let (server, mut admin, mut ann) = server();
    admin.run("SELECT count(*) FROM hidden");
    // Every surface that names tables, and what each says of one that does not exist.
    for template in [
        "SELECT * FROM {}",
        "SELECT count(*) FROM {}",
        "SELECT 1 WHERE EXISTS (SELECT 1 FROM {})",
        "WITH t AS (SELECT * FROM lakegate.public.{}) SELECT 1",
        "EXPLAIN SELECT * FROM {}",
        "EXPLAIN ANALYZE SELECT * FROM {}",
        "DESCRIBE {}",
        "SHOW COLUMNS FROM {}",
        "DROP TABLE {}",
        "CREATE VIEW stolen AS SELECT * FROM {}",
        "GRANT SELECT ON {} TO ann",
        "REVOKE SELECT ON {} FROM ann",
        "COMMENT ON TABLE {} IS 'mine'",
        "ALTER TABLE {} RENAME TO mine",
    ] {
        let hidden = ann.fail(&template.replace("{}", "hidden"));
        let absent = ann.fail(&template.replace("{}", "absent"));
        let without_name = |text: String| text.replace("hidden", "").replace("absent", "");
        assert_eq!(
            without_name(hidden.to_string()),
            without_name(absent.to_string()),
            "{template} tells that the table is there"
        );
    }
    // A misspelling brings no hint either.
    let told = ann.fail("SELECT * FROM hiden").to_string();
    assert!(!told.contains("hidden"), "{told}");
    for listing in [
        "SHOW TABLES",
        "SELECT table_name FROM information_schema.tables WHERE table_schema <> 'information_schema'",
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'hidden'",
        "SELECT definition FROM information_schema.views",
        "SELECT schema_name FROM information_schema.schemata WHERE schema_name <> 'information_schema'",
    ] {
        assert!(ann.run(listing).is_empty(), "{listing}");
    }
    assert!(ann.table_names().is_empty());
    let told = Http::new(server.address(), "ann", PASSWORD).get("/api/v1/queries").unwrap().body;
    assert!(told.contains("FROM absent") && !told.contains("typed.parquet"), "{told}");
}

fn a_grant_to_a_role_reaches_its_members_until_it_is_revoked() {
    let (_server, mut admin, mut ann) = server();
    admin.run("GRANT SELECT ON TABLE lakegate.public.hidden TO readers");
    assert_eq!(ann.run("SELECT count(*) FROM hidden"), [["4"]]);
    assert_eq!(ann.run("SHOW TABLES").len(), 1);
    assert_eq!(ann.fail("DROP TABLE hidden").code(), "permission_denied");
    admin.run("REVOKE readers FROM ann");
    assert_eq!(ann.fail("SELECT count(*) FROM hidden").code(), "project_not_found");
    admin.run("GRANT SELECT ON SCHEMA lakegate.public TO ann");
    assert_eq!(ann.run("SELECT count(*) FROM hidden"), [["4"]]);
    admin.run("REVOKE SELECT ON SCHEMA lakegate.public FROM ann");
    assert_eq!(ann.fail("SELECT count(*) FROM hidden").code(), "project_not_found");
}

fn a_view_reads_with_the_rights_of_who_made_it() {
    let (server, mut admin, mut ann) = server();
    admin.run("CREATE VIEW shown AS SELECT id, name FROM hidden WHERE id < 3");
    admin.run("GRANT SELECT ON VIEW shown TO ann");
    assert_eq!(ann.run("SELECT id FROM shown ORDER BY id"), [["1"], ["2"]]);
    assert_eq!(ann.fail("SELECT * FROM hidden").code(), "table_not_found");
    // What its maker may no longer read, the view reads no more.
    admin.run("CREATE USER bob PASSWORD 'x'");
    admin.run("GRANT SELECT, CREATE ON SCHEMA public TO bob");
    let mut bob = Sql::connect(&server.url(), "bob", "x").unwrap();
    bob.run("CREATE VIEW bobs AS SELECT count(*) AS n FROM hidden");
    bob.run("GRANT SELECT ON VIEW bobs TO ann");
    assert_eq!(ann.run("SELECT n FROM bobs"), [["4"]]);
    admin.run("REVOKE SELECT ON SCHEMA public FROM bob");
    assert_eq!(ann.fail("SELECT n FROM bobs").code(), "table_not_found");
}

fn only_those_who_may_change_the_catalog() {
    let (_server, mut admin, mut ann) = server();
    admin.run("GRANT SELECT ON hidden TO ann");
    for statement in [
        "CREATE SCHEMA mine",
        "CREATE PROJECT mine",
        "CREATE USER carl PASSWORD 'x'",
        "CREATE USER IF NOT EXISTS admin PASSWORD 'x'",
        "CREATE ROLE mine",
        "GRANT readers TO ann",
        "CREATE CREDENTIAL mine TYPE S3 WITH (access_key_id = 'x', secret_access_key = 'y')",
        "CREATE LOCATION mine URL 's3://bucket/'",
        "CREATE VIEW mine AS SELECT 1",
        "ALTER USER admin PASSWORD 'x'",
        "DROP USER admin",
        "CREATE EXTERNAL TABLE mine STORED AS CSV LOCATION '/etc/passwd'",
        "CREATE EXTERNAL TABLE mine STORED AS CSV LOCATION '/no/such/file'",
    ] {
        assert_eq!(ann.fail(statement).code(), "permission_denied", "{statement}");
    }
    admin.run("GRANT CREATE ON SCHEMA public TO ann");
    ann.run("CREATE VIEW mine AS SELECT count(*) AS n FROM hidden");
    assert_eq!(ann.run("SELECT n FROM mine"), [["4"]]);
    ann.run("DROP VIEW mine");
}

fn passwords_and_keys_appear_nowhere() {
    let (mut server, mut admin, _ann) = server();
    let secret = "correct-and-hidden-4711";
    admin.run(&format!("CREATE USER dora PASSWORD '{secret}'"));
    admin.run(&format!("ALTER USER dora PASSWORD '{secret}x'"));
    admin.run(&format!(
        "CREATE CREDENTIAL keys TYPE S3 WITH (access_key_id = 'id', secret_access_key = '{secret}')"
    ));
    for wrong in [
        format!("CREATE USER eve PASSWORD {secret}"),
        format!("CREATE USER eve PASSWORD '{secret}' WITH '{secret}'"),
        format!("CREATE CREDENTIAL more TYPE S3 WITH (secret_access_key '{secret}')"),
        format!("CREATE CREDENTIAL more TYPE S3 WITH (proxy_url = '{secret}')"),
    ] {
        let told = admin.fail(&wrong).to_string();
        assert!(!told.contains(secret), "{told}");
    }
    let http = server.http();
    let told = http.get("/api/v1/queries").unwrap().body + &http.get("/metrics").unwrap().body;
    assert!(!told.contains(secret), "{told}");
    assert!(!server.process().log_contains(secret));
    for file in std::fs::read_dir(server.data_folder()).unwrap() {
        let path = file.unwrap().path();
        let holds = path.is_file()
            && std::fs::read(&path).unwrap().windows(secret.len()).any(|w| w == secret.as_bytes());
        assert!(!holds, "{} holds the secret", path.display());
    }
}

fn names_change_and_grants_stay() {
    let (server, mut admin, mut ann) = server();
    admin.run("GRANT SELECT ON hidden TO ann");
    admin.run("ALTER TABLE hidden RENAME TO shown");
    admin.run("COMMENT ON TABLE shown IS 'what it is'");
    assert_eq!(ann.run("SELECT count(*) FROM shown"), [["4"]]);
    assert_eq!(ann.fail("SELECT count(*) FROM hidden").code(), "table_not_found");
    ann.run("ALTER USER ann PASSWORD 'another'");
    assert_eq!(ann.fail("ALTER USER admin PASSWORD 'another'").code(), "permission_denied");
    let mut again = Sql::connect(&server.url(), "ann", "another").unwrap();
    assert_eq!(again.run("SELECT count(*) FROM shown"), [["4"]]);
    admin.run("CREATE PROJECT trial COMMENT 'for a try'");
    admin.run("DROP PROJECT trial CASCADE");
    assert_eq!(admin.fail("DROP PROJECT trial").code(), "project_not_found");
}

fn the_catalog_and_its_key_may_lie_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("elsewhere.db");
    let mut server = Options::default()
        .with_variable("LAKEGATE_CATALOG_URL", &format!("sqlite:{}", file.display()))
        .with_variable("LAKEGATE_MASTER_KEY", &"ab".repeat(32))
        .start();
    server.connect().run("CREATE CREDENTIAL keys TYPE S3 WITH (access_key_id = 'a')");
    assert!(file.is_file());
    assert!(!server.data_folder().join("catalog.db").exists());
    assert!(!server.data_folder().join("master-key").exists());
    server.assert_unharmed();
}
