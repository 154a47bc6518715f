//! From the names in a statement to tables at one catalog snapshot.

mod below;
mod constant;
mod declared;
mod information_schema;
mod reading;
mod resolve;
mod scope;

pub(super) use declared::{Declared, ViewEntry, declared};
pub(crate) use declared::{columns, may_see_definition};
pub(super) use information_schema::information_schema_columns;
pub(super) use resolve::{Resolver, absolute};
pub(super) use scope::NameScope;
