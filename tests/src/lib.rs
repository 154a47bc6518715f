//! What every layer of tests needs: real Lakegate processes, waiting for a state, real data, and a
//! plain word when the machine lacks something.
//!
//! The layers are targets of this package: `slt` (SQL files), `rest` (the catalog over HTTP),
//! `cluster` (several processes), `clients` (drivers that others wrote) and `fault` (things that
//! break). All of them speak to the `lakegate` binary; none links the service.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test helper reports by panicking and printing"
)]

pub mod binary;
pub mod cluster;
pub mod data;
pub mod executor;
pub mod http;
pub mod network;
pub mod process;
pub mod queries;
pub mod random;
pub mod render;
pub mod requirements;
pub mod server;
pub mod sql;
pub mod suite;
pub mod wait;
pub mod workload;

pub use cluster::Cluster;
pub use executor::Executor;
pub use requirements::Requirement;
pub use server::Server;
