//! Lists in pages: bounded, and right while others change what is listed.

use lakegate_tests::{Server, tests};
use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::client::Rest;

pub(crate) fn tests() -> Vec<Trial> {
    tests![
        pages_hold_everything_once,
        renaming_making_and_deleting_between_pages_moves_nothing,
        limits_and_cursors_that_are_none_are_refused,
    ]
}

fn roles(rest: &Rest, count: usize) -> Vec<String> {
    let role = |n: usize| rest.post("/api/v1/roles", json!({"name": format!("r{n}")}));
    (0..count).map(|n| role(n)["id"].as_str().unwrap().to_string()).collect()
}

/// All identifiers, page by page; `between` is called before each page but the first.
fn walk(rest: &Rest, path: &str, mut between: impl FnMut(usize)) -> Vec<String> {
    let mut ids = Vec::new();
    let mut next = Value::Null;
    for number in 0.. {
        let page = match next.as_str() {
            Some(cursor) => {
                between(number);
                rest.get(&format!("{path}&cursor={cursor}"))
            }
            None => rest.get(path),
        };
        let items = page["items"].as_array().unwrap();
        ids.extend(items.iter().map(|item| item["id"].as_str().unwrap().to_string()));
        next = page["next_cursor"].clone();
        if next.is_null() {
            break;
        }
    }
    ids
}

fn pages_hold_everything_once() {
    let server = Server::start();
    let rest = Rest::admin(&server);
    let all = roles(&rest, 23);
    for limit in [1, 5, 22, 23, 24, 1000] {
        let path = format!("/api/v1/roles?limit={limit}");
        assert_eq!(walk(&rest, &path, |_| {}), all, "{limit}");
        let first = rest.get(&path);
        assert_eq!(first["items"].as_array().unwrap().len(), limit.min(23));
    }
    assert_eq!(rest.get("/api/v1/roles")["next_cursor"], Value::Null);
}

fn renaming_making_and_deleting_between_pages_moves_nothing() {
    let mut server = Server::start();
    let rest = Rest::admin(&server);
    let all = roles(&rest, 20);
    let walked = walk(&rest, "/api/v1/roles?limit=4", |page| {
        // Names that sort before and behind all others, one that is gone and one that is new.
        rest.patch(&format!("/api/v1/roles/{}", all[page]), json!({"name": format!("a{page}")}));
        let last = &all[all.len() - page];
        rest.patch(&format!("/api/v1/roles/{last}"), json!({"name": format!("z{page}")}));
        rest.delete(&format!(
            "/api/v1/roles/{}",
            rest.post("/api/v1/roles", json!({"name": "short"}))["id"].as_str().unwrap()
        ));
        rest.post("/api/v1/roles", json!({"name": format!("m{page}")}));
    });
    assert_eq!(walked[..20], all, "what was there all the time comes once");
    let mut unique = walked.clone();
    unique.dedup();
    assert_eq!(unique, walked);
    server.assert_unharmed();
}

fn limits_and_cursors_that_are_none_are_refused() {
    let mut server = Server::start();
    let rest = Rest::admin(&server);
    roles(&rest, 2);
    let cursor = rest.get("/api/v1/roles?limit=1")["next_cursor"].as_str().unwrap().to_string();
    for query in [
        "limit=0".to_string(),
        "limit=1001".to_string(),
        "limit=-1".to_string(),
        "limit=".to_string(),
        "limit=99999999999999999999".to_string(),
        "cursor=".to_string(),
        "cursor=%25%25".to_string(),
        format!("cursor={cursor}x"),
        "nonsense=1".to_string(),
        "limit=1&limit=2".to_string(),
        "role_id=nonsense".to_string(),
    ] {
        let path = format!("/api/v1/roles?{query}");
        assert_eq!(rest.refusal("GET", &path, None), "invalid_argument", "{query}");
    }
    let of_roles = format!("/api/v1/users?cursor={cursor}");
    assert_eq!(rest.refusal("GET", &of_roles, None), "invalid_argument");
    assert_eq!(rest.only(&format!("/api/v1/roles?cursor={cursor}"))["name"], "r1");
    server.assert_unharmed();
}
