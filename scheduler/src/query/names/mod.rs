//! From the names in a statement to tables at one catalog snapshot.

mod constant;
mod declared;
mod information_schema;
mod reading;
mod resolve;
mod scope;

pub(crate) use declared::columns;
pub(super) use declared::{Declared, ViewEntry, declared};
pub(super) use information_schema::information_schema_columns;
pub(super) use resolve::{Resolver, absolute};
pub(super) use scope::NameScope;
