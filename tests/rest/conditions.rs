//! `If-Match` and `If-None-Match`: nobody overwrites what they have not seen.

use std::thread;

use lakegate_tests::{Server, tests};
use libtest_mimic::Trial;
use serde_json::json;

use crate::client::Rest;

pub(crate) fn tests() -> Vec<Trial> {
    tests![
        what_is_known_already_does_not_come_again,
        a_change_of_what_has_changed_is_refused,
        what_the_caller_may_see_is_part_of_the_tag,
        of_many_that_change_the_same_none_is_lost,
        every_kind_of_object_keeps_to_its_tag,
    ]
}

fn path(rest: &Rest, name: &str) -> String {
    let made = rest.post("/api/v1/projects", json!({"name": name}));
    format!("/api/v1/projects/{}", made["id"].as_str().unwrap())
}

fn tag(rest: &Rest, path: &str) -> String {
    let answer = rest.send("GET", path, &[], None);
    let tag = answer.header("etag").to_string();
    assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 2, "a strong tag: {tag}");
    assert_eq!(answer.header("cache-control"), "private, no-cache");
    tag
}

fn what_is_known_already_does_not_come_again() {
    let server = Server::start();
    let rest = Rest::admin(&server);
    let path = path(&rest, "lab");
    let seen = tag(&rest, &path);
    for header in [seen.clone(), format!("\"x\", W/{seen}"), "*".to_string()] {
        let answer = rest.send("GET", &path, &[("if-none-match", &header)], None);
        assert_eq!((answer.status, answer.body.as_str()), (304, ""), "{header}");
        assert_eq!(answer.header("etag"), seen);
    }
    rest.patch(&path, json!({"comment": "new"}));
    assert_ne!(tag(&rest, &path), seen);
    assert_eq!(rest.send("GET", &path, &[("if-none-match", &seen)], None).status, 200);
    for wrong in ["x", "\"x", "*, \"x\""] {
        let answer = rest.send("GET", &path, &[("if-none-match", wrong)], None);
        assert_eq!((answer.status, &answer.json()["code"]), (400, &json!("invalid_argument")));
    }
}

fn a_change_of_what_has_changed_is_refused() {
    let mut server = Server::start();
    let rest = Rest::admin(&server);
    let path = path(&rest, "lab");
    let seen = tag(&rest, &path);
    let with = |method: &str, tag: &str, body| rest.send(method, &path, &[("if-match", tag)], body);
    let comment = json!({"comment": "mine"});
    let changed = with("PATCH", &seen, Some(&comment));
    assert_eq!(changed.status, 200);
    let now = changed.header("etag").to_string();
    assert_eq!(tag(&rest, &path), now);
    for old in [seen.as_str(), &format!("W/{now}"), "\"x\""] {
        for (method, body) in [("PATCH", Some(&comment)), ("DELETE", None)] {
            let refused = with(method, old, body);
            assert_eq!(refused.status, 412, "{method} {old}");
            assert_eq!(refused.json()["code"], "precondition_failed");
        }
    }
    assert_eq!(with("PATCH", &format!("\"x\", {now}"), Some(&comment)).status, 200);
    assert_eq!(with("PATCH", "*", Some(&comment)).status, 200);
    // A change by SQL is one too.
    let seen = tag(&rest, &path);
    server.connect().run("COMMENT ON PROJECT lab IS 'by sql'");
    assert_eq!(with("DELETE", &seen, None).status, 412);
    assert_eq!(with("DELETE", &tag(&rest, &path), None).status, 204);
    assert_eq!(with("DELETE", "*", None).status, 404);
    server.assert_unharmed();
}

fn what_the_caller_may_see_is_part_of_the_tag() {
    let server = Server::start();
    let rest = Rest::admin(&server);
    rest.post("/api/v1/users", json!({"name": "ann", "password": "x"}));
    let path = path(&rest, "lab");
    let object = json!({"type": "project", "id": rest.get(&path)["id"]});
    let grant = |privilege: &str| {
        rest.post(
            "/api/v1/grants",
            json!({"grantee": "ann", "privilege": privilege, "object": object}),
        )
    };
    grant("select");
    let ann = Rest::user(&server, "ann", "x");
    let seen = tag(&ann, &path);
    assert!(ann.get(&path).get("location").is_none());
    grant("manage");
    // She sees more of it now, so what she has is not all.
    assert_eq!(ann.send("GET", &path, &[("if-none-match", &seen)], None).status, 200);
    assert!(ann.get(&path).get("location").is_some());
    let comment = json!({"comment": "mine"});
    assert_eq!(ann.send("PATCH", &path, &[("if-match", &seen)], Some(&comment)).status, 412);
}

/// Eight clients count up one number, each by reading it and writing it back.
fn of_many_that_change_the_same_none_is_lost() {
    let mut server = Server::start();
    let rest = Rest::admin(&server);
    let made = rest.post("/api/v1/projects", json!({"name": "lab", "properties": {"n": "0"}}));
    let path = format!("/api/v1/projects/{}", made["id"].as_str().unwrap());
    let refused: usize = thread::scope(|scope| {
        let clients = (0..8).map(|_| scope.spawn(|| count_up(&rest, &path, 10)));
        let clients: Vec<_> = clients.collect();
        clients.into_iter().map(|client| client.join().unwrap()).sum()
    });
    assert_eq!(rest.get(&path)["properties"]["n"], "80");
    assert!(refused > 0, "nobody was ever in the way of another");
    server.assert_unharmed();
}

/// How often the number had changed since it was read.
fn count_up(rest: &Rest, path: &str, times: usize) -> usize {
    let (mut done, mut refused) = (0, 0);
    while done < times {
        let read = rest.send("GET", path, &[], None);
        let n: u32 = read.json()["properties"]["n"].as_str().unwrap().parse().unwrap();
        let more = json!({"properties": {"n": (n + 1).to_string()}});
        let answer = rest.send("PATCH", path, &[("if-match", read.header("etag"))], Some(&more));
        match answer.status {
            200 => done += 1,
            412 => refused += 1,
            _ => panic!("{answer:?}"),
        }
    }
    refused
}

fn every_kind_of_object_keeps_to_its_tag() {
    let server = Server::start();
    let rest = Rest::admin(&server);
    let schema = crate::datasets::public(&rest);
    let on_schema = json!({"type": "schema", "id": schema});
    let mut paths = Vec::new();
    for (kind, new) in [
        ("projects", json!({"name": "lab"})),
        (
            "schemas",
            json!({"name": "raw", "project_id": rest.only("/api/v1/projects?name=lakegate")["id"]}),
        ),
        ("datasets", json!({"name": "v", "schema_id": schema, "view": {"query": "SELECT 1 AS n"}})),
        ("locations", json!({"name": "raw", "url": "s3://bucket/"})),
        ("credentials", json!({"name": "keys", "type": "s3"})),
        ("users", json!({"name": "ann", "password": "x"})),
        ("roles", json!({"name": "staff"})),
        ("grants", json!({"grantee": "staff", "privilege": "select", "object": on_schema})),
    ] {
        let made = rest.post(&format!("/api/v1/{kind}"), new);
        paths.push(format!("/api/v1/{kind}/{}", made["id"].as_str().unwrap()));
    }
    for path in paths.iter().rev() {
        let old = tag(&rest, path);
        if !path.contains("grants") {
            let comment = json!({"comment": "new"});
            let answer = rest.send("PATCH", path, &[("if-match", &old)], Some(&comment));
            assert_eq!(answer.status, 200, "{path} {answer:?}");
            let answer = rest.send("PATCH", path, &[("if-match", &old)], Some(&comment));
            assert_eq!(answer.status, 412, "{path}");
        }
        assert_eq!(rest.send("DELETE", path, &[("if-match", "\"old\"")], None).status, 412);
        let now = tag(&rest, path);
        assert_eq!(rest.send("DELETE", path, &[("if-match", &now)], None).status, 204, "{path}");
    }
}
