//! The plan nodes that DataFusion's own messages do not carry: ours and Ballista's.

use std::sync::Arc;

use ballista_core::serde::BallistaPhysicalExtensionCodec;
use datafusion::common::Result;
use datafusion::execution::TaskContext;
use datafusion::physical_plan::ExecutionPlan;
use datafusion_proto::physical_plan::{PhysicalExtensionCodec, PhysicalProtoConverterExtension};
use lakegate_lake::delta::DeltaScanExec;
use lakegate_lake::write::FileWriteExec;

use super::{delta_scan, file_write, fixed_order, security_barrier};
use crate::fixed_order::FixedOrderExec;
use crate::security_barrier::SecurityBarrierExec;

/// Tells our nodes by how their bytes begin; every other node is Ballista's.
#[derive(Debug, Default)]
pub struct PlanNodes {
    ballista: BallistaPhysicalExtensionCodec,
}

impl PhysicalExtensionCodec for PlanNodes {
    fn try_decode(
        &self,
        buf: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        ctx: &TaskContext,
        proto_converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if let Some(message) = buf.strip_prefix(delta_scan::MARK) {
            return delta_scan::decode(message, inputs);
        }
        if let Some(message) = buf.strip_prefix(file_write::MARK) {
            return file_write::decode(message, inputs);
        }
        if let Some(order) = buf.strip_prefix(fixed_order::MARK) {
            return fixed_order::decode(order, inputs);
        }
        if let Some(view) = buf.strip_prefix(security_barrier::MARK) {
            return security_barrier::decode(view, inputs);
        }
        self.ballista.try_decode(buf, inputs, ctx, proto_converter)
    }

    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        buf: &mut Vec<u8>,
        proto_converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        if let Some(scan) = node.downcast_ref::<DeltaScanExec>() {
            return delta_scan::encode(scan, buf);
        }
        if let Some(write) = node.downcast_ref::<FileWriteExec>() {
            return file_write::encode(write, buf);
        }
        if let Some(fixed) = node.downcast_ref::<FixedOrderExec>() {
            fixed_order::encode(fixed, buf);
            return Ok(());
        }
        if let Some(barrier) = node.downcast_ref::<SecurityBarrierExec>() {
            security_barrier::encode(barrier, buf);
            return Ok(());
        }
        self.ballista.try_encode(node, buf, proto_converter)
    }
}
