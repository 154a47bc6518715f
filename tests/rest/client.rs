//! A client that holds every answer against the document.

use std::fs;
use std::sync::LazyLock;

use lakegate_tests::http::{Answer, Http};
use lakegate_tests::{Server, binary};
use serde_json::{Value, json};

use crate::schema;

/// The document as it is committed.
pub(crate) static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    let path = binary::workspace().join("docs/user/openapi.json");
    fs::read_to_string(path).expect("the document is there")
});

/// The document, read.
pub(crate) static PARSED: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(&DOCUMENT).expect("the document is JSON"));

/// An identifier that nothing has.
pub(crate) const NOBODY: &str = "01890000-0000-7000-8000-000000000000";

/// Speaks to one server as one user.
pub(crate) struct Rest {
    http: Http,
}

impl Rest {
    /// As the admin.
    pub(crate) fn admin(server: &Server) -> Self {
        Self { http: server.http() }
    }

    /// As another user.
    pub(crate) fn user(server: &Server, name: &str, password: &str) -> Self {
        Self { http: Http::new(server.address(), name, password) }
    }

    /// Sends a request, and checks that the document tells of such an answer.
    #[track_caller]
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        let text = body.map(Value::to_string);
        let mut all = headers.to_vec();
        if text.is_some() {
            all.push(("content-type", "application/json"));
        }
        let answer = self.http.send(method, path, &all, text.as_deref()).expect("HTTP answers");
        check(method, path, &answer);
        answer
    }

    /// GET; what is there.
    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Value {
        self.expect("GET", path, None, 200).json()
    }

    /// POST; what was made.
    #[track_caller]
    pub(crate) fn post(&self, path: &str, body: Value) -> Value {
        let answer = self.expect("POST", path, Some(&body), 201);
        let made = answer.json();
        let place = format!("{path}/{}", made["id"].as_str().expect("an identifier"));
        assert_eq!(answer.header("location"), place);
        made
    }

    /// PATCH; what is there then.
    #[track_caller]
    pub(crate) fn patch(&self, path: &str, body: Value) -> Value {
        self.expect("PATCH", path, Some(&body), 200).json()
    }

    /// DELETE.
    #[track_caller]
    pub(crate) fn delete(&self, path: &str) {
        self.expect("DELETE", path, None, 204);
    }

    /// The code of a refusal.
    #[track_caller]
    pub(crate) fn refusal(&self, method: &str, path: &str, body: Option<&Value>) -> String {
        let answer = self.send(method, path, &[], body);
        assert!(answer.status >= 400, "{method} {path}: {answer:?}");
        answer.json()["code"].as_str().unwrap().to_string()
    }

    /// The only object of a list.
    #[track_caller]
    pub(crate) fn only(&self, path: &str) -> Value {
        let page = self.get(path);
        let items = page["items"].as_array().unwrap();
        assert_eq!(items.len(), 1, "{path}: {page}");
        items[0].clone()
    }

    /// The path of an object of a kind by its name.
    #[track_caller]
    pub(crate) fn path_of(&self, kind: &str, name: &str) -> String {
        let found = self.only(&format!("/api/v1/{kind}?name={name}"));
        format!("/api/v1/{kind}/{}", found["id"].as_str().unwrap())
    }

    #[track_caller]
    fn expect(&self, method: &str, path: &str, body: Option<&Value>, status: u16) -> Answer {
        let answer = self.send(method, path, &[], body);
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        answer
    }

    /// The client below, for requests that the document does not tell of.
    pub(crate) fn http(&self) -> &Http {
        &self.http
    }
}

/// Checks an answer against what the document tells of the operation.
#[track_caller]
pub(crate) fn check(method: &str, path: &str, answer: &Answer) {
    let path = path.split('?').next().unwrap();
    let operation = operation(method, path);
    let status = answer.status.to_string();
    let told = operation["responses"].get(&status);
    if answer.status < 400 {
        assert!(told.is_some(), "{method} {path}: {status} is not documented");
    }
    let response = told.unwrap_or(&operation["responses"]["default"]);
    for (name, _) in response["headers"].as_object().into_iter().flatten() {
        assert!(!answer.header(name).is_empty(), "{method} {path} {status} lacks {name}");
    }
    let Some(content) = response.get("content") else {
        assert!(answer.body.is_empty(), "{method} {path} {status}: {}", answer.body);
        return;
    };
    let content_type = answer.header("content-type").split(';').next().unwrap().trim();
    let media = content.get(content_type);
    let media = media.unwrap_or_else(|| panic!("{method} {path} {status}: {content_type}"));
    let value = if content_type.ends_with("json") { answer.json() } else { json!(answer.body) };
    schema::check(&PARSED, &media["schema"], &value, &format!("{method} {path} {status}"));
}

/// The operation of the document that a request is one of.
#[track_caller]
fn operation(method: &str, path: &str) -> &'static Value {
    let paths = PARSED["paths"].as_object().unwrap();
    let matches = |template: &str| {
        let (one, other): (Vec<_>, Vec<_>) =
            (template.split('/').collect(), path.split('/').collect());
        one.len() == other.len()
            && one.iter().zip(&other).all(|(one, other)| one.starts_with('{') || one == other)
    };
    let item = paths.iter().find(|(template, _)| matches(template));
    let (_, item) = item.unwrap_or_else(|| panic!("{path} is not documented"));
    let operation = item.get(method.to_lowercase());
    operation.unwrap_or_else(|| panic!("{method} {path} is not documented"))
}
