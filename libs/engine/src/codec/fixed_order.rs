//! How the node that settles an order travels.

use std::sync::Arc;

use datafusion::common::{Result, internal_err};
use datafusion::physical_plan::ExecutionPlan;

use crate::fixed_order::FixedOrderExec;

/// How the bytes of the node begin; no message of Ballista does.
pub(super) const MARK: &[u8] = b"lakegate.fixed-order.1:";
/// What follows the mark where rows have an order, which is that of the input.
const ORDERED: &[u8] = b"1";

/// Writes the node; its input is written as its input.
pub(super) fn encode(node: &FixedOrderExec, buf: &mut Vec<u8>) {
    buf.extend_from_slice(MARK);
    buf.extend_from_slice(if node.is_ordered() { ORDERED } else { b"" });
}

/// Reads what [`encode`] wrote after the mark.
pub(super) fn decode(
    message: &[u8],
    inputs: &[Arc<dyn ExecutionPlan>],
) -> Result<Arc<dyn ExecutionPlan>> {
    let [input] = inputs else {
        return internal_err!("a fixed order has {} inputs", inputs.len());
    };
    let input = Arc::clone(input);
    Ok(Arc::new(match message == ORDERED {
        true => FixedOrderExec::of(input),
        false => FixedOrderExec::none(input),
    }))
}
