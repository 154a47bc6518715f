//! How plans travel between the members of a cluster.
//!
//! Scheduler and executors take the codecs from here and nowhere else, so that what one side writes
//! the other reads. A plan node of our own is added here, before Ballista's codec is asked.

mod delta_scan;
mod file_write;
mod fixed_order;
mod plan_nodes;
mod security_barrier;

use std::sync::Arc;

use ballista_core::registry::BallistaFunctionRegistry;
use ballista_core::serde::{BallistaCodec, BallistaLogicalExtensionCodec};
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use lakegate_common::ByteSize;

pub use plan_nodes::PlanNodes;

use crate::bounded_functions::scalar_functions;

/// Ballista's codec over the plan messages that Lakegate sends.
pub type PlanCodec = BallistaCodec<LogicalPlanNode, PhysicalPlanNode>;

/// The codec of every member.
pub fn plan_codec() -> PlanCodec {
    BallistaCodec::new(
        Arc::new(BallistaLogicalExtensionCodec::default()),
        Arc::new(PlanNodes::default()),
    )
}

/// The functions that plans may name; those of the session that plans are made in. One call of a
/// function makes at most `function_bytes`.
pub fn functions(function_bytes: ByteSize) -> BallistaFunctionRegistry {
    let mut registry = BallistaFunctionRegistry::default();
    for function in scalar_functions(function_bytes) {
        registry.scalar_functions.insert(function.name().to_string(), function);
    }
    for function in ballista_core::extension::ballista_aggregate_functions() {
        registry.aggregate_functions.insert(function.name().to_string(), function);
    }
    for function in ballista_core::extension::ballista_window_functions() {
        registry.window_functions.insert(function.name().to_string(), function);
    }
    registry
}
