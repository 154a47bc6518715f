//! The part of the HTTP interface that a client needs: how far a query is, and its cancellation.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::connection::Shared;
use crate::{Client, Error};

/// How long a request may take, from connecting to the last byte of the answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// HTTP 401, which a token past its time gets.
const UNAUTHORIZED: u16 = 401;

/// How far a query is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct QueryProgress {
    /// The query.
    pub query_id: String,
    /// `planning`, `running`, `finished`, `failed` or `cancelled`.
    pub state: String,
    /// Where it runs: `local`, `durable` or `metadata`; `None` before that is decided.
    pub tier: Option<String>,
    /// Time since the server took the query, in milliseconds.
    pub elapsed_ms: u64,
    /// Rows made so far.
    pub rows: u64,
    /// The stages, in the order of their identifiers; empty where the query has none.
    pub stages: Vec<StageProgress>,
    /// Why it failed, if it did.
    pub error: Option<QueryFailure>,
}

/// How far a stage is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct StageProgress {
    /// The stage within its query.
    pub stage_id: u64,
    /// Number of tasks.
    pub tasks: u64,
    /// Number of tasks that have finished.
    pub tasks_done: u64,
}

/// Why a query failed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct QueryFailure {
    /// The stable code.
    pub code: String,
    /// The text.
    pub message: String,
}

/// A refusal in the form of RFC 9457.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Problem {
    title: String,
    code: String,
    detail: String,
    hint: Option<String>,
}

/// What a request does to a query.
#[derive(Debug, Clone, Copy)]
enum Method {
    Get,
    Delete,
}

/// A client of the HTTP interface with the token of the Flight connection.
pub(crate) struct Rest {
    connection: Shared,
    agent: ureq::Agent,
}

impl Client {
    /// Asks how far a query is.
    ///
    /// # Errors
    /// `query_not_found` for an identifier that the server does not know or no longer keeps.
    pub async fn progress(&self, query_id: &str) -> Result<QueryProgress, Error> {
        let mut body = self.rest().send(Method::Get, query_id).await?;
        body.read_json()
            .map_err(|source| Error::Decode { what: "the progress", source: Box::new(source) })
    }

    /// Cancels a query that may still be running.
    ///
    /// # Errors
    /// `query_not_found` for an identifier that the server does not know or no longer keeps.
    pub async fn cancel(&self, query_id: &str) -> Result<(), Error> {
        self.rest().send(Method::Delete, query_id).await.map(drop)
    }
}

impl Rest {
    /// Makes the client; nothing is opened yet.
    pub(crate) fn new(connection: Shared) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(REQUEST_TIMEOUT))
            .http_status_as_error(false)
            .proxy(None)
            .build();
        Self { connection, agent: config.into() }
    }

    /// Sends one request; with a token that expired, logs in again and sends it once more.
    async fn send(self: &Arc<Self>, method: Method, query_id: &str) -> Result<ureq::Body, Error> {
        let is_id_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if query_id.is_empty() || !query_id.chars().all(is_id_part) {
            return Err(Error::Server {
                code: "query_not_found".to_string(),
                message: format!("{query_id:?} is no query identifier"),
                hint: None,
            });
        }
        let path = format!("/api/v1/queries/{query_id}");
        let bearer = self.connection.bearer();
        let mut response = self.request(method, &path, bearer.header()).await?;
        if response.status().as_u16() == UNAUTHORIZED {
            let renewed = self.connection.renew(&bearer).await?;
            response = self.request(method, &path, renewed.header()).await?;
        }
        if response.status().is_success() {
            return Ok(response.into_body());
        }
        Err(refusal(response))
    }

    /// Sends one request from a thread that may wait.
    async fn request(
        self: &Arc<Self>,
        method: Method,
        path: &str,
        authorization: String,
    ) -> Result<ureq::http::Response<ureq::Body>, Error> {
        let url = format!("{}{path}", self.connection.url().http());
        let agent = self.agent.clone();
        let sending = tokio::task::spawn_blocking(move || match method {
            Method::Get => agent.get(&url).header("authorization", authorization).call(),
            Method::Delete => agent.delete(&url).header("authorization", authorization).call(),
        });
        let failed = |source: Box<dyn StdError + Send + Sync>| Error::Http {
            path: path.to_string(),
            source,
        };
        sending
            .await
            .map_err(|source| failed(Box::new(source)))?
            .map_err(|source| failed(Box::new(source)))
    }
}

/// Makes an error of an answer that is no success.
fn refusal(mut response: ureq::http::Response<ureq::Body>) -> Error {
    let status = response.status();
    let problem: Problem = response.body_mut().read_json().unwrap_or_default();
    let message = [problem.detail, problem.title]
        .into_iter()
        .find(|text| !text.is_empty())
        .unwrap_or_else(|| format!("HTTP status {status}"));
    let code = if problem.code.is_empty() { "internal".to_string() } else { problem.code };
    Error::Server { code, message, hint: problem.hint }
}
