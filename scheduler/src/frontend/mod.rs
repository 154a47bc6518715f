//! The client port: Flight SQL and HTTP, one listener for both.

mod coalesced;
mod error;
mod flight_sql;
mod http;
mod server;
mod services;
pub mod status;

pub use error::Error;
pub use server::Server;
pub use services::{Limits, MessageSizes, Services};
