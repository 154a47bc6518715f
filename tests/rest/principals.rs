//! Users, roles, memberships and grants.

use std::time::Duration;

use lakegate_tests::sql::Sql;
use lakegate_tests::{Server, tests, wait};
use libtest_mimic::Trial;
use serde_json::json;

use crate::client::{NOBODY, Rest};
use crate::datasets::public;

pub(crate) fn tests() -> Vec<Trial> {
    tests![
        users_and_roles_live_and_die,
        a_grant_is_there_or_not,
        users_change_their_own_password_and_nothing_else,
        who_gives_something_away_is_told_so,
        another_password_is_a_change_of_the_user,
        a_session_ends_with_its_user_and_with_its_password,
    ]
}

fn users_and_roles_live_and_die() {
    let mut server = Server::start();
    let rest = Rest::admin(&server);
    let ann = rest
        .post("/api/v1/users", json!({"name": "ann", "password": "first", "comment": "of lab 3"}));
    assert_eq!((&ann["is_admin"], &ann["roles"]), (&json!(false), &json!([])));
    assert!(ann.get("password").is_none());
    let staff = rest.post("/api/v1/roles", json!({"name": "staff"}));
    let (user, role) = (rest.path_of("users", "ann"), rest.path_of("roles", "staff"));
    let member = format!("{role}/members/{}", ann["id"].as_str().unwrap());
    for _ in 0..2 {
        assert_eq!(rest.send("PUT", &member, &[], None).status, 204);
    }
    assert_eq!(rest.get(&user)["roles"], json!(["staff"]));
    let of_staff = format!("/api/v1/users?role_id={}", staff["id"].as_str().unwrap());
    assert_eq!(rest.only(&of_staff)["name"], "ann");
    // A user is no role, and a role no user.
    let id = ann["id"].as_str().unwrap();
    assert_eq!(rest.refusal("GET", &format!("/api/v1/roles/{id}"), None), "object_not_found");
    let itself = format!("{role}/members/{}", staff["id"].as_str().unwrap());
    assert_eq!(rest.refusal("PUT", &itself, None), "invalid_argument");
    let nobody = format!("{role}/members/{NOBODY}");
    assert_eq!(rest.refusal("PUT", &nobody, None), "object_not_found");
    for _ in 0..2 {
        rest.delete(&member);
    }
    assert_eq!(rest.get(&of_staff)["items"], json!([]));
    for (method, path, body) in [
        ("POST", "/api/v1/users", json!({"name": "eve", "password": ""})),
        ("PATCH", &user, json!({"password": ""})),
    ] {
        assert_eq!(rest.refusal(method, path, Some(&body)), "invalid_argument");
    }
    let changed = rest.patch(&user, json!({"is_admin": true, "password": "second"}));
    assert_eq!(changed["is_admin"], true);
    assert!(Sql::connect(&server.url(), "ann", "first").is_err());
    assert_eq!(Sql::connect(&server.url(), "ann", "second").unwrap().run("SELECT 1"), [["1"]]);
    let admin = rest.path_of("users", "admin");
    rest.delete(&user);
    rest.delete(&role);
    let last = json!({"is_admin": false});
    assert_eq!(rest.refusal("PATCH", &admin, Some(&last)), "invalid_argument");
    server.assert_unharmed();
}

fn a_grant_is_there_or_not() {
    let mut server = Server::start();
    let rest = Rest::admin(&server);
    rest.post("/api/v1/users", json!({"name": "ann", "password": "x"}));
    let ann = Rest::user(&server, "ann", "x");
    let schema = public(&rest);
    let new = json!({"grantee": "ann", "privilege": "select",
                     "object": {"type": "schema", "id": schema}});
    let made = rest.post("/api/v1/grants", new.clone());
    let again = rest.send("POST", "/api/v1/grants", &[], Some(&new));
    assert_eq!((again.status, again.json()), (200, made.clone()), "a grant is made once");
    let path = format!("/api/v1/grants/{}", made["id"].as_str().unwrap());
    assert_eq!(ann.only("/api/v1/grants"), made);
    assert_eq!(ann.only("/api/v1/schemas")["id"], schema);
    let on_schema = format!("/api/v1/grants?object_id={}", schema.as_str().unwrap());
    assert_eq!(rest.only(&format!("{on_schema}&grantee=ann&privilege=SELECT")), made);
    assert_eq!(rest.get(&format!("{on_schema}&privilege=own"))["items"], json!([]));
    assert_eq!(ann.refusal("DELETE", &path, None), "permission_denied");
    assert_eq!(rest.http().send("PATCH", &path, &[], Some("{}")).unwrap().status, 405);
    rest.delete(&path);
    assert_eq!(rest.refusal("GET", &path, None), "object_not_found");
    assert_eq!(ann.get("/api/v1/schemas")["items"], json!([]));
    for (new, code) in [
        (json!({"grantee": "bob", "privilege": "select"}), "object_not_found"),
        (json!({"grantee": "ann", "privilege": "read"}), "invalid_argument"),
        (json!({"grantee": "ann", "privilege": "all"}), "invalid_argument"),
    ] {
        let mut new = new;
        new["object"] = json!({"type": "schema", "id": schema});
        assert_eq!(rest.refusal("POST", "/api/v1/grants", Some(&new)), code, "{new}");
    }
    server.assert_unharmed();
}

fn users_change_their_own_password_and_nothing_else() {
    let server = Server::start();
    let rest = Rest::admin(&server);
    rest.post("/api/v1/users", json!({"name": "ann", "password": "first"}));
    let ann = Rest::user(&server, "ann", "first");
    let own = format!("/api/v1/users/{}", ann.only("/api/v1/users")["id"].as_str().unwrap());
    for refused in [
        json!({"is_admin": true}),
        json!({"is_admin": true, "password": "mine"}),
        json!({"name": "admin2"}),
        json!({}),
    ] {
        assert_eq!(ann.refusal("PATCH", &own, Some(&refused)), "permission_denied", "{refused}");
    }
    ann.patch(&own, json!({"password": "second"}));
    assert!(Sql::connect(&server.url(), "ann", "second").is_ok());
    let new = json!({"name": "eve", "password": "x", "is_admin": true});
    assert_eq!(ann.refusal("POST", "/api/v1/users", Some(&new)), "permission_denied");
}

fn who_gives_something_away_is_told_so() {
    let server = Server::start();
    let rest = Rest::admin(&server);
    rest.post("/api/v1/users", json!({"name": "ann", "password": "x"}));
    let staff = rest.post("/api/v1/roles", json!({"name": "staff"}));
    let ann_id = rest.only("/api/v1/users?name=ann")["id"].as_str().unwrap().to_string();
    let member = format!("/api/v1/roles/{}/members/{ann_id}", staff["id"].as_str().unwrap());
    rest.send("PUT", &member, &[], None);
    let object = json!({"type": "project", "id": rest.only("/api/v1/projects")["id"]});
    rest.post("/api/v1/grants", json!({"grantee": "ann", "privilege": "create", "object": object}));
    let ann = Rest::user(&server, "ann", "x");
    let new = json!({"project_id": object["id"], "name": "anns"});
    let made = ann.post("/api/v1/schemas", new);
    let path = format!("/api/v1/schemas/{}", made["id"].as_str().unwrap());
    assert_eq!(made["owners"], json!(["ann"]));
    // To a role of hers, which she still sees it through; not to somebody else.
    assert_eq!(ann.patch(&path, json!({"owner": "staff"}))["owners"], json!(["staff"]));
    let refused = json!({"owner": "admin"});
    assert_eq!(ann.refusal("PATCH", &path, Some(&refused)), "permission_denied");
}

fn another_password_is_a_change_of_the_user() {
    let server = Server::start();
    let rest = Rest::admin(&server);
    rest.post("/api/v1/users", json!({"name": "ann", "password": "first"}));
    let path = rest.path_of("users", "ann");
    let before = rest.send("GET", &path, &[], None);
    let changed = rest.send("PATCH", &path, &[], Some(&json!({"password": "second"})));
    assert_eq!(changed.status, 200, "{changed:?}");
    assert!(changed.json()["revision"].as_u64() > before.json()["revision"].as_u64());
    let (old, new) = (before.header("etag"), changed.header("etag"));
    assert_ne!(old, new);
    // Who has seen the user as it was overwrites no password that was set since.
    let third = json!({"password": "third"});
    assert_eq!(rest.send("PATCH", &path, &[("if-match", old)], Some(&third)).status, 412);
    assert!(Sql::connect(&server.url(), "ann", "second").is_ok());
    assert_eq!(rest.send("PATCH", &path, &[("if-match", new)], Some(&third)).status, 200);
}

/// How long what stands on a former password may go on.
const ENDED_WITHIN: Duration = Duration::from_secs(10);

fn a_session_ends_with_its_user_and_with_its_password() {
    let mut server = Server::start();
    let mut admin = server.connect();
    let ends = |mut session: Sql| {
        wait::until("the session to end", ENDED_WITHIN, || match session.rows("SELECT 1") {
            Ok(rows) => Err(format!("{rows:?}")),
            Err(error) => Ok(error.code().to_string()),
        })
    };
    for user in ["changed", "dropped", "other"] {
        admin.run(&format!("CREATE USER {user} PASSWORD 'first'"));
    }
    let login = |user: &str, password: &str| {
        Sql::connect(&server.url(), user, password).expect("the password is right")
    };
    let mut other = login("other", "first");
    let (changed, dropped) = (login("changed", "first"), login("dropped", "first"));
    admin.run("ALTER USER changed PASSWORD 'second'");
    admin.run("DROP USER dropped");
    assert_eq!(ends(changed), "unauthenticated");
    assert_eq!(ends(dropped), "unauthenticated");
    assert_eq!(login("changed", "second").run("SELECT 1"), [["1"]]);
    // What concerns others, or is no password, ends nothing.
    admin.run("COMMENT ON USER other IS 'of lab 3'");
    assert_eq!(other.run("SELECT 1"), [["1"]]);
    drop(other);
    server.assert_unharmed();
}
