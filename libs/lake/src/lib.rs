//! Tables on object storage: where their files lie, what format they have, and how a scan of them
//! is planned.

pub mod cache;
pub mod delta;
mod error;
mod external_table;
mod format;
mod links;
mod location;
mod named_files;
pub mod nan;
mod null_partitions;
mod parquet_files;
mod plain_text;
mod provider;
pub mod store;
mod telling_readers;
mod visible_session;
pub mod write;

pub use error::{Error, code_of_parquet, code_of_parquet_text, code_of_store};
pub use external_table::{Declaration, ExternalTable};
pub use format::Format;
pub use links::without_links;
pub use location::Location;
pub use plain_text::read_plain_from;
pub use provider::{StringLayout, delta_table, table_provider};
