//! A durable tier and its executors in one process, with faults made at chosen moments.

mod losses;
mod results;
mod strangers;
mod support;
