//! The document is that of the server, and tells of all that there is.

use std::fs;

use lakegate_tests::{Server, binary, tests};
use libtest_mimic::Trial;

use crate::client::{DOCUMENT, NOBODY, PARSED};

pub(crate) fn tests() -> Vec<Trial> {
    tests![
        the_document_is_that_of_the_server,
        what_is_documented_is_there_and_nothing_else_at_its_paths,
        every_reference_of_the_document_leads_somewhere,
    ]
}

/// With `LAKEGATE_RENEW=1` it writes the document anew instead.
fn the_document_is_that_of_the_server() {
    let server = Server::start();
    let served = server.http().get("/api/v1/openapi.json").unwrap().body;
    if std::env::var_os("LAKEGATE_RENEW").is_some() {
        fs::write(binary::workspace().join("docs/user/openapi.json"), served).unwrap();
        return;
    }
    assert!(
        served == *DOCUMENT,
        "docs/user/openapi.json is not what the server serves; \
         LAKEGATE_RENEW=1 cargo test --workspace --test rest -- the_document renews it"
    );
    assert_eq!(PARSED["openapi"], "3.1.0");
}

fn what_is_documented_is_there_and_nothing_else_at_its_paths() {
    let mut server = Server::start();
    let http = server.http();
    let mut operations = 0;
    for (template, item) in PARSED["paths"].as_object().unwrap() {
        let parts =
            template.split('/').map(|part| if part.starts_with('{') { NOBODY } else { part });
        let path = parts.collect::<Vec<_>>().join("/");
        for method in ["GET", "PUT", "POST", "DELETE", "PATCH"] {
            let is_documented = item.get(method.to_lowercase()).is_some();
            operations += usize::from(is_documented);
            let body = if ["GET", "DELETE"].contains(&method) { None } else { Some("") };
            let answer = http.send(method, &path, &[], body).unwrap();
            let is_there = answer.status != 405 && !answer.body.contains("there is nothing at");
            assert_eq!(is_documented, is_there, "{method} {path}: {answer:?}");
        }
        let needs_login = template.starts_with("/api/");
        let answer = http.get_without_credentials(&path);
        if item.get("get").is_some() {
            assert_eq!(answer.unwrap().status == 401, needs_login, "{path}");
        }
    }
    assert!(operations > 40, "only {operations} operations");
    server.assert_unharmed();
}

fn every_reference_of_the_document_leads_somewhere() {
    let mut references = 0;
    for line in DOCUMENT.lines() {
        let Some((_, rest)) = line.split_once("\"$ref\": \"#") else { continue };
        let pointer = rest.split('"').next().unwrap();
        assert!(PARSED.pointer(pointer).is_some(), "{pointer} leads nowhere");
        references += 1;
    }
    assert!(references > 40, "only {references} references");
}
