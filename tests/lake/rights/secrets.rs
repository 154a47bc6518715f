//! Passwords and keys: where they may stand, and where they never appear.

use lakegate_tests::http::Http;
use lakegate_tests::server::Options;
use lakegate_tests::sql::Sql;
use lakegate_tests::{Server, tests};
use libtest_mimic::Trial;

use super::{PASSWORD, server};

pub(super) fn tests() -> Vec<Trial> {
    tests![
        passwords_and_keys_appear_nowhere,
        a_secret_at_a_wrong_place_is_refused_and_appears_nowhere,
        a_stranger_who_guesses_keeps_nobody_out,
        the_catalog_and_its_key_may_lie_elsewhere,
    ]
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
