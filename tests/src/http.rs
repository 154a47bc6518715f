//! The HTTP side of the client port, as a script would use it.

use std::io::Write as _;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// How long one request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// An answer: the HTTP status, the headers and the body as text.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status code.
    pub status: u16,
    /// The headers.
    pub headers: ureq::http::HeaderMap,
    /// The whole body.
    pub body: String,
}

impl Answer {
    /// The value of a header; empty where it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is not JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| {
            panic!("status {}, not JSON ({error}): {}", self.status, self.body)
        })
    }
}

/// Speaks HTTP to one server with one set of credentials.
#[derive(Debug, Clone)]
pub struct Http {
    base: String,
    authorization: String,
    agent: ureq::Agent,
}

impl Http {
    /// For the server at `address` (`host:port`), with Basic credentials on every request.
    pub fn new(address: &str, user: &str, password: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(REQUEST_TIMEOUT))
            .build();
        Self {
            base: format!("http://{address}"),
            authorization: format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))),
            agent: config.into(),
        }
    }

    /// GET of a path.
    ///
    /// # Errors
    /// When no answer came, as text.
    pub fn get(&self, path: &str) -> Result<Answer, String> {
        let request = self.agent.get(format!("{}{path}", self.base));
        answer(request.header("authorization", &self.authorization).call())
    }

    /// Any request to a path; the body goes as it is.
    ///
    /// # Errors
    /// When no answer came, as text.
    pub fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Result<Answer, String> {
        let uri = format!("{}{path}", self.base);
        let mut request = ureq::http::Request::builder().method(method).uri(uri);
        request = request.header("authorization", &self.authorization);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(match body {
            Some(body) => self.agent.run(request.body(body).map_err(|error| error.to_string())?),
            None => self.agent.run(request.body(()).map_err(|error| error.to_string())?),
        })
    }

    /// Sends a request without a body and goes away after so long, whatever the server does then.
    ///
    /// # Errors
    /// When the server cannot be reached, as text.
    pub fn send_and_leave(
        &self,
        method: &str,
        path: &str,
        patience: Duration,
    ) -> Result<(), String> {
        let address = self.base.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).map_err(|error| error.to_string())?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: {}\r\n\r\n",
            self.authorization
        );
        stream.write_all(head.as_bytes()).map_err(|error| error.to_string())?;
        thread::sleep(patience);
        Ok(())
    }

    /// GET of a path without credentials.
    ///
    /// # Errors
    /// When no answer came, as text.
    pub fn get_without_credentials(&self, path: &str) -> Result<Answer, String> {
        answer(self.agent.get(format!("{}{path}", self.base)).call())
    }

    /// DELETE of a path.
    ///
    /// # Errors
    /// When no answer came, as text.
    pub fn delete(&self, path: &str) -> Result<Answer, String> {
        let request = self.agent.delete(format!("{}{path}", self.base));
        answer(request.header("authorization", &self.authorization).call())
    }
}

fn answer(result: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Answer, String> {
    let mut response = result.map_err(|error| error.to_string())?;
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let body = response.body_mut().read_to_string().map_err(|error| error.to_string())?;
    Ok(Answer { status, headers, body })
}
