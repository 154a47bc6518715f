//! Which rows an `OFFSET` skips.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::limit::GlobalLimitExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;

use crate::fixed_order::FixedOrderExec;

/// Keeps the order in which an `OFFSET` without `LIMIT` skips rows. A limit does not say that it
/// needs one, and below a join or a group the sort would be taken away. It comes before the rules
/// that do that; a sort below a `LIMIT` gives no more rows than that asks for, and stays.
#[derive(Debug)]
pub(crate) struct SkippedInOrder;

impl PhysicalOptimizerRule for SkippedInOrder {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        skipped_in_order(plan, |limit| limit.fetch().is_none())
    }

    fn name(&self) -> &str {
        "skipped_in_order"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The plan, limits that skip rows and are `meant` with the order in which they do it: a merge below
/// one would be taken for one whose order nobody needs.
pub(crate) fn skipped_in_order(
    plan: Arc<dyn ExecutionPlan>,
    meant: impl Fn(&GlobalLimitExec) -> bool,
) -> Result<Arc<dyn ExecutionPlan>> {
    let in_order = plan.transform_up(|node| {
        match node.downcast_ref::<GlobalLimitExec>().is_some_and(|it| it.skip() > 0 && meant(it)) {
            true => with_order(node),
            false => Ok(Transformed::no(node)),
        }
    });
    in_order.map(|plan| plan.data)
}

fn with_order(limit: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let fixed = limit.transform_down(|node| {
        if node.is::<SortPreservingMergeExec>() || node.is::<SortExec>() {
            let fixed = Arc::new(FixedOrderExec::of(node));
            return Ok(Transformed::new(fixed, true, TreeNodeRecursion::Stop));
        }
        let keeps_order = matches!(node.maintains_input_order()[..], [true]);
        let on = if keeps_order { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop };
        Ok(Transformed::new(node, false, on))
    })?;
    // It stops here, and not for the limits of other parts of the plan.
    Ok(Transformed::new(fixed.data, fixed.transformed, TreeNodeRecursion::Continue))
}
