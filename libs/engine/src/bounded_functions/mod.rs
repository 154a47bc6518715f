//! Functions whose result may be far larger than what they are given, such as `repeat`: how large
//! is known before it is made, and too much is refused.
//!
//! No memory pool counts what a function makes, neither while a query runs nor while it is planned
//! and its constants are folded. Scheduler and executors take their functions from here and nowhere
//! else. Plans name functions, so that a plan is the same with these as with those of DataFusion.

mod bounded;
mod call;
mod lists;
mod regexp;
mod series;
#[cfg(test)]
mod tests;
mod texts;

use std::sync::Arc;

use ballista_core::extension::ballista_scalar_functions;
use datafusion::logical_expr::ScalarUDF;
use lakegate_common::ByteSize;

/// Every scalar function, those that may make much bounded by `limit` for one call, which is one
/// batch of rows.
pub fn scalar_functions(limit: ByteSize) -> Vec<Arc<ScalarUDF>> {
    let functions = ballista_scalar_functions().into_iter();
    functions.map(|function| bounded::bounded(function, limit)).collect()
}

/// What a function would make is more than the limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{function} would make {size} for one batch of rows, where {limit} is the limit")]
pub struct TooLarge {
    /// The function's name.
    pub function: String,
    /// What it would make, or a little more.
    pub size: ByteSize,
    /// The limit of one call.
    pub limit: ByteSize,
}
