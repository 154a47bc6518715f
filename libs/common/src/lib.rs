//! What every process of Lakegate needs and none owns: error codes, configuration, supervision,
//! telemetry, limits and secrets.

pub mod byte_size;
pub mod cluster_token;
pub mod config;
pub mod duration;
pub mod error;
pub mod nearest;
pub mod seal;
pub mod secret;
pub mod supervisor;
pub mod telemetry;

pub use byte_size::ByteSize;
pub use error::{Chain, Coded, ErrorCode};
