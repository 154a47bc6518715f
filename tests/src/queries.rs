//! What the server tells of its queries under `/api/v1/queries`.

use std::time::Duration;

use serde_json::Value;

use crate::http::{Answer, Http};
use crate::wait;

/// Reads and cancels queries over HTTP.
#[derive(Debug, Clone)]
pub struct Queries {
    http: Http,
}

impl Queries {
    /// Over one server's HTTP side.
    pub fn new(http: Http) -> Self {
        Self { http }
    }

    /// The recent queries, in the order the server gives them.
    ///
    /// # Panics
    /// When the server does not answer with a list of queries.
    #[track_caller]
    pub fn recent(&self) -> Vec<Value> {
        let answer = self.http.get("/api/v1/queries").expect("/api/v1/queries answers");
        assert_eq!(answer.status, 200, "/api/v1/queries: {}", answer.body);
        match answer.json() {
            Value::Array(list) => list,
            value => match value["queries"].as_array() {
                Some(list) => list.clone(),
                None => panic!("no list of queries in {value}"),
            },
        }
    }

    /// One query, or `None` when the server does not know it.
    ///
    /// # Panics
    /// When the server answers neither 200 nor 404.
    #[track_caller]
    pub fn of(&self, query_id: &str) -> Option<Value> {
        let answer = self.http.get(&format!("/api/v1/queries/{query_id}")).expect("HTTP answers");
        match answer.status {
            200 => Some(answer.json()),
            404 => None,
            status => panic!("query {query_id}: status {status}: {}", answer.body),
        }
    }

    /// Asks the server to cancel a query.
    ///
    /// # Panics
    /// When no answer came.
    #[track_caller]
    pub fn cancel(&self, query_id: &str) -> Answer {
        self.http.delete(&format!("/api/v1/queries/{query_id}")).expect("HTTP answers")
    }

    /// The identifiers of the queries that are planned or run now.
    #[track_caller]
    pub fn active(&self) -> Vec<String> {
        let recent = self.recent();
        let active = recent.iter().filter(|query| matches!(state(query), "planning" | "running"));
        active.map(id).collect()
    }

    /// Waits until a query that was not active before is active, and answers its identifier.
    #[track_caller]
    pub fn wait_for_new(&self, before: &[String], deadline: Duration) -> String {
        wait::until("a new query to run", deadline, || {
            let active = self.active();
            match active.iter().find(|id| !before.contains(id)) {
                Some(id) => Ok(id.clone()),
                None => Err(format!("active: {active:?}")),
            }
        })
    }

    /// Waits until the query is in one of the given states, and answers what the server tells.
    #[track_caller]
    pub fn wait_for_state(&self, query_id: &str, states: &[&str], deadline: Duration) -> Value {
        wait::until(&format!("query {query_id} to be {states:?}"), deadline, || {
            let query = self.of(query_id).ok_or("unknown")?;
            if states.contains(&state(&query)) { Ok(query) } else { Err(query.to_string()) }
        })
    }

    /// Waits until no query is planned or run.
    #[track_caller]
    pub fn wait_until_idle(&self, deadline: Duration) {
        wait::until("no active query", deadline, || {
            let active = self.active();
            if active.is_empty() { Ok(()) } else { Err(format!("active: {active:?}")) }
        });
    }
}

/// The state of a query as the server tells it.
///
/// # Panics
/// When the field is missing.
#[track_caller]
pub fn state(query: &Value) -> &str {
    query["state"].as_str().unwrap_or_else(|| panic!("no state in {query}"))
}

/// How many tasks of a query are done, over all its stages.
pub fn tasks_done(query: &Value) -> u64 {
    let stages = query["stages"].as_array().map_or(&[][..], Vec::as_slice);
    stages.iter().filter_map(|stage| stage["tasks_done"].as_u64()).sum()
}

/// How many stages of a query have all their tasks done.
pub fn stages_done(query: &Value) -> usize {
    let stages = query["stages"].as_array().map_or(&[][..], Vec::as_slice);
    let is_done = |stage: &&Value| {
        stage["tasks"].as_u64().is_some_and(|tasks| tasks > 0)
            && stage["tasks"].as_u64() == stage["tasks_done"].as_u64()
    };
    stages.iter().filter(is_done).count()
}

fn id(query: &Value) -> String {
    let id = query["query_id"].as_str().unwrap_or_else(|| panic!("no query_id in {query}"));
    id.to_owned()
}
