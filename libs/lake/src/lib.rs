//! Tables on object storage: where their files lie, what format they have, and how a scan of them
//! is planned.

pub mod delta;
mod error;
mod external_table;
mod format;
mod location;
mod provider;

pub use error::Error;
pub use external_table::{Declaration, ExternalTable};
pub use format::Format;
pub use location::Location;
pub use provider::{StringLayout, table_provider};
