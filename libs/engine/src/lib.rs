//! What a plan is in Lakegate: statements, sessions, schemas, estimates and what may be distributed.

pub mod bounded_functions;
pub mod channel;
pub mod codec;
pub mod constant_result;
mod constant_rows;
pub mod cooperative_fan_out;
pub mod cpu_time;
pub mod distributable;
mod distributed_joins;
pub mod estimate;
pub mod failure;
mod filter_fences;
mod fixed_order;
pub mod nan_statistics;
pub mod optimize;
mod outer_references;
pub mod passthrough;
pub mod peak_memory;
pub mod runtime;
pub mod schema;
pub mod security_barrier;
pub mod session;
mod stage_requirements;
pub mod statement;
pub mod task_failure;
pub mod task_usage;
mod time_comparison;
