//! Which columns of a plan settle others: the key of a `GROUP BY` settles every column of its rows.
//!
//! DataFusion notes this at each node, and a good deal is decided by it: which columns a `GROUP BY`
//! or `ORDER BY` can do without, whether a `DISTINCT` or a join can be left out, whether a window's
//! rows may be equal. Of an aggregate whose input has notes of its own, as the join of a grouped
//! subquery with something else, it notes too much: that the inner key still settles whole rows. The
//! same is true of `unnest`, which makes several rows of one
//! (<https://github.com/apache/datafusion/pull/24787>). Rows are lost by it.

use std::cell::Cell;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{
    DFSchema, DFSchemaRef, Dependency, FunctionalDependence, FunctionalDependencies, Result,
};
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::{Aggregate, Distinct, LogicalPlan};
use datafusion::optimizer::{AnalyzerRule, OptimizerConfig, OptimizerRule};
use datafusion::sql::sqlparser::ast::TableFactor;

/// DataFusion's rules that decide by what is noted.
pub(crate) const DECIDE: [&str; 4] = [
    "replace_distinct_aggregate",
    "eliminate_join",
    "eliminate_duplicated_expr",
    "optimize_projections",
];

/// Notes of each node what is true of it. Nodes get DataFusion's notes whenever they are made, so it
/// comes last of the rules that analyse, and before each of those that [`DECIDE`].
#[derive(Debug)]
pub(crate) struct SoundDependencies;

impl AnalyzerRule for SoundDependencies {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        Ok(sound(plan)?.data)
    }

    fn name(&self) -> &str {
        "sound_dependencies"
    }
}

impl OptimizerRule for SoundDependencies {
    fn name(&self) -> &str {
        "sound_dependencies"
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        sound(plan)
    }
}

fn sound(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let mut any = false;
    plan.apply_with_subqueries(|node| {
        any = !dependencies(node).is_empty();
        Ok(if any { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    if any { plan.transform_up_with_subqueries(soundly_noted) } else { Ok(Transformed::no(plan)) }
}

fn soundly_noted(node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    if dependencies(&node).is_empty() {
        return Ok(Transformed::no(node));
    }
    match &node {
        LogicalPlan::Aggregate(aggregate) => {
            let key = key_of(aggregate);
            noted(node, key)
        }
        LogicalPlan::Unnest(_) => noted(node, FunctionalDependencies::empty()),
        LogicalPlan::Projection(_)
        | LogicalPlan::Window(_)
        | LogicalPlan::Join(_)
        | LogicalPlan::SubqueryAlias(_) => {
            let made_anew = node.clone().recompute_schema()?;
            noted(node, dependencies(&made_anew).clone())
        }
        _ => Ok(Transformed::no(node)),
    }
}

/// What the columns that an aggregate groups by settle: its rows. Nothing is noted of grouping sets.
fn key_of(aggregate: &Aggregate) -> FunctionalDependencies {
    let columns = aggregate.schema.fields().len();
    let key: Vec<_> = (0..aggregate.group_expr.len()).collect();
    let nullable = key.iter().any(|column| aggregate.schema.field(*column).is_nullable());
    let settles = FunctionalDependence::new(key, (0..columns).collect(), nullable);
    FunctionalDependencies::new(vec![settles.with_mode(Dependency::Single)])
}

fn dependencies(node: &LogicalPlan) -> &FunctionalDependencies {
    node.schema().functional_dependencies()
}

/// `node` with these notes, where it has notes of its own.
fn noted(
    mut node: LogicalPlan,
    dependencies: FunctionalDependencies,
) -> Result<Transformed<LogicalPlan>> {
    let schema = match &mut node {
        LogicalPlan::Aggregate(node) => &mut node.schema,
        LogicalPlan::Distinct(Distinct::On(node)) => &mut node.schema,
        LogicalPlan::Join(node) => &mut node.schema,
        LogicalPlan::Projection(node) => &mut node.schema,
        LogicalPlan::SubqueryAlias(node) => &mut node.schema,
        LogicalPlan::Unnest(node) => &mut node.schema,
        LogicalPlan::Window(node) => &mut node.schema,
        _ => return Ok(Transformed::no(node)),
    };
    if *schema.functional_dependencies() == dependencies {
        return Ok(Transformed::no(node));
    }
    let columns = DFSchema::clone(schema);
    *schema = DFSchemaRef::new(columns.with_functional_dependencies(dependencies)?);
    Ok(Transformed::yes(node))
}

/// Plans what stands in `FROM` so that nothing is noted of it: a column that is neither grouped by
/// nor aggregated is refused, as standard SQL has it, and windows frame rows that may be equal.
/// While a statement is read there is no other place to correct what is noted.
#[derive(Debug)]
pub(crate) struct UnnotedRelations;

thread_local! {
    /// Whether the next relation is the one that [`UnnotedRelations`] asks for itself.
    static ASKED_FOR: Cell<bool> = const { Cell::new(false) };
}

impl RelationPlanner for UnnotedRelations {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        if ASKED_FOR.replace(false) {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        }
        ASKED_FOR.set(true);
        let plan = unnoted(context.plan(relation)?)?;
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, None))))
    }
}

/// `plan` without notes at what is seen of it from above.
fn unnoted(plan: LogicalPlan) -> Result<LogicalPlan> {
    let plan = plan.transform_down(|node| {
        if dependencies(&node).is_empty() {
            return Ok(Transformed::new(node, false, TreeNodeRecursion::Jump));
        }
        noted(node, FunctionalDependencies::empty())
    })?;
    Ok(plan.data)
}
