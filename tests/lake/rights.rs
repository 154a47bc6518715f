//! What a user learns without a grant, with one, and after it is taken away.

use std::time::Duration;

use lakegate_tests::http::Http;
use lakegate_tests::server::Options;
use lakegate_tests::sql::Sql;
use lakegate_tests::{Server, binary, tests, wait};
use libtest_mimic::Trial;

const PASSWORD: &str = "a password with blanks ";

pub(crate) fn tests() -> Vec<Trial> {
    tests![
        a_user_without_a_grant_learns_nothing_of_a_table,
        nothing_over_http_tells_more_than_of_what_is_not_there,
        a_grant_to_a_role_reaches_its_members_until_it_is_revoked,
        a_view_reads_with_the_rights_of_who_made_it,
        the_system_schema_shows_each_what_they_may_see,
        the_history_keeps_what_was_asked_and_shows_it_to_who_asked,
        a_refused_statement_stands_in_the_history_of_who_sent_it,
        only_those_who_may_change_the_catalog,
        a_volume_is_made_over_what_one_may_read_and_its_own_files_go_with_it,
        a_link_below_a_location_does_not_lead_out_of_it,
        passwords_and_keys_appear_nowhere,
        a_secret_at_a_wrong_place_is_refused_and_appears_nowhere,
        the_servers_own_folder_is_out_of_bounds,
        a_location_does_not_reach_into_folders_of_managed_tables,
        a_location_that_is_made_later_guards_what_older_tables_reach,
        what_one_may_only_read_is_not_changed_through_a_table_of_ones_own,
        a_stranger_who_guesses_keeps_nobody_out,
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
    for unreadable in [
        format!("CRATE USER eve PASSWORD '{secret}'"),
        format!("CREATE UESR eve PASWORD {secret}"),
        format!("SELECT 1; CREATE USER eve PASSWORD '{secret}'"),
        format!("EXPLAIN ALTER USER dora PASSWORD '{secret}'"),
        secret.to_string(),
    ] {
        admin.fail(&unreadable);
    }
    let history = assert_nowhere(&mut server, &mut admin, secret);
    assert!(history.contains("CREATE USER ***"), "{history}");
}

/// Checks that a secret is neither in the history, nor in metrics, logs and files; the history.
fn assert_nowhere(server: &mut Server, admin: &mut Sql, secret: &str) -> String {
    let history = format!("{:?}", admin.run("SELECT * FROM system.queries"));
    assert!(!history.contains(secret), "{history}");
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
    history
}

fn a_secret_at_a_wrong_place_is_refused_and_appears_nowhere() {
    let (mut server, mut admin, _ann) = server();
    let secret = "correct-and-hidden-4712";
    let table = "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION";
    admin.run("CREATE LOCATION plain URL 's3://lake/plain/'");
    for wrong in [
        format!(
            "{table} 's3://b/x/' OPTIONS ('aws.access_key_id' 'k', 'aws.secret_access_key' '{secret}')"
        ),
        format!("{table} 's3://k:{secret}@b/x/'"),
        format!("{table} 'https://acc.example/x.parquet?sv=1&sig={secret}'"),
        format!("CREATE LOCATION k URL 's3://k:{secret}@lake/x/'"),
        format!("CREATE LOCATION k URL 'https://acc.example/c/?sig={secret}'"),
        format!("CREATE LOCATION k URL 's3://lake/x/' WITH (secret_access_key = '{secret}')"),
        format!("CREATE LOCATION k URL 's3://lake/x/' WITH (endpoint = 'http://u:{secret}@h')"),
        format!(
            "CREATE LOCATION k URL 's3://lake/x/' WITH (endpoint = 'http://h/?token={secret}')"
        ),
        format!("ALTER LOCATION plain SET (secret_access_key = '{secret}')"),
        format!("CREATE PROJECT k LOCATION 's3://k:{secret}@b/'"),
        format!("CREATE VOLUME k LOCATION 's3://k:{secret}@b/'"),
        format!("COPY (SELECT 1) TO 's3://k:{secret}@b/x/'"),
        format!("COPY (SELECT 1) TO '/x/' OPTIONS ('aws.secret_access_key' '{secret}')"),
        format!("SET aws.secret_access_key = '{secret}'"),
        format!("CREATE TABLE t (a INT) TBLPROPERTIES ('password' = '{secret}')"),
        format!("ALTER TABLE hidden SET TBLPROPERTIES ('db.token' = '{secret}')"),
    ] {
        let told = admin.fail(&wrong);
        assert_eq!(told.code(), "invalid_argument", "{wrong}: {told}");
        let told = told.to_string();
        assert!(!told.contains(secret) && told.contains("holds a secret"), "{told}");
    }
    // What is no statement, and what is none of Lakegate's business.
    for other in [
        format!("COPY t TO 's3://k:{secret}@b/x/' AND MORE"),
        format!("SET api_key = '{secret}')"),
        format!("SET api_key = '{secret}"),
        format!("SELECT * FROM absent WHERE url = 'https://u:{secret}@host/'"),
    ] {
        let told = admin.fail(&other).to_string();
        assert!(!told.contains(secret), "{told}");
    }
    // A query gets what it asks for; only what is kept of it does not tell.
    let url = format!("https://u:{secret}@host/");
    assert_eq!(admin.run(&format!("SELECT '{url}'")), [[url.as_str()]]);
    let history = assert_nowhere(&mut server, &mut admin, secret);
    for shown in ["'aws.secret_access_key' ***", "sig=***", "s3://***@lake", "api_key = ***"] {
        assert!(history.contains(shown), "{shown}: {history}");
    }
    // Over HTTP as well.
    let http = server.http();
    let send = |path: &str, body: String| {
        let headers = [("content-type", "application/json")];
        let answer = http.send("POST", path, &headers, Some(&body)).unwrap();
        assert_eq!(answer.status, 400, "{answer:?}");
        assert!(!answer.body.contains(secret), "{answer:?}");
    };
    for url in [format!("s3://k:{secret}@b/"), format!("https://h/c/?sig={secret}")] {
        send("/api/v1/locations", format!(r#"{{"name": "k", "url": "{url}"}}"#));
        send("/api/v1/projects", format!(r#"{{"name": "k", "location": "{url}"}}"#));
    }
    send(
        "/api/v1/projects",
        format!(r#"{{"name": "k", "properties": {{"password": "{secret}"}}}}"#),
    );
    assert_nowhere(&mut server, &mut admin, secret);
    server.assert_unharmed();
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

fn a_stranger_who_guesses_keeps_nobody_out() {
    let (mut server, _admin, _ann) = server();
    let mut last = String::new();
    for guess in 0..10 {
        let refused = Sql::connect(&server.url(), "ann", &format!("guess {guess}"));
        last = refused.err().expect("a guess is right").code().to_string();
    }
    assert_eq!(last, "limit_exceeded");
    let mut ann = Sql::connect(&server.url(), "ann", PASSWORD).unwrap();
    assert_eq!(ann.run("SELECT 1"), [["1"]]);
    let http = Http::new(server.address(), "ann", PASSWORD);
    assert_eq!(http.get("/api/v1/projects").unwrap().status, 200);
    server.assert_unharmed();
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
