//! What the catalog promises, on SQLite and on PostgreSQL: it lasts, one of many wins, readers see
//! whole changes, nobody learns what they may not, and what goes wrong says so.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod access;
mod api_keys;
mod concurrency;
mod conditions;
mod containers;
mod credentials;
mod datasets;
mod grants;
mod history;
mod killed;
mod locations;
mod migrations;
mod postgres;
mod principals;
mod sqlite;
mod support;
