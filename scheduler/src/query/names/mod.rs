//! From the names in a statement to tables at one catalog snapshot.

mod declared;
mod information_schema;
mod resolve;
mod scope;

pub(super) use declared::{ViewEntry, columns, external_table, view_entry};
pub(super) use resolve::{Resolver, absolute};
pub(super) use scope::NameScope;
