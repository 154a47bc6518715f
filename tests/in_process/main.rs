//! A durable tier and its executors in one process, with faults made at chosen moments.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed step of a test is a failed test"
)]

mod deleted_rows;
mod event_loop;
mod losses;
mod proxy;
mod reports;
mod results;
mod strangers;
mod support;
