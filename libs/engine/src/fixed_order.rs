//! Where the order of rows is settled.

use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{
    Distribution, LexOrdering, LexRequirement, OrderingRequirements, PhysicalExpr,
};
use datafusion::physical_plan::execution_plan::CardinalityEffect;
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties,
    InputDistributionRequirements, PlanProperties,
};

/// Hands rows on as they come. No rule for plans looks through it for an order.
///
/// With an order, its input must give all rows in that order. Without one, the order in which its
/// input gives them is not to be relied upon, and nothing sorts below it instead of above.
#[derive(Debug, Clone)]
pub(crate) struct FixedOrderExec {
    input: Arc<dyn ExecutionPlan>,
    order: Option<LexOrdering>,
    properties: Arc<PlanProperties>,
}

impl FixedOrderExec {
    /// Rows in the order that `input` gives them.
    pub(crate) fn of(input: Arc<dyn ExecutionPlan>) -> Self {
        let order = input.output_ordering().cloned();
        let properties = Arc::clone(input.properties());
        Self { input, order, properties }
    }

    /// Rows in any order.
    pub(crate) fn none(input: Arc<dyn ExecutionPlan>) -> Self {
        let mut known = input.equivalence_properties().clone();
        known.clear_orderings();
        let properties = PlanProperties::clone(input.properties()).with_eq_properties(known);
        Self { input, order: None, properties: Arc::new(properties) }
    }

    /// Whether its rows have an order.
    pub(crate) fn is_ordered(&self) -> bool {
        self.order.is_some()
    }

    /// Where its rows come from.
    pub(crate) fn input(&self) -> &Arc<dyn ExecutionPlan> {
        &self.input
    }
}

impl DisplayAs for FixedOrderExec {
    fn fmt_as(&self, _kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.order {
            Some(order) => write!(f, "FixedOrderExec: [{order}]"),
            None => write!(f, "FixedOrderExec: none"),
        }
    }
}

impl ExecutionPlan for FixedOrderExec {
    fn name(&self) -> &str {
        "FixedOrderExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![self.is_ordered()]
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        let order = self.order.clone().map(LexRequirement::from);
        vec![order.map(OrderingRequirements::new)]
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        InputDistributionRequirements::new(vec![match self.is_ordered() {
            true => Distribution::SinglePartition,
            false => Distribution::UnspecifiedDistribution,
        }])
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Ok([input]) = <[_; 1]>::try_from(children) else {
            return internal_err!("{} has one input", self.name());
        };
        Ok(Arc::new(match &self.order {
            Some(_) => Self {
                properties: Arc::clone(input.properties()),
                order: self.order.clone(),
                input,
            },
            None => Self::none(input),
        }))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        self.input.execute(partition, context)
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::At(partition)]
    }

    fn statistics_from_inputs(
        &self,
        inputs: &[Arc<Statistics>],
        _args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        match inputs {
            [input] => Ok(Arc::clone(input)),
            _ => internal_err!("{} has {} inputs", self.name(), inputs.len()),
        }
    }

    fn supports_limit_pushdown(&self) -> bool {
        true
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::Equal
    }
}
