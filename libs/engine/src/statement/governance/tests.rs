//! Statements as people write them, and what is read from them.

use std::collections::BTreeMap;

use lakegate_common::secret::Secret;
use lakegate_common::{Coded, ErrorCode};

use super::{Change, Governance, ObjectKind, Verb, read};

fn options<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

fn one(sql: &str) -> Governance {
    read(sql, true).unwrap().unwrap()
}

#[test]
fn credentials_and_locations_are_read_with_their_options() {
    let sql =
        "CREATE CREDENTIAL minio TYPE S3 WITH (access_key_id = 'a', secret_access_key = 'b');";
    let secrets = [("access_key_id", "a"), ("secret_access_key", "b")];
    let secrets = secrets.map(|(key, value)| (key.to_string(), Secret::from_text(value)));
    assert_eq!(
        one(sql),
        Governance::CreateCredential {
            name: "minio".to_string(),
            kind: "s3".to_string(),
            secrets: Some(BTreeMap::from(secrets)),
            comment: None,
            if_not_exists: false,
        }
    );
    let sql = "create location if not exists raw url 's3://bucket/prefix/' credential minio \
               with (endpoint = 'http://127.0.0.1:9000', path_style = true, allow_http = TRUE) \
               comment 'as it came'";
    assert_eq!(
        one(sql),
        Governance::CreateLocation {
            name: "raw".to_string(),
            url: "s3://bucket/prefix/".to_string(),
            credential: Some("minio".to_string()),
            options: options([
                ("endpoint", "http://127.0.0.1:9000"),
                ("path_style", "true"),
                ("allow_http", "TRUE"),
            ]),
            comment: Some("as it came".to_string()),
            if_not_exists: true,
        }
    );
}

#[test]
fn users_roles_and_projects_are_read() {
    assert_eq!(
        one("CREATE USER reader1 PASSWORD 'x'"),
        Governance::CreateUser {
            name: "reader1".to_string(),
            password: Secret::from_text("x"),
            is_admin: false,
            comment: None,
            if_not_exists: false,
        }
    );
    assert_eq!(
        one("CREATE PROJECT trial LOCATION 's3://bucket/trial/'"),
        Governance::CreateProject {
            name: "trial".to_string(),
            location: Some("s3://bucket/trial/".to_string()),
            comment: None,
            if_not_exists: false,
        }
    );
    assert_eq!(
        one("DROP ROLE IF EXISTS analysts, \"Others\""),
        Governance::Drop {
            kind: ObjectKind::Role,
            names: vec![vec!["analysts".to_string()], vec!["Others".to_string()]],
            if_exists: true,
            cascade: false,
        }
    );
}

#[test]
fn grants_of_privileges_and_of_roles_are_told_apart() {
    assert_eq!(
        one("GRANT SELECT, MODIFY ON TABLE trial.public.flights TO analysts, USER ann"),
        Governance::Privileges {
            verb: Verb::Grant,
            privileges: vec!["SELECT".to_string(), "MODIFY".to_string()],
            kind: ObjectKind::Table,
            name: ["trial", "public", "flights"].map(str::to_string).to_vec(),
            grantees: vec!["analysts".to_string(), "ann".to_string()],
        }
    );
    assert_eq!(
        one("REVOKE SELECT ON SCHEMA trial.public FROM reader1"),
        Governance::Privileges {
            verb: Verb::Revoke,
            privileges: vec!["SELECT".to_string()],
            kind: ObjectKind::Schema,
            name: vec!["trial".to_string(), "public".to_string()],
            grantees: vec!["reader1".to_string()],
        }
    );
    assert_eq!(
        one("GRANT analysts TO reader1"),
        Governance::Membership {
            verb: Verb::Grant,
            roles: vec!["analysts".to_string()],
            grantees: vec!["reader1".to_string()],
        }
    );
    assert_eq!(
        one("grant all privileges on flights to analysts"),
        Governance::Privileges {
            verb: Verb::Grant,
            privileges: vec!["ALL".to_string()],
            kind: ObjectKind::Table,
            name: vec!["flights".to_string()],
            grantees: vec!["analysts".to_string()],
        }
    );
}

#[test]
fn comments_and_new_names_are_read() {
    assert_eq!(
        one("COMMENT ON TABLE a.b IS 'what it is'"),
        Governance::Comment {
            kind: ObjectKind::Table,
            name: vec!["a".to_string(), "b".to_string()],
            text: Some("what it is".to_string()),
        }
    );
    assert_eq!(
        one("ALTER TABLE a.b RENAME TO c"),
        Governance::Alter {
            kind: ObjectKind::Table,
            name: vec!["a".to_string(), "b".to_string()],
            if_exists: false,
            change: Change::Name("c".to_string()),
        }
    );
}

#[test]
fn volumes_are_read() {
    let volume = |location: Option<&str>, comment: Option<&str>| Governance::CreateVolume {
        name: vec!["raw".to_string(), "scans".to_string()],
        location: location.map(str::to_string),
        comment: comment.map(str::to_string),
        if_not_exists: location.is_none(),
    };
    assert_eq!(one("CREATE VOLUME IF NOT EXISTS raw.scans"), volume(None, None));
    let sql = "create external volume raw.scans location '/data/scans' comment 'as measured';";
    assert_eq!(one(sql), volume(Some("/data/scans"), Some("as measured")));
    assert_eq!(
        one("DROP VOLUME a.b, c"),
        Governance::Drop {
            kind: ObjectKind::Volume,
            names: vec![vec!["a".to_string(), "b".to_string()], vec!["c".to_string()]],
            if_exists: false,
            cascade: false,
        }
    );
    for wrong in ["CREATE EXTERNAL VOLUME v", "CREATE VOLUME a.b.c.d", "CREATE VOLUME v AT '/x'"] {
        assert!(read(wrong, true).is_err(), "{wrong}");
    }
}

#[test]
fn every_change_of_an_object_is_read() {
    let change = |sql: &str| match one(sql) {
        Governance::Alter { change, if_exists, .. } => (change, if_exists),
        other => panic!("{sql}: {other:?}"),
    };
    let names = || ["a".to_string(), "b.c".to_string()].into_iter().collect();
    for (sql, wanted, if_exists) in [
        ("ALTER SCHEMA IF EXISTS s RENAME TO t", Change::Name("t".to_string()), true),
        ("ALTER VIEW v OWNER TO ann", Change::Owner("ann".to_string()), false),
        (
            "ALTER TABLE t SET TBLPROPERTIES ('A' = 'x', b.c = 1)",
            Change::SetProperties(options([("A", "x"), ("b.c", "1")])),
            false,
        ),
        (
            "ALTER TABLE t UNSET TBLPROPERTIES IF EXISTS ('a', b.c)",
            Change::UnsetProperties { names: names(), if_exists: true },
            false,
        ),
        (
            "ALTER PROJECT p SET LOCATION 's3://b/'",
            Change::ProjectLocation(Some("s3://b/".to_string())),
            false,
        ),
        ("ALTER PROJECT p DROP LOCATION", Change::ProjectLocation(None), false),
        ("ALTER LOCATION l SET CREDENTIAL c", Change::LocationCredential(Some("c".into())), false),
        ("ALTER LOCATION l DROP CREDENTIAL", Change::LocationCredential(None), false),
        (
            "ALTER LOCATION l SET (region = 'r')",
            Change::LocationOptions(options([("region", "r")])),
            false,
        ),
        ("ALTER CREDENTIAL c SET AMBIENT", Change::Secrets(None), false),
        ("ALTER USER u PASSWORD 'x'", Change::Password(Secret::from_text("x")), false),
        ("ALTER USER u ADMIN", Change::Admin(true), false),
        ("ALTER USER u WITH NOSUPERUSER;", Change::Admin(false), false),
    ] {
        assert_eq!(change(sql), (wanted, if_exists), "{sql}");
    }
    for wrong in [
        "ALTER ROLE r PASSWORD 'x'",
        "ALTER LOCATION l SET URL 's3://b/'",
        "ALTER USER u OWNER TO ann",
        "ALTER TABLE t SET TBLPROPERTIES ()",
        "ALTER TABLE t SET TBLPROPERTIES ('a' = 1, 'a' = 2)",
    ] {
        assert!(read(wrong, true).is_err(), "{wrong}");
    }
}

#[test]
fn columns_are_added_one_or_several() {
    for (sql, count) in [
        ("ALTER TABLE s.t ADD COLUMN a INT", 1),
        ("alter table s.t add columns (a INT, \"B\" VARCHAR COMMENT 'second')", 2),
    ] {
        let Governance::Alter { change: Change::AddColumns(columns), .. } = one(sql) else {
            panic!("{sql}")
        };
        assert_eq!(columns.len(), count, "{sql}");
    }
    for sql in ["RENAME COLUMN a TO b", "DROP COLUMN a", "ALTER COLUMN a SET NOT NULL"] {
        let refused = read(&format!("ALTER TABLE t {sql}"), true).unwrap_err();
        assert_eq!(refused.code(), ErrorCode::Unsupported, "{sql}");
    }
    assert!(read("ALTER TABLE t ADD COLUMN a INT DEFAULT 1", true).is_err());
}

#[test]
fn other_statements_are_left_to_the_general_parser() {
    for sql in [
        "SELECT 1",
        "CREATE SCHEMA s",
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 'x'",
        "DROP TABLE t",
        "ALTER TABLE t SET (a = 1)",
        "EXPLAIN SELECT 1",
        "",
    ] {
        assert_eq!(read(sql, true).unwrap(), None, "{sql}");
    }
}

#[test]
fn neither_errors_nor_what_is_shown_of_a_statement_tell_its_secrets() {
    for sql in [
        "CREATE USER ann PASSWORD hidden",
        "CREATE USER ann PASSWORD 'hidden' 'hidden'",
        "CREATE CREDENTIAL c TYPE S3 WITH (secret_access_key 'hidden')",
        "CREATE CREDENTIAL c TYPE S3 WITH (secret_access_key = 'hidden'",
        "ALTER CREDENTIAL c SET (a = 'hidden', a = 'hidden')",
        "ALTER USER ann PASSWORD 'hidden' VALID",
    ] {
        let error = read(sql, true).unwrap_err();
        let told = format!("{error} {error:?} {:?}", error.hint());
        assert!(!told.contains("hidden"), "{sql}: {told}");
    }
    for sql in [
        "CREATE USER ann PASSWORD 'hidden'",
        "ALTER USER ann PASSWORD 'hidden'",
        "CREATE CREDENTIAL c TYPE S3 WITH (secret_access_key = 'hidden')",
        "ALTER CREDENTIAL c SET (secret_access_key = 'hidden')",
    ] {
        let statement = one(sql);
        let shown = format!("{} {statement:?}", statement.shown().unwrap());
        assert!(!shown.contains("hidden"), "{shown}");
    }
}
