//! The one query path: text in, rows out, whatever surface the text came through.
//!
//! A statement is read ([`lakegate_engine::statement`]), its names are found at one catalog
//! snapshot (`names`), it is planned and described to the client ([`Statement`]), routed to a tier
//! (`route`), admitted (`admission`), run (`run`, `local`, [`crate::durable`]) and followed until
//! it ends (`registry`, `result`).

mod admission;
mod alter;
mod bounds;
mod columns;
mod command;
mod creation;
mod declare;
mod describe;
mod described;
mod error;
mod explain;
mod fresh_columns;
mod governance;
mod history;
mod id;
mod inspect;
mod local;
mod measured;
mod names;
mod places;
mod planning;
mod properties;
mod registry;
mod result;
mod route;
mod run;
mod scope_states;
mod service;
mod settings;
mod statement;
mod system;
mod views;
mod volumes;
mod write;

pub use declare::NewTable;
pub use error::Error;
pub(crate) use governance::{check_location, credential_source, hashed, new_credential};
pub use history::{HistoryConfig, HistoryWriter};
pub use id::QueryId;
pub use measured::SentBytes;
pub(crate) use measured::{BYTES_SCANNED, Measured};
pub(crate) use names::{columns, may_see_definition};
pub use registry::{Failure, QueryRecord, QueryRegistry, QueryState, QueryStatus};
pub use result::RunningQuery;
pub use route::{Fleet, Route, Tier, route};
pub use service::{Config, QueryService};
pub use settings::{Settings, Shown, TierChoice};
pub use statement::Statement;
pub(crate) use system::{table_columns as system_columns, table_names as system_tables};
