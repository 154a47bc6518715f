//! Makes sources of constant rows divisible, so that executors can run unions with them.
//!
//! A task gets the part of a plan that makes its partitions. The part of a union that makes none is
//! cut down to a source with no partitions; a placeholder row cannot be, takes another shape
//! instead, and Ballista then loses the task's report. A source of rows in memory can be cut.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::datatypes::FieldRef;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Result, ScalarValue};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::placeholder_row::PlaceholderRowExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};

/// Replaces placeholder rows and empty sources by rows in memory.
#[derive(Debug)]
pub(crate) struct ConstantRowsInMemory;

impl PhysicalOptimizerRule for ConstantRowsInMemory {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let replaced = plan.transform_up(|node| {
            let rows = match (node.is::<PlaceholderRowExec>(), node.is::<EmptyExec>()) {
                (true, _) => vec![one_row(&node)?],
                (_, true) => Vec::new(),
                _ => return Ok(Transformed::no(node)),
            };
            let partitions = vec![rows; node.output_partitioning().partition_count()];
            let source = MemorySourceConfig::try_new_exec(&partitions, node.schema(), None)?;
            Ok(Transformed::yes(source as Arc<dyn ExecutionPlan>))
        });
        replaced.map(|plan| plan.data)
    }

    fn name(&self) -> &str {
        "constant_rows_in_memory"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The one row that a placeholder stands for. Nobody reads its values; they only have to fit.
fn one_row(placeholder: &Arc<dyn ExecutionPlan>) -> Result<RecordBatch> {
    let schema = placeholder.schema();
    let value = |field: &FieldRef| match field.is_nullable() {
        true => Ok(new_null_array(field.data_type(), 1)),
        false => ScalarValue::new_default(field.data_type())?.to_array_of_size(1),
    };
    let columns = schema.fields().iter().map(value).collect::<Result<Vec<ArrayRef>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(1));
    Ok(RecordBatch::try_new_with_options(schema, columns, &options)?)
}

#[cfg(test)]
mod tests {
    use datafusion::physical_plan::collect;
    use datafusion::prelude::SessionContext;

    use super::*;

    #[tokio::test]
    async fn constant_rows_stay_the_same_rows() {
        let session = SessionContext::new();
        for (sql, rows) in
            [("SELECT 1 AS a UNION ALL SELECT NULL", 2), ("SELECT 1 AS a WHERE false", 0)]
        {
            let plan = session.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
            let plan = ConstantRowsInMemory.optimize(plan, &ConfigOptions::new()).unwrap();
            let leaves =
                plan.exists(|node| Ok(node.is::<PlaceholderRowExec>() || node.is::<EmptyExec>()));
            assert!(!leaves.unwrap());
            let batches = collect(plan, session.task_ctx()).await.unwrap();
            assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), rows, "{sql}");
        }
    }
}
