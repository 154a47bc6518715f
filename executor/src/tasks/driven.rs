//! A node that changes nothing of a plan but how its input is driven.

use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};

/// How an input is driven.
pub(super) trait Drive: fmt::Debug + Clone + Send + Sync + 'static {
    /// The name of the node.
    const NAME: &'static str;

    /// Starts a partition of the input.
    ///
    /// # Errors
    /// Those of the input.
    fn execute(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream>;
}

/// An input as `D` drives it. It has no metrics, so that those of a stage keep their order.
#[derive(Debug)]
pub(super) struct Driven<D> {
    input: Arc<dyn ExecutionPlan>,
    drive: D,
}

impl<D: Drive> Driven<D> {
    pub(super) fn around(input: Arc<dyn ExecutionPlan>, drive: D) -> Arc<dyn ExecutionPlan> {
        Arc::new(Self { input, drive })
    }
}

impl<D: Drive> DisplayAs for Driven<D> {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(D::NAME)
    }
}

impl<D: Drive> ExecutionPlan for Driven<D> {
    fn name(&self) -> &str {
        D::NAME
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.pop()) {
            (Some(input), None) => Ok(Self::around(input, self.drive.clone())),
            _ => internal_err!("{} has one input", D::NAME),
        }
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        self.drive.execute(&self.input, partition, context)
    }
}
