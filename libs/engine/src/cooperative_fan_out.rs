//! Keeps operators that make many rows of one from holding a thread.
//!
//! A plan yields to its runtime where its leaves do, and an operator that turns one input batch
//! into thousands polls its leaves as rarely. Nothing can then stop the query: a cancel waits until
//! the batch is used up, for minutes where a join fans out.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;

/// Operators whose output may be far larger than their input.
const FANS_OUT: [&str; 6] = [
    "HashJoinExec",
    "NestedLoopJoinExec",
    "CrossJoinExec",
    "SortMergeJoinExec",
    "PiecewiseMergeJoinExec",
    "UnnestExec",
];

/// Lets each of these operators yield after a bounded number of its own batches.
#[derive(Debug)]
pub struct CooperativeFanOut;

impl PhysicalOptimizerRule for CooperativeFanOut {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let wrapped = plan.transform_up(|node| {
            if FANS_OUT.contains(&node.name()) {
                return Ok(Transformed::yes(
                    Arc::new(CooperativeExec::new(node)) as Arc<dyn ExecutionPlan>
                ));
            }
            Ok(Transformed::no(node))
        });
        wrapped.map(|plan| plan.data)
    }

    fn name(&self) -> &str {
        "cooperative_fan_out"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use datafusion::physical_plan::displayable;
    use datafusion::prelude::SessionContext;
    use lakegate_common::ByteSize;
    use lakegate_lake::store::{Bounds, NoAccess, Stores};

    use super::*;
    use crate::runtime::{RuntimeLimits, runtime};
    use crate::session::{local_config, local_state};

    #[tokio::test]
    async fn a_join_yields_by_itself() {
        let scratch = tempfile::tempdir().unwrap();
        let limits = RuntimeLimits {
            memory: ByteSize::mib(64),
            spill: ByteSize::mib(64),
            metadata_cache: ByteSize::mib(1),
        };
        let config = local_config(2).with_create_default_catalog_and_schema(true);
        let session = SessionContext::new_with_state(local_state(
            config,
            runtime(
                limits,
                scratch.path(),
                Stores::new(Arc::new(NoAccess), Bounds::default(), None),
            )
            .unwrap(),
            ByteSize::mib(1),
        ));
        let sql = "select count(*) from generate_series(1, 10) a(x) join generate_series(1, 10) b(y) on a.x = b.y";
        let plan = session.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
        let text = displayable(plan.as_ref()).indent(false).to_string();
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        let join = lines.iter().position(|line| line.starts_with("HashJoinExec")).unwrap();
        assert_eq!(lines[join - 1], "CooperativeExec", "{text}");
    }
}
