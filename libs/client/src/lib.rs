//! A client of Lakegate over Arrow Flight SQL.
//!
//! [`Client::connect`] logs in with a user and a password and keeps the bearer token that the server
//! gives in return; a token that expired leads to one new handshake. [`Client::execute`] runs a
//! statement and answers with its rows, or with how many it changed. Dropping a [`QueryStream`]
//! resets its HTTP/2 stream, which cancels the query on the server.

mod client;
mod connection;
mod error;
mod metadata;
mod prepared;
mod rest;
mod server_url;
mod session_options;
mod stream;
mod update;

pub use client::{Client, Outcome};
pub use error::{BrokenConnection, Error};
pub use metadata::{Schema, Table, TableFilter};
pub use rest::{QueryFailure, QueryProgress, StageProgress};
pub use server_url::ServerUrl;
pub use stream::QueryStream;
