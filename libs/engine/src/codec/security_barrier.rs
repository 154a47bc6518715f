//! How a security barrier travels.

use std::sync::Arc;

use datafusion::common::{Result, internal_datafusion_err, internal_err};
use datafusion::physical_plan::ExecutionPlan;

use crate::security_barrier::SecurityBarrierExec;

/// How the bytes of the node begin, which the view's name follows; no message of Ballista does.
pub(super) const MARK: &[u8] = b"lakegate.security-barrier.1:";

/// Writes the node; its input is written as its input.
pub(super) fn encode(barrier: &SecurityBarrierExec, buf: &mut Vec<u8>) {
    buf.extend_from_slice(MARK);
    buf.extend_from_slice(barrier.view().as_bytes());
}

/// Reads what [`encode`] wrote after the mark.
pub(super) fn decode(
    message: &[u8],
    inputs: &[Arc<dyn ExecutionPlan>],
) -> Result<Arc<dyn ExecutionPlan>> {
    let view = std::str::from_utf8(message)
        .map_err(|error| internal_datafusion_err!("decoding a security barrier: {error}"))?;
    let [input] = inputs else {
        return internal_err!("a security barrier has {} inputs", inputs.len());
    };
    Ok(Arc::new(SecurityBarrierExec::new(Arc::clone(input), view)))
}
