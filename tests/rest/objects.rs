//! Projects, schemas, locations and credentials: made, read, changed and deleted.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use lakegate_tests::{Server, tests, wait};
use libtest_mimic::Trial;
use serde_json::json;

use crate::client::Rest;

pub(crate) fn tests() -> Vec<Trial> {
    tests![
        projects_and_schemas_live_and_die,
        a_patch_changes_what_it_says_and_nothing_else,
        locations_and_credentials_live_and_die,
        secrets_come_in_and_never_out,
        what_was_made_is_answered_also_when_it_is_renamed_at_once,
    ]
}

fn projects_and_schemas_live_and_die() {
    let mut server = Server::start();
    let rest = Rest::admin(&server);
    let lab = rest.post(
        "/api/v1/projects",
        json!({"name": "lab", "comment": "for a try", "properties": {"cost": "12"}}),
    );
    assert_eq!(lab["comment"], "for a try");
    assert_eq!(lab["properties"], json!({"cost": "12"}));
    assert_eq!(lab["owners"], json!(["admin"]));
    let project = format!("/api/v1/projects/{}", lab["id"].as_str().unwrap());
    assert_eq!(rest.get(&project), lab);
    assert_eq!(rest.only("/api/v1/projects?name=lab"), lab);
    let raw = rest.post("/api/v1/schemas", json!({"project_id": lab["id"], "name": "raw"}));
    let of_lab = format!("/api/v1/schemas?project_id={}", lab["id"].as_str().unwrap());
    assert_eq!(rest.get(&of_lab)["items"].as_array().unwrap().len(), 2);
    assert_eq!(rest.only(&format!("{of_lab}&name=raw")), raw);
    // A renamed project renames what is told of its schemas, and keeps their identifiers.
    rest.patch(&project, json!({"name": "plant"}));
    let schema = format!("/api/v1/schemas/{}", raw["id"].as_str().unwrap());
    assert_eq!(rest.get(&schema)["project"], "plant");
    assert_eq!(server.connect().run("SELECT 1 FROM information_schema.schemata WHERE catalog_name = 'plant' AND schema_name = 'raw'").len(), 1);
    assert_eq!(rest.refusal("DELETE", &project, None), "not_empty");
    rest.delete(&schema);
    assert_eq!(rest.refusal("GET", &schema, None), "schema_not_found");
    rest.post("/api/v1/schemas", json!({"project_id": lab["id"], "name": "again"}));
    rest.delete(&format!("{project}?cascade=true"));
    assert_eq!(rest.refusal("GET", &project, None), "project_not_found");
    assert_eq!(rest.get(&of_lab)["items"], json!([]));
    server.assert_unharmed();
}

fn a_patch_changes_what_it_says_and_nothing_else() {
    let server = Server::start();
    let rest = Rest::admin(&server);
    rest.post("/api/v1/roles", json!({"name": "keepers"}));
    let made = rest.post(
        "/api/v1/projects",
        json!({"name": "lab", "comment": "old", "properties": {"a": "1", "b": "2"}}),
    );
    let path = format!("/api/v1/projects/{}", made["id"].as_str().unwrap());
    let changed = rest.patch(
        &path,
        json!({"properties": {"a": null, "c": "3"}, "owner": "keepers", "location": "s3://bucket/lab"}),
    );
    assert_eq!(changed["properties"], json!({"b": "2", "c": "3"}));
    assert_eq!(changed["owners"], json!(["keepers"]));
    assert_eq!(changed["location"], "s3://bucket/lab/");
    assert_eq!((&changed["name"], &changed["comment"]), (&json!("lab"), &json!("old")));
    let changed = rest.patch(&path, json!({"comment": null, "location": null}));
    assert_eq!((&changed["comment"], &changed["location"]), (&json!(null), &json!(null)));
    // All of it or nothing: the comment does not stay where the name is taken.
    let refused = json!({"comment": "half", "name": "lakegate"});
    assert_eq!(rest.refusal("PATCH", &path, Some(&refused)), "already_exists");
    let refused = json!({"comment": "half", "owner": "nobody"});
    assert_eq!(rest.refusal("PATCH", &path, Some(&refused)), "object_not_found");
    assert_eq!(rest.get(&path), changed);
}

fn locations_and_credentials_live_and_die() {
    let mut server = Server::start();
    let rest = Rest::admin(&server);
    let keys = rest.post(
        "/api/v1/credentials",
        json!({"name": "keys", "type": "s3",
               "secrets": {"access_key_id": "an-id", "secret_access_key": "a-key"}}),
    );
    assert_eq!(keys["secret_names"], json!(["access_key_id", "secret_access_key"]));
    assert_eq!(keys["is_ambient"], false);
    let raw = rest.post(
        "/api/v1/locations",
        json!({"name": "raw", "url": "s3://Bucket/raw", "credential": "keys",
               "options": {"region": "us-east-1"}, "comment": "as it comes"}),
    );
    assert_eq!((&raw["url"], &raw["credential"]), (&json!("s3://bucket/raw/"), &json!("keys")));
    let location = format!("/api/v1/locations/{}", raw["id"].as_str().unwrap());
    let credential = format!("/api/v1/credentials/{}", keys["id"].as_str().unwrap());
    assert_eq!(rest.refusal("DELETE", &credential, None), "not_empty");
    let changed = rest.patch(
        &location,
        json!({"name": "landing", "credential": null, "options": {"region": "eu-west-1"}}),
    );
    assert_eq!(changed["options"], json!({"region": "eu-west-1"}));
    assert_eq!((&changed["name"], &changed["credential"]), (&json!("landing"), &json!(null)));
    for refused in [
        json!({"options": {"secret_access_key": "x"}}),
        json!({"options": {"proxy_url": "http://x/"}}),
        json!({"options": {"path_style": "maybe"}}),
        json!({"url": "s3://other/"}),
        json!({"options": null}),
    ] {
        assert_eq!(
            rest.refusal("PATCH", &location, Some(&refused)),
            "invalid_argument",
            "{refused}"
        );
    }
    let changed = rest.patch(&credential, json!({"name": "ambient", "secrets": null}));
    assert_eq!((&changed["is_ambient"], &changed["secret_names"]), (&json!(true), &json!([])));
    rest.delete(&credential);
    rest.delete(&location);
    assert_eq!(rest.refusal("GET", &location, None), "object_not_found");
    assert_eq!(rest.refusal("GET", &credential, None), "object_not_found");
    server.assert_unharmed();
}

fn secrets_come_in_and_never_out() {
    let mut server = Server::start();
    let rest = Rest::admin(&server);
    let secret = "correct-and-hidden-4711";
    let mut told = String::new();
    let new = json!({"name": "keys", "type": "s3",
                     "secrets": {"access_key_id": "id", "secret_access_key": secret}});
    told += &rest.post("/api/v1/credentials", new).to_string();
    told += &rest.post("/api/v1/users", json!({"name": "dora", "password": secret})).to_string();
    let (keys, dora) = (rest.path_of("credentials", "keys"), rest.path_of("users", "dora"));
    let new = json!({"secrets": {"secret_access_key": format!("{secret}x")}});
    told += &rest.patch(&keys, new).to_string();
    told += &rest.patch(&dora, json!({"password": format!("{secret}x")})).to_string();
    told += &rest.get("/api/v1/credentials").to_string();
    told += &rest.get("/api/v1/users").to_string();
    for (method, path, wrong) in [
        ("POST", "/api/v1/users", json!({"name": "eve", "password": [secret]})),
        ("POST", "/api/v1/users", json!({"name": "eve", "password": {secret: 1}})),
        ("POST", "/api/v1/credentials", json!({"name": "k", "type": "s3", "secrets": secret})),
        (
            "POST",
            "/api/v1/credentials",
            json!({"name": "k", "type": "s3", "secrets": {"proxy_url": secret}}),
        ),
        ("PATCH", &keys, json!({"secrets": {"secret_access_key": [secret]}})),
        ("PATCH", &dora, json!({"password": {"is": secret}})),
    ] {
        let answer = rest.send(method, path, &[], Some(&wrong));
        assert_eq!(answer.status, 400, "{method} {path} {answer:?}");
        told += &answer.body;
    }
    told += &server.http().get("/api/v1/queries").unwrap().body;
    told += &server.http().get("/metrics").unwrap().body;
    assert!(!told.contains(secret), "{told}");
    assert!(!server.process().log_contains(secret));
    server.assert_unharmed();
}

fn what_was_made_is_answered_also_when_it_is_renamed_at_once() {
    const ROUNDS: usize = 25;
    let mut server = Server::start();
    let (rest, other) = (Rest::admin(&server), Rest::admin(&server));
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        let renamer = scope.spawn(|| {
            let mut renamed = 0;
            while !is_done.load(Ordering::Relaxed) {
                let found = other.get("/api/v1/projects?name=new")["items"].clone();
                for project in found.as_array().unwrap() {
                    let path = format!("/api/v1/projects/{}", project["id"].as_str().unwrap());
                    let name = json!({"name": format!("renamed {renamed}")});
                    other.patch(&path, name);
                    renamed += 1;
                }
            }
        });
        for _ in 0..ROUNDS {
            let made = rest.post("/api/v1/projects", json!({"name": "new"}));
            let path = format!("/api/v1/projects/{}", made["id"].as_str().unwrap());
            wait::until("the project to be renamed", Duration::from_secs(20), || {
                match rest.get(&path)["name"].as_str() {
                    Some("new") => Err("it is not".to_string()),
                    _ => Ok(()),
                }
            });
        }
        is_done.store(true, Ordering::Relaxed);
        renamer.join().unwrap();
    });
    server.assert_unharmed();
}
