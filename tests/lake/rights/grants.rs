//! What a user learns without a grant, with one, and after it is taken away.

use lakegate_tests::http::Http;
use lakegate_tests::sql::Sql;
use lakegate_tests::tests;
use libtest_mimic::Trial;

use super::{PASSWORD, server};

pub(super) fn tests() -> Vec<Trial> {
    tests![
        a_user_without_a_grant_learns_nothing_of_a_table,
        nothing_over_http_tells_more_than_of_what_is_not_there,
        a_grant_to_a_role_reaches_its_members_until_it_is_revoked,
        a_view_reads_with_the_rights_of_who_made_it,
        only_those_who_may_change_the_catalog,
        names_change_and_grants_stay,
    ]
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
        "CREATE TABLE stolen AS SELECT * FROM {}",
        "INSERT INTO {} VALUES (1)",
        "COPY {} TO '/nowhere/stolen.csv'",
        "GRANT SELECT ON {} TO ann",
        "REVOKE SELECT ON {} FROM ann",
        "COMMENT ON TABLE {} IS 'mine'",
        "ALTER TABLE {} RENAME TO mine",
        "SELECT * FROM {} VERSION AS OF 0",
        "SELECT * FROM {} FOR TIMESTAMP AS OF '2024-01-01'",
        "SELECT * FROM table_changes('{}', 0)",
        "DESCRIBE HISTORY {}",
        "DESCRIBE DETAIL {}",
        "DESCRIBE EXTENDED {}",
        "SHOW GRANTS ON {}",
        "SHOW TBLPROPERTIES {}",
        "DESCRIBE VOLUME {}",
        "ALTER TABLE {} SET TBLPROPERTIES ('a' = 'b')",
        "ALTER TABLE {} UNSET TBLPROPERTIES ('a')",
        "ALTER TABLE {} SET TBLPROPERTIES ('delta.appendOnly' = 'true')",
        "ALTER TABLE {} UNSET TBLPROPERTIES ('delta.appendOnly')",
        "ALTER TABLE {} ADD COLUMN more INT",
        "INSERT OVERWRITE {} VALUES (1)",
        "TRUNCATE TABLE {}",
        "SHOW CREATE TABLE {}",
        "SHOW CREATE VIEW {}",
        "CREATE OR REPLACE TABLE {} (n INT)",
        "ALTER TABLE {} OWNER TO ann",
        "ALTER VIEW {} AS SELECT 1",
        "ALTER VIEW {} RENAME TO mine",
        "ALTER VOLUME {} RENAME TO mine",
        "COMMENT ON VOLUME {} IS 'mine'",
        "GRANT SELECT ON VOLUME {} TO ann",
        "DROP VOLUME {}",
        "CREATE VOLUME {}",
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
        "SELECT * FROM system.projects",
        "SELECT * FROM system.grants",
        "SELECT * FROM system.volumes",
        "SHOW VOLUMES",
        "SHOW TABLES FROM system",
        "SHOW PROJECTS",
        "SHOW GRANTS",
    ] {
        assert!(ann.run(listing).is_empty(), "{listing}");
    }
    assert!(ann.table_names().is_empty());
    let told = Http::new(server.address(), "ann", PASSWORD).get("/api/v1/queries").unwrap().body;
    assert!(told.contains("FROM absent") && !told.contains("typed.parquet"), "{told}");
}

/// Every way of HTTP that takes an identifier, with those of what `ann` may not know of and with one
/// that nothing has.
fn nothing_over_http_tells_more_than_of_what_is_not_there() {
    let (server, mut admin, _) = server();
    admin.run("CREATE LOCATION raw URL 's3://bucket/'");
    admin.run("CREATE CREDENTIAL keys TYPE S3 WITH (access_key_id = 'a')");
    admin.run("CREATE USER bob PASSWORD 'x'");
    admin.run("CREATE ROLE others");
    admin.run("GRANT SELECT ON hidden TO bob");
    let (all, ann) = (server.http(), Http::new(server.address(), "ann", PASSWORD));
    let id_of = |list: &str| {
        let page = all.get(list).unwrap().json();
        page["items"][0]["id"].as_str().expect(list).to_string()
    };
    let absent = "01890000-0000-7000-8000-000000000000";
    let json = [("content-type", "application/json")];
    for (kind, name) in [
        ("projects", "?name=lakegate"),
        ("schemas", "?name=public"),
        ("datasets", "?name=hidden"),
        ("locations", "?name=raw"),
        ("credentials", "?name=keys"),
        ("users", "?name=bob"),
        ("roles", "?name=others"),
        ("grants", "?grantee=bob"),
    ] {
        let hidden = id_of(&format!("/api/v1/{kind}{name}"));
        let mut requests = vec![
            ("GET", format!("/api/v1/{kind}/ID"), None),
            ("DELETE", format!("/api/v1/{kind}/ID"), None),
            ("PUT", "/api/v1/roles/ID/members/ID".to_string(), Some(String::new())),
            ("DELETE", "/api/v1/roles/ID/members/ID".to_string(), None),
            (
                "POST",
                "/api/v1/schemas".to_string(),
                Some(r#"{"project_id":"ID","name":"s"}"#.to_string()),
            ),
            (
                "POST",
                "/api/v1/datasets".to_string(),
                Some(
                    r#"{"schema_id":"ID","name":"hidden","view":{"query":"SELECT 1"}}"#.to_string(),
                ),
            ),
        ];
        if kind != "grants" {
            let body = Some(r#"{"comment":"mine"}"#.to_string());
            requests.push(("PATCH", format!("/api/v1/{kind}/ID"), body));
        }
        for object_type in ["project", "schema", "dataset", "location"] {
            let object = format!(r#"{{"type":"{object_type}","id":"ID"}}"#);
            let body = format!(r#"{{"grantee":"ann","privilege":"own","object":{object}}}"#);
            requests.push(("POST", "/api/v1/grants".to_string(), Some(body)));
        }
        for (method, path, body) in requests {
            for condition in [None, Some(("if-match", "\"x\"")), Some(("if-match", "*"))] {
                let tell = |id: &str| {
                    let headers: Vec<_> = json.into_iter().chain(condition).collect();
                    let body = body.as_ref().map(|body| body.replace("ID", id));
                    let path = path.replace("ID", id);
                    let told = ann.send(method, &path, &headers, body.as_deref()).unwrap();
                    (told.status, told.body)
                };
                let told = tell(&hidden);
                assert_eq!(told, tell(absent), "{method} {path} tells that there is one of {kind}");
                assert_eq!(told.0, 404, "{method} {path} {kind}");
            }
        }
        let listed = ann.get(&format!("/api/v1/{kind}{name}")).unwrap().json();
        assert_eq!(listed["items"].as_array().unwrap().len(), 0, "{kind}");
    }
    let parents = [
        format!("/api/v1/schemas?project_id={}", id_of("/api/v1/projects")),
        format!("/api/v1/datasets?schema_id={}", id_of("/api/v1/schemas?name=public")),
        format!("/api/v1/users?role_id={}", id_of("/api/v1/roles?name=others")),
        format!("/api/v1/grants?object_id={}", id_of("/api/v1/datasets?name=hidden")),
    ];
    for list in parents {
        assert_eq!(ann.get(&list).unwrap().body, r#"{"items":[],"next_cursor":null}"#, "{list}");
    }
    // With a grant, she learns of the table and not where its files lie.
    admin.run("GRANT SELECT ON hidden TO ann");
    let told = ann.get(&format!("/api/v1/datasets/{}", id_of("/api/v1/datasets?name=hidden")));
    let told = told.unwrap();
    assert!(told.status == 200 && !told.body.contains("typed.parquet"), "{told:?}");
    let new = format!(
        r#"{{"schema_id":"{}","name":"mine","table":{{"format":"csv","location":"/etc/passwd"}}}}"#,
        id_of("/api/v1/schemas?name=public")
    );
    admin.run("GRANT CREATE ON SCHEMA public TO ann");
    for location in ["/etc/passwd", "/no/such/file"] {
        let new = new.replace("/etc/passwd", location);
        let told = ann.send("POST", "/api/v1/datasets", &json, Some(&new)).unwrap();
        assert_eq!(told.json()["code"], "permission_denied", "{location}");
    }
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
    // Who asks is its caller, so one view gives each what is theirs.
    admin.run("CREATE VIEW own AS SELECT owner FROM (VALUES ('ann'), ('admin')) t (owner) WHERE owner = current_user");
    admin.run("GRANT SELECT ON VIEW own TO ann");
    assert_eq!(ann.run("SELECT owner FROM own"), [["ann"]]);
    assert_eq!(admin.run("SELECT owner FROM own"), [["admin"]]);
    assert_eq!(ann.run("SELECT current_user"), [["ann"]]);
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
        "CREATE VOLUME mine",
        "CREATE VOLUME IF NOT EXISTS mine LOCATION '/etc'",
        "ALTER TABLE hidden SET TBLPROPERTIES ('a' = 'b')",
        "ALTER TABLE hidden OWNER TO ann",
        "ALTER PROJECT lakegate SET LOCATION 's3://bucket/'",
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
