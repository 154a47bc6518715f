//! Plans as EXPLAIN may show them: cut off at barriers.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::common::{DFSchemaRef, Result, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNodeCore};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};

use super::{SecurityBarrier, SecurityBarrierExec};

/// `plan` without what lies below its barriers. It is for the eye alone.
///
/// # Errors
/// DataFusion's own.
pub fn covered_logical(plan: LogicalPlan) -> Result<LogicalPlan> {
    let covered = plan.transform_down_with_subqueries(|node| {
        Ok(match SecurityBarrier::of(&node) {
            Some(barrier) => Transformed::new(
                LogicalPlan::Extension(Extension { node: Arc::new(Covered::of(barrier, &node)) }),
                true,
                TreeNodeRecursion::Jump,
            ),
            None => Transformed::no(node),
        })
    });
    covered.map(|plan| plan.data)
}

/// The place of a view in a logical plan.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Covered {
    view: String,
    schema: DFSchemaRef,
}

impl Covered {
    fn of(barrier: &SecurityBarrier, plan: &LogicalPlan) -> Self {
        Self { view: barrier.view().to_string(), schema: Arc::clone(plan.schema()) }
    }
}

impl PartialOrd for Covered {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.view.partial_cmp(&other.view)
    }
}

impl UserDefinedLogicalNodeCore for Covered {
    fn name(&self) -> &str {
        "SecurityBarrier"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        Vec::new()
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecurityBarrier: view={}", self.view)
    }

    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, _inputs: Vec<LogicalPlan>) -> Result<Self> {
        Ok(self.clone())
    }
}

/// `plan` without what lies below its barriers, what its operators measured included, and without
/// statistics, which come from tables. It is for the eye alone.
pub fn covered_physical(plan: &Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    let children = match plan.is::<SecurityBarrierExec>() {
        true => Vec::new(),
        false => plan.children().into_iter().map(covered_physical).collect(),
    };
    Arc::new(CoveredExec { shown: Arc::clone(plan), children })
}

/// An operator that is shown and does not run.
#[derive(Debug)]
struct CoveredExec {
    shown: Arc<dyn ExecutionPlan>,
    children: Vec<Arc<dyn ExecutionPlan>>,
}

impl DisplayAs for CoveredExec {
    fn fmt_as(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shown.fmt_as(kind, f)
    }
}

impl ExecutionPlan for CoveredExec {
    fn name(&self) -> &str {
        self.shown.name()
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.shown.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.children.iter().collect()
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.shown.apply_expressions(f)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self { shown: Arc::clone(&self.shown), children }))
    }

    fn execute(
        &self,
        _partition: usize,
        _context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        internal_err!("a plan that is only shown was run")
    }

    fn metrics(&self) -> Option<MetricsSet> {
        self.shown.metrics()
    }
}
