//! A server with executors on one machine, and what `/api/v1/cluster` tells of them.

use std::time::Duration;

use serde_json::Value;

use crate::executor::{self, Executor};
use crate::server::{self, Server};
use crate::wait;

/// How long executors may take to join.
pub const JOIN_DEADLINE: Duration = Duration::from_secs(60);

/// One executor as the server lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The executor's identifier.
    pub id: String,
    /// Where other members reach it.
    pub address: String,
    /// Tasks it takes at a time.
    pub cores: u64,
    /// Its memory limit in bytes.
    pub memory_bytes: u64,
    /// `active`, `draining` or `lost`.
    pub state: String,
    /// Tasks that run on it now.
    pub running_tasks: u64,
}

impl Member {
    fn from_json(value: &Value) -> Self {
        let text = |key: &str| value[key].as_str().map(str::to_owned);
        let number = |key: &str| value[key].as_u64();
        let read = || {
            Some(Self {
                id: text("id")?,
                address: text("address")?,
                cores: number("cores")?,
                memory_bytes: number("memory_bytes")?,
                state: text("state")?,
                running_tasks: number("running_tasks")?,
            })
        };
        read().unwrap_or_else(|| panic!("an executor lacks a field: {value}"))
    }
}

/// The executors that a server lists now.
///
/// # Panics
/// When the server does not answer in the promised form.
#[track_caller]
pub fn members(server: &Server) -> Vec<Member> {
    let answer = server.http().get("/api/v1/cluster").expect("/api/v1/cluster answers");
    assert_eq!(answer.status, 200, "/api/v1/cluster: {}", answer.body);
    let value = answer.json();
    let list = value["executors"].as_array().unwrap_or_else(|| panic!("no executors in {value}"));
    list.iter().map(Member::from_json).collect()
}

/// Waits until exactly `count` executors are active.
///
/// # Panics
/// When the deadline passes first.
#[track_caller]
pub fn wait_for_active(server: &Server, count: usize, deadline: Duration) {
    wait::until(&format!("{count} active executors"), deadline, || {
        let members = members(server);
        let active = members.iter().filter(|member| member.state == "active").count();
        if active == count { Ok(()) } else { Err(format!("{members:?}")) }
    });
}

/// A server and its executors, all on the loopback address.
pub struct Cluster {
    /// The server, with its cluster port open.
    pub server: Server,
    /// The executors, in the order they were started.
    pub executors: Vec<Executor>,
}

impl Cluster {
    /// Starts a server with `count` executors of one core each and waits until they have joined.
    pub fn start(count: usize) -> Self {
        Self::start_with(server::Options::default(), count)
    }

    /// As [`Cluster::start`], with a server of one's own making.
    pub fn start_with(options: server::Options, count: usize) -> Self {
        let server = options.with_cluster().start();
        let mut cluster = Self { server, executors: Vec::new() };
        for _ in 0..count {
            cluster.add_executor();
        }
        cluster.wait_for_active(count);
        cluster
    }

    /// Starts one more executor of one core; does not wait until it has joined.
    pub fn add_executor(&mut self) {
        let name = format!("executor {}", self.executors.len());
        let options = executor::Options::new(self.server.cluster_address());
        self.executors.push(options.with_arguments(&["--cores", "1"]).start(&name));
    }

    /// Kills an executor (SIGKILL) and starts another in its place, without waiting for either.
    pub fn replace_executor(&mut self, index: usize) {
        self.executors[index].kill();
        let options = executor::Options::new(self.server.cluster_address());
        let name = format!("executor {index}, replaced");
        self.executors[index] = options.with_arguments(&["--cores", "1"]).start(&name);
    }

    /// Waits until exactly `count` executors are active.
    #[track_caller]
    pub fn wait_for_active(&self, count: usize) {
        wait_for_active(&self.server, count, JOIN_DEADLINE);
    }
}
