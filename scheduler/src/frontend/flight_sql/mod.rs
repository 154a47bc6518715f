//! Arrow Flight SQL: the wire protocol of every SQL client.
//!
//! `service` decodes each call once and hands it to the module of its subject; `status` one level up
//! is the only place where errors become gRPC statuses.

mod actions;
mod ahead;
mod catalog_metadata;
mod column_metadata;
mod command;
mod do_get;
mod egress;
mod handshake;
mod keys;
mod like;
mod messages;
mod meter;
mod prepared;
mod put;
mod row_message;
mod service;
mod session_options;
mod sql_info;
mod statement;
mod ticket;
mod xdbc_type_info;

pub(crate) use do_get::do_get;
pub(crate) use service::FlightSql;
