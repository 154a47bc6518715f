//! The scheduler: SQL in, results out.
//!
//! Clients come in through [`frontend`], are recognised by [`identity`] and kept apart by
//! [`session`]; every statement goes through [`query`], which runs it in this process or, through
//! [`durable`], on the executors.
//!
//! Tasks of the process: `client port` (accepts and serves connections), `session reaper` (ends idle
//! sessions), `metrics upkeep` (folds samples into histograms).

mod config;
mod data_folder;
pub mod durable;
mod error;
pub mod frontend;
pub mod identity;
mod object_access;
pub mod query;
mod run;
pub mod session;

pub use config::{Config, KEYS};
pub use error::Error;
pub use run::{Options, run};
