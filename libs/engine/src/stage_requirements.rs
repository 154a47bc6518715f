//! What operators need of their inputs, when the plan is cut into stages.
//!
//! A plan is made as if one process ran it: the planner knows that a column has one value, that two
//! are equal or that rows come in an order, and leaves out the sort or the division that this makes
//! needless. Ballista cuts the plan where rows are divided, united or merged, and above a cut none
//! of it is known any more. It puts what is missing back in when it cuts, but not everywhere, and
//! not where a further cut would be needed: the operator then fails, or answers for the rows of one
//! task alone. So the plan is made here as it will be cut, and without orders that joins give, whose
//! sides may still change places.

use std::fmt;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{
    Distribution, EquivalenceProperties, LexOrdering, OrderingRequirements, PhysicalExpr,
};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::ensure_requirements::EnsureRequirements;
use datafusion::physical_optimizer::output_requirements::OutputRequirementExec;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::execution_plan::{
    Boundedness, ChildrenPropertiesMode, EmissionType, ReplaceChildrenOptions,
};
use datafusion::physical_plan::joins::{
    CrossJoinExec, HashJoinExec, NestedLoopJoinExec, PartitionMode,
};
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::union::{InterleaveExec, UnionExec, can_interleave};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning,
    PlanProperties,
};

use crate::fixed_order::FixedOrderExec;
use crate::session::PhysicalRule;
use crate::skipped_rows::skipped_in_order;

/// How often a plan is cut again because it got further cuts.
const ROUNDS_MAX: usize = 16;

/// Gives every operator what it needs of its inputs as they are when the plan is cut into stages.
/// It comes last.
#[derive(Debug)]
pub(crate) struct StageRequirements;

impl PhysicalOptimizerRule for StageRequirements {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = skipped_in_order(plan, |_| true)?;
        let mut plan = with_joins_unordered(plan, false)?;
        for _ in 0..ROUNDS_MAX {
            let before = cuts(&plan)?;
            plan = ensured_in_stages(&plan, config)?;
            if cuts(&plan)? == before {
                return Ok(plan);
            }
        }
        internal_err!("the plan gets further stages each time that it is cut")
    }

    fn name(&self) -> &str {
        "stage_requirements"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The plan without orders that joins give, where one `is_wanted`. Ballista lets the sides of joins
/// change places when it knows how large they are, and the order goes with them.
fn with_joins_unordered(
    plan: Arc<dyn ExecutionPlan>,
    is_wanted: bool,
) -> Result<Arc<dyn ExecutionPlan>> {
    let sorts = plan.is::<SortExec>();
    let needed = plan.required_input_ordering();
    let inputs = plan.children().into_iter().zip(plan.maintains_input_order()).zip(needed);
    let inputs: Result<Vec<_>> = inputs
        .map(|((input, keeps), needed)| {
            let is_wanted = sorts || needed.is_some() || (keeps && is_wanted);
            with_joins_unordered(Arc::clone(input), is_wanted)
        })
        .collect();
    let plan = reading(plan, inputs?)?.data;
    let may_change = is_join(plan.as_ref()) && is_wanted;
    Ok(if may_change { Arc::new(FixedOrderExec::none(plan)) } else { plan })
}

/// The operator over `inputs`; it is itself where they are those that it has.
fn reading(
    plan: Arc<dyn ExecutionPlan>,
    inputs: Vec<Arc<dyn ExecutionPlan>>,
) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    if plan.children().into_iter().zip(&inputs).all(|(before, now)| Arc::ptr_eq(before, now)) {
        return Ok(Transformed::no(plan));
    }
    let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
    plan.replace_children(inputs, options).map(Transformed::yes)
}

/// Whether the sides of a join may still change places.
fn is_join(plan: &dyn ExecutionPlan) -> bool {
    plan.is::<HashJoinExec>() || plan.is::<NestedLoopJoinExec>() || plan.is::<CrossJoinExec>()
}

/// `rule`, which may put sorts below joins, without their orders while it runs.
pub(crate) fn above_joins(rule: PhysicalRule) -> PhysicalRule {
    if rule.name() == EnsureRequirements::default().name() {
        Arc::new(AboveJoins(rule))
    } else {
        rule
    }
}

/// A rule that sorts above joins, and relies on none of their orders.
#[derive(Debug)]
struct AboveJoins(PhysicalRule);

impl PhysicalOptimizerRule for AboveJoins {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let unordered = plan.transform_up(|node| {
            Ok(match is_join(node.as_ref()) {
                true => Transformed::yes(Arc::new(FixedOrderExec::none(node)) as _),
                false => Transformed::no(node),
            })
        })?;
        let ruled = self.0.optimize(unordered.data, config)?.transform_up(|node| {
            let join = node.downcast_ref::<FixedOrderExec>().map(|fixed| Arc::clone(fixed.input()));
            Ok(join.map_or_else(|| Transformed::no(node), Transformed::yes))
        });
        ruled.map(|plan| plan.data)
    }

    fn name(&self) -> &str {
        self.0.name()
    }

    fn schema_check(&self) -> bool {
        self.0.schema_check()
    }
}

/// The number of operators where the plan is cut.
fn cuts(plan: &Arc<dyn ExecutionPlan>) -> Result<usize> {
    let mut cuts = 0;
    plan.apply(|node| {
        cuts += usize::from(is_cut(node.as_ref()));
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(cuts)
}

fn is_cut(plan: &dyn ExecutionPlan) -> bool {
    let divides = plan
        .downcast_ref::<RepartitionExec>()
        .is_some_and(|divided| matches!(divided.partitioning(), Partitioning::Hash(..)));
    divides || plan.is::<CoalescePartitionsExec>() || plan.is::<SortPreservingMergeExec>()
}

/// How many inputs of an operator, from the first on, are stages of their own where they have one
/// partition.
fn inputs_apart(plan: &dyn ExecutionPlan) -> usize {
    let joins = plan.downcast_ref::<HashJoinExec>();
    match joins.is_some_and(|join| *join.partition_mode() == PartitionMode::CollectLeft) {
        true => 1,
        false if plan.is::<UnionExec>() => usize::MAX,
        false => 0,
    }
}

/// The plan, each stage of it with what its operators need.
fn ensured_in_stages(
    plan: &Arc<dyn ExecutionPlan>,
    config: &ConfigOptions,
) -> Result<Arc<dyn ExecutionPlan>> {
    with_inputs(completed(cut(plan, config)?, config)?)
}

/// The topmost stage of a plan, above others that are complete.
fn cut(plan: &Arc<dyn ExecutionPlan>, config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
    let children: Result<Vec<_>> =
        plan.children().into_iter().map(|child| cut(child, config)).collect();
    let mut children = children?;
    for child in children.iter_mut().take(inputs_apart(plan.as_ref())) {
        let is_one = child.output_partitioning().partition_count() == 1;
        if is_one && !child.is::<StageInputExec>() && !child.is::<CoalescePartitionsExec>() {
            let stage = ensured(Arc::clone(child), None, Distribution::SinglePartition, config)?;
            let partitioning = Partitioning::UnknownPartitioning(1);
            *child = Arc::new(StageInputExec::new(stage, partitioning, None));
        }
    }
    let with = |children: Vec<Arc<dyn ExecutionPlan>>| {
        if plan.is::<InterleaveExec>() && !can_interleave(children.iter()) {
            return UnionExec::try_new(children);
        }
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        Arc::clone(plan).replace_children(children, options)
    };
    let Some(input) = children.first().filter(|_| is_cut(plan.as_ref())).cloned() else {
        return if children.is_empty() { Ok(Arc::clone(plan)) } else { with(children) };
    };
    let any = Distribution::UnspecifiedDistribution;
    if let Some(merge) = plan.downcast_ref::<SortPreservingMergeExec>() {
        let ordering = merge.expr().clone();
        let merged = with(vec![ensured(input, Some(ordering.clone()), any, config)?])?;
        let partitioning = Partitioning::UnknownPartitioning(1);
        return Ok(Arc::new(StageInputExec::new(merged, partitioning, Some(ordering))));
    }
    let input = with_limits_kept(ensured(input, None, any, config)?);
    if plan.is::<CoalescePartitionsExec>() {
        let partitions = input.output_partitioning().partition_count();
        let partitioning = Partitioning::UnknownPartitioning(partitions);
        return with(vec![Arc::new(StageInputExec::new(input, partitioning, None))]);
    }
    let divided = with(vec![input])?;
    let partitioning = divided.output_partitioning().clone();
    Ok(Arc::new(StageInputExec::new(divided, partitioning, None)))
}

/// A stage that has what its operators need and gives rows in the order and the partitions
/// that are asked for, together with the stages that it reads. It is made as Ballista will make it.
fn ensured(
    stage: Arc<dyn ExecutionPlan>,
    ordering: Option<LexOrdering>,
    partitions: Distribution,
    config: &ConfigOptions,
) -> Result<Arc<dyn ExecutionPlan>> {
    let required = Arc::new(OutputRequirementExec::new(
        Arc::new(CooperativeExec::new(stage)),
        ordering.map(OrderingRequirements::from),
        partitions,
        None,
    ));
    let ensured = EnsureRequirements::default().optimize(required, config)?;
    let Some(stage) = ensured.downcast_ref::<OutputRequirementExec>().map(|root| root.input())
    else {
        return internal_err!("a stage lost its requirements");
    };
    let stage = stage.downcast_ref::<CooperativeExec>().map_or(&stage, |between| between.input());
    with_inputs(Arc::clone(stage))
}

/// The topmost stage with what its operators need. Ballista leaves it as it is. Nothing of it may be
/// taken away: no operator asks for the order that the user asked for, and some hide it.
fn completed(
    stage: Arc<dyn ExecutionPlan>,
    config: &ConfigOptions,
) -> Result<Arc<dyn ExecutionPlan>> {
    let completed = stage.transform_up(|node| {
        let divisions = node.input_distribution_requirements().into_per_child();
        let orders = node.required_input_ordering();
        let inputs = node.children().into_iter().cloned().zip(divisions).zip(orders);
        let may_be_coarser = node.children().len() == 1;
        let inputs: Result<Vec<_>> = inputs
            .map(|((input, division), order)| {
                sorted(divided(input, division, may_be_coarser, config)?, order)
            })
            .collect();
        reading(node, inputs?)
    });
    completed.map(|stage| stage.data)
}

/// The rows of `input` divided as an operator needs them. Rows that are divided by some of the
/// columns are, for an operator with one input, divided by all of them.
fn divided(
    input: Arc<dyn ExecutionPlan>,
    division: Distribution,
    may_be_coarser: bool,
    config: &ConfigOptions,
) -> Result<Arc<dyn ExecutionPlan>> {
    let known = input.equivalence_properties();
    let is_divided =
        input.output_partitioning().satisfaction(&division, known, may_be_coarser).is_satisfied();
    Ok(match division {
        _ if is_divided => input,
        Distribution::SinglePartition => match input.output_ordering().cloned() {
            Some(ordering) => Arc::new(SortPreservingMergeExec::new(ordering, input)),
            None => Arc::new(CoalescePartitionsExec::new(input)),
        },
        by_keys => {
            let partitions = by_keys.create_partitioning(config.execution.target_partitions);
            Arc::new(RepartitionExec::try_new(input, partitions)?)
        }
    })
}

/// The rows of each partition of `input` in the order that an operator needs.
fn sorted(
    input: Arc<dyn ExecutionPlan>,
    order: Option<OrderingRequirements>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let Some(order @ OrderingRequirements::Hard(_)) = order else { return Ok(input) };
    let order = order.into_single();
    if input.equivalence_properties().ordering_satisfy_requirement(order.clone())? {
        return Ok(input);
    }
    let is_divided = input.output_partitioning().partition_count() > 1;
    let sort = SortExec::new(LexOrdering::from(order), input);
    Ok(Arc::new(sort.with_preserve_partitioning(is_divided)))
}

/// A stage together with those that it reads.
fn with_inputs(stage: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let with_inputs = stage.transform_up(|node| {
        let input = node.downcast_ref::<StageInputExec>().map(|input| Arc::clone(&input.stage));
        Ok(input.map_or_else(|| Transformed::no(node), Transformed::yes))
    });
    with_inputs.map(|stage| stage.data)
}

/// The stage with an operator above it that needs no order, if it needs one of rows that are limited.
/// DataFusion gives the sorts of such rows the limit that it finds right below the topmost operator
/// which needs their order, and forgets the rows that the limit skips.
fn with_limits_kept(stage: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    let inputs = stage.children().into_iter().zip(stage.required_input_ordering());
    let is_met =
        inputs.into_iter().any(|(input, order)| order.is_some() && input.fetch().is_some());
    if is_met { Arc::new(CooperativeExec::new(stage)) } else { stage }
}

/// Stands for a stage in the plan of the stage that reads it, and knows as much of its rows as is
/// known there.
#[derive(Debug)]
struct StageInputExec {
    stage: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl StageInputExec {
    fn new(
        stage: Arc<dyn ExecutionPlan>,
        partitioning: Partitioning,
        ordering: Option<LexOrdering>,
    ) -> Self {
        let mut known = EquivalenceProperties::new(stage.schema());
        known.add_orderings(ordering);
        let properties = PlanProperties::new(
            known,
            partitioning,
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self { stage, properties: Arc::new(properties) }
    }
}

impl DisplayAs for StageInputExec {
    fn fmt_as(&self, _kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl ExecutionPlan for StageInputExec {
    fn name(&self) -> &str {
        "StageInputExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(
        &self,
        _partition: usize,
        _context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        internal_err!("the place of a stage was run")
    }
}
