//! Wrong requests: each a problem document with its code.

use lakegate_tests::http::Answer;
use lakegate_tests::server::Options;
use lakegate_tests::{Server, tests};
use libtest_mimic::Trial;
use serde_json::json;

use crate::client::{NOBODY, PARSED, Rest, check};
use crate::schema;

pub(crate) fn tests() -> Vec<Trial> {
    tests![
        paths_and_methods_that_are_none_are_problems,
        bodies_that_are_none_are_problems,
        a_body_that_is_too_large_is_refused,
        identifiers_that_are_none_are_refused,
        without_a_login_nothing_is_told,
        what_the_catalog_refuses_is_told_with_its_code,
    ]
}

/// Checks that an answer is a problem, and gives back its code.
#[track_caller]
fn problem(answer: &Answer, status: u16) -> String {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let problem = answer.json();
    let of = json!({"$ref": "#/components/schemas/Problem"});
    schema::check(&PARSED, &of, &problem, "problem");
    assert_eq!(problem["status"], status);
    let code = problem["code"].as_str().unwrap().to_string();
    assert_eq!(problem["type"], format!("urn:lakegate:error:{code}"));
    code
}

fn paths_and_methods_that_are_none_are_problems() {
    let server = Server::start();
    let http = server.http();
    for path in
        ["/api/v1/nothing", "/api/v1/projects/", "/api/v2/projects", "/", "/api/v1/roles/x/y"]
    {
        let answer = http.get(path).unwrap();
        assert_eq!(problem(&answer, 404), "invalid_argument", "{path}");
    }
    for (method, path, allowed) in [
        ("PUT", "/api/v1/projects", "GET,HEAD,POST"),
        ("POST", "/healthz", "GET,HEAD"),
        ("DELETE", "/api/v1/info", "GET,HEAD"),
    ] {
        let answer =
            http.send(method, path, &[], if method == "DELETE" { None } else { Some("") }).unwrap();
        assert_eq!(problem(&answer, 405), "invalid_argument", "{method} {path}");
        assert_eq!(answer.header("allow"), allowed, "{method} {path}");
    }
}

fn bodies_that_are_none_are_problems() {
    let mut server = Server::start();
    let http = server.http();
    let json_type = [("content-type", "application/json")];
    let nested = "[".repeat(100_000);
    for body in [
        "",
        "{",
        "nonsense",
        "null",
        "[]",
        "{}",
        "4711",
        &nested,
        r#"{"name": 1}"#,
        r#"{"name": null}"#,
        r#"{"name": "a", "nonsense": 1}"#,
        r#"{"name": "a", "name": "b"}"#,
        r#"{"name": "a"} {}"#,
        r#"{"name": "a", "properties": {"n": 1}}"#,
        r#"{"name": "a", "properties": []}"#,
        r#"{"name": ""}"#,
        r#"{"name": "a\nb"}"#,
        r#"{"name": "a", "comment": "\u0000"}"#,
        r#"{"name": "a", "location": "s3://b/../c"}"#,
    ] {
        let answer = http.send("POST", "/api/v1/projects", &json_type, Some(body)).unwrap();
        check("POST", "/api/v1/projects", &answer);
        let shown: String = body.chars().take(60).collect();
        assert_eq!(problem(&answer, 400), "invalid_argument", "{shown}");
    }
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonp"]
    {
        let headers = [("content-type", content_type)];
        let body = Some(r#"{"name": "a"}"#);
        let answer = http.send("POST", "/api/v1/projects", &headers, body).unwrap();
        assert_eq!(problem(&answer, 415), "invalid_argument", "{content_type}");
    }
    let answer = http.send(
        "PATCH",
        &format!("/api/v1/projects/{NOBODY}"),
        &[("content-type", "application/merge-patch+json; charset=utf-8")],
        Some("{}"),
    );
    assert_eq!(problem(&answer.unwrap(), 404), "project_not_found");
    server.assert_unharmed();
}

fn a_body_that_is_too_large_is_refused() {
    let options = Options::default().with_variable("LAKEGATE_LIMITS__BODY_BYTES", "64KiB");
    let mut server = options.start();
    let rest = Rest::admin(&server);
    let body = |bytes: usize| json!({"name": "a", "properties": {"text": "x".repeat(bytes)}});
    let answer = rest.send("POST", "/api/v1/projects", &[], Some(&body(65 << 10)));
    assert_eq!(problem(&answer, 413), "limit_exceeded");
    assert!(answer.body.contains("65536 bytes"), "{answer:?}");
    rest.post("/api/v1/projects", body(60 << 10));
    server.assert_unharmed();
}

fn identifiers_that_are_none_are_refused() {
    let server = Server::start();
    let rest = Rest::admin(&server);
    for kind in
        ["projects", "schemas", "datasets", "locations", "credentials", "users", "roles", "grants"]
    {
        for id in ["nonsense", "..%2F..", "%FF", &"1".repeat(5_000)] {
            let answer = rest.http().get(&format!("/api/v1/{kind}/{id}")).unwrap();
            assert_eq!(problem(&answer, 400), "invalid_argument", "{kind} {id}");
        }
        let answer = rest.send("GET", &format!("/api/v1/{kind}/{NOBODY}"), &[], None);
        problem(&answer, 404);
        assert!(!answer.body.contains(NOBODY), "{answer:?}");
    }
    let schema = json!({"name": "s", "project_id": "nonsense"});
    assert_eq!(rest.refusal("POST", "/api/v1/schemas", Some(&schema)), "invalid_argument");
    let schema = json!({"name": "s", "project_id": NOBODY});
    assert_eq!(rest.refusal("POST", "/api/v1/schemas", Some(&schema)), "project_not_found");
}

fn without_a_login_nothing_is_told() {
    let server = Server::start();
    let stranger = Rest::user(&server, "admin", "wrong");
    for path in ["/api/v1/projects", "/api/v1/openapi.json", "/api/v1/projects/nonsense"] {
        let answer = stranger.http().get_without_credentials(path).unwrap();
        assert_eq!(problem(&answer, 401), "unauthenticated", "{path}");
        assert!(answer.header("www-authenticate").contains("Basic"));
    }
    assert_eq!(stranger.refusal("GET", "/api/v1/projects", None), "unauthenticated");
    let new = json!({"nonsense": 1});
    assert_eq!(stranger.refusal("POST", "/api/v1/projects", Some(&new)), "unauthenticated");
}

fn what_the_catalog_refuses_is_told_with_its_code() {
    let mut server = Server::start();
    let rest = Rest::admin(&server);
    let default = rest.path_of("projects", "lakegate");
    for (method, path, body, status, code) in [
        ("POST", "/api/v1/projects", Some(json!({"name": "lakegate"})), 409, "already_exists"),
        ("POST", "/api/v1/roles", Some(json!({"name": "admin"})), 409, "already_exists"),
        ("DELETE", &default, None, 400, "invalid_argument"),
        ("PATCH", &default, Some(json!({"name": "other"})), 400, "invalid_argument"),
        (
            "POST",
            "/api/v1/projects",
            Some(json!({"name": "a", "comment": "x".repeat(17 << 10)})),
            429,
            "limit_exceeded",
        ),
        (
            "POST",
            "/api/v1/locations",
            Some(json!({"name": "l", "url": "s3://b/", "credential": "none"})),
            404,
            "object_not_found",
        ),
        (
            "POST",
            "/api/v1/locations",
            Some(json!({"name": "l", "url": "s3://b/", "options": {"secret": "x"}})),
            400,
            "invalid_argument",
        ),
        (
            "POST",
            "/api/v1/credentials",
            Some(json!({"name": "c", "type": "ftp"})),
            400,
            "invalid_argument",
        ),
    ] {
        let answer = rest.send(method, path, &[], body.as_ref());
        assert_eq!(problem(&answer, status), code, "{method} {path} {body:?}");
    }
    assert_eq!(
        rest.get("/api/v1/projects")["items"].as_array().unwrap().len(),
        1,
        "nothing half made"
    );
    server.assert_unharmed();
}
