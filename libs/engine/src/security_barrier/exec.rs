//! The barrier in physical plans.

use std::fmt;
use std::sync::Arc;

use ballista_core::error::BallistaError;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, Statistics, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{
    Distribution, EquivalenceProperties, LexRequirement, OrderingRequirements, PhysicalExpr,
};
use datafusion::physical_plan::execution_plan::CardinalityEffect;
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties,
    InputDistributionRequirements, PlanProperties,
};
use futures::StreamExt;

use super::ViewFailure;
use crate::failure;

/// Hands on the rows of a view, and of its failures only that there was one.
///
/// What DataFusion does by default with a node that it does not know keeps filters above it, those
/// of joins and of sorts too, and expressions of projections. Sorts it would push down.
#[derive(Debug, Clone)]
pub struct SecurityBarrierExec {
    input: Arc<dyn ExecutionPlan>,
    view: Arc<str>,
    properties: Arc<PlanProperties>,
}

impl SecurityBarrierExec {
    /// The barrier above `input`, the rows of `view`, which is a full name.
    pub fn new(input: Arc<dyn ExecutionPlan>, view: &str) -> Self {
        let nothing_else = EquivalenceProperties::new(input.schema());
        let properties = PlanProperties::clone(input.properties());
        let properties = Arc::new(properties.with_eq_properties(nothing_else));
        Self { input, view: view.into(), properties }
    }

    /// The view's full name.
    pub fn view(&self) -> &str {
        &self.view
    }

    fn hiding(view: &str, error: DataFusionError) -> DataFusionError {
        let is_of_ballista =
            |inner: &(dyn std::error::Error + 'static)| inner.is::<BallistaError>();
        match error.find_root() {
            // It tells of operators and not of tables.
            DataFusionError::ResourcesExhausted(_) => return error,
            // The scheduler makes an input again that was lost.
            DataFusionError::External(inner) if is_of_ballista(inner.as_ref()) => return error,
            _ => {}
        }
        let failure = ViewFailure::hiding(view, failure::code_of(&error), &error);
        DataFusionError::External(Box::new(failure))
    }
}

impl DisplayAs for SecurityBarrierExec {
    fn fmt_as(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match kind {
            DisplayFormatType::TreeRender => writeln!(f, "view={}", self.view),
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                write!(f, "SecurityBarrierExec: view={}", self.view)
            }
        }
    }
}

impl ExecutionPlan for SecurityBarrierExec {
    fn name(&self) -> &str {
        "SecurityBarrierExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    /// Where it says that it keeps the order, DataFusion sorts below it instead of above: by the
    /// caller's expressions, and on rows that a join of the view leaves out.
    fn maintains_input_order(&self) -> Vec<bool> {
        vec![false]
    }

    /// The order that the view gives by itself, or DataFusion would take that for a sort in vain.
    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        let ordering = self.input.output_ordering().cloned();
        vec![ordering.map(|ordering| OrderingRequirements::new(LexRequirement::from(ordering)))]
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        let is_one = self.input.output_partitioning().partition_count() == 1;
        let distribution = match is_one && self.input.output_ordering().is_some() {
            true => Distribution::SinglePartition,
            false => Distribution::UnspecifiedDistribution,
        };
        InputDistributionRequirements::new(vec![distribution])
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
        match <[_; 1]>::try_from(children) {
            Ok([input]) => Ok(Arc::new(Self::new(input, &self.view))),
            Err(children) => internal_err!("{} has {} children", self.name(), children.len()),
        }
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let view = Arc::clone(&self.view);
        let rows = self.input.execute(partition, context);
        let rows = rows.map_err(|error| Self::hiding(&view, error))?;
        let rows = rows.map(move |batch| batch.map_err(|error| Self::hiding(&view, error)));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
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
