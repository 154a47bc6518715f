//! An executor: takes tasks from a scheduler, runs them, and serves what they wrote.
//!
//! It listens on one port, where members of the cluster launch and cancel tasks, fetch shuffle
//! files, and ask whether it lives. Long-lived tasks of the process, all ended with it:
//! `membership` (joins, sends heartbeats, joins anew), `reporter` (tells the scheduler how tasks
//! ended), `server` (the port), `cleaner` (removes files that nobody needs).

mod config;
mod drain;
mod error;
mod listen;
mod machine;
mod membership;
mod node;
mod object_access;
mod reporter;
mod run;
mod scratch;
mod service;
mod shuffle_clients;
mod tasks;

pub use config::{Config, LimitsConfig, Options};
pub use error::Error;
pub use node::Node;
pub use run::run;
