//! Keeps filters out of inputs in which they would be taken for filters of another column.
//!
//! Filters that are found when the plan is made, and those that a join makes of its left side while
//! it runs, are pushed down towards the scans. On the way their columns are looked up by name, and
//! what joins give often has several columns of one name, such as two called `id`: the filter would
//! be that of the first, and rows would be lost.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::Schema;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{JoinType, Result, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::filter_pushdown::{
    ChildFilterDescription, ChildPushdownResult, FilterDescription, FilterPushdownPhase,
    FilterPushdownPropagation,
};
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};

use crate::session::PhysicalRule;

/// The beginning of the names of DataFusion's rules that push filters down.
const PUSHES_FILTERS: &str = "FilterPushdown";

/// `rule` with fences in the plan while it runs, if it pushes filters down.
pub(crate) fn fenced(rule: PhysicalRule) -> PhysicalRule {
    if rule.name().starts_with(PUSHES_FILTERS) { Arc::new(Fenced(rule)) } else { rule }
}

#[derive(Debug)]
struct Fenced(PhysicalRule);

impl PhysicalOptimizerRule for Fenced {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let fenced = plan.transform_up(|node| {
            let within = with_fence_of_semi_join(&node)?;
            let fenced = fence(within, plain_columns(&node.schema()));
            let is_new = !Arc::ptr_eq(&fenced, &node);
            Ok(Transformed::new_transformed(fenced, is_new))
        })?;
        let pushed = self.0.optimize(fenced.data, config)?.transform_up(|node| {
            let input =
                node.downcast_ref::<FilterFenceExec>().map(|fence| Arc::clone(&fence.input));
            Ok(input.map_or_else(|| Transformed::no(node), Transformed::yes))
        });
        pushed.map(|plan| plan.data)
    }

    fn name(&self) -> &str {
        self.0.name()
    }

    fn schema_check(&self) -> bool {
        self.0.schema_check()
    }
}

/// `input` behind a fence, unless all of its columns are plain.
fn fence(input: Arc<dyn ExecutionPlan>, plain: HashSet<usize>) -> Arc<dyn ExecutionPlan> {
    if plain.len() == input.schema().fields().len() {
        return input;
    }
    Arc::new(FilterFenceExec { input, plain })
}

/// A semi join hands filters of its keys to the side that it does not give rows of, too, under the
/// names that they have on the other: there, columns that are called like a key and are not what it
/// is compared with are behind a fence.
fn with_fence_of_semi_join(node: &Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let Some(join) = node.downcast_ref::<HashJoinExec>() else { return Ok(Arc::clone(node)) };
    let is_right = match join.join_type() {
        JoinType::LeftSemi => true,
        JoinType::RightSemi => false,
        _ => return Ok(Arc::clone(node)),
    };
    let side = if is_right { join.right() } else { join.left() };
    let (input, mut plain) = match side.downcast_ref::<FilterFenceExec>() {
        Some(fence) => (Arc::clone(&fence.input), fence.plain.clone()),
        None => (Arc::clone(side), (0..side.schema().fields().len()).collect()),
    };
    for (left, right) in join.on() {
        let (own, other) = if is_right { (right, left) } else { (left, right) };
        let Some(key) = other.downcast_ref::<Column>() else { continue };
        let pair = own.downcast_ref::<Column>().map(Column::index);
        let is_another = |place: &usize| {
            input.schema().field(*place).name() == key.name() && pair != Some(*place)
        };
        plain.retain(|place| !is_another(place));
    }
    if plain.len() == side.schema().fields().len() {
        return Ok(Arc::clone(node));
    }
    let fenced = fence(input, plain);
    let sides = match is_right {
        true => vec![Arc::clone(join.left()), fenced],
        false => vec![fenced, Arc::clone(join.right())],
    };
    let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
    Arc::clone(node).replace_children(sides, options)
}

/// The places of columns whose name no other column has.
fn plain_columns(schema: &Schema) -> HashSet<usize> {
    let mut met = HashSet::new();
    let names = schema.fields().iter().map(|field| field.name());
    let repeated: HashSet<_> = names.clone().filter(|name| !met.insert(*name)).collect();
    let plain = names.enumerate().filter(|(_, name)| !repeated.contains(name));
    plain.map(|(place, _)| place).collect()
}

/// Lets filters of plain columns alone through to its input.
#[derive(Debug)]
struct FilterFenceExec {
    input: Arc<dyn ExecutionPlan>,
    plain: HashSet<usize>,
}

impl DisplayAs for FilterFenceExec {
    fn fmt_as(&self, _kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl ExecutionPlan for FilterFenceExec {
    fn name(&self) -> &str {
        "FilterFenceExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
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
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(input) = children.pop() else { return internal_err!("a fence has one input") };
        Ok(Arc::new(Self { input, plain: self.plain.clone() }))
    }

    fn execute(
        &self,
        _partition: usize,
        _context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        internal_err!("a fence was run")
    }

    fn gather_filters_for_pushdown(
        &self,
        _phase: FilterPushdownPhase,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        _config: &ConfigOptions,
    ) -> Result<FilterDescription> {
        let plain = self.plain.clone();
        let input =
            ChildFilterDescription::from_child_with_allowed_indices(&filters, plain, &self.input)?;
        Ok(FilterDescription::new().with_child(input))
    }

    fn handle_child_pushdown_result(
        &self,
        _phase: FilterPushdownPhase,
        pushed: ChildPushdownResult,
        _config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn ExecutionPlan>>> {
        Ok(FilterPushdownPropagation::if_all(pushed))
    }
}
