//! Joins that executors answer right.
//!
//! A join may collect its left side once for all partitions of its right side, which in one process
//! share what rows of the left side have found a match. On executors each task has partitions of
//! its own and shares nothing: rows of the left side that stand for themselves would come from
//! every task. So a hash join of that kind divides both sides by its keys, and any other such join
//! has one task.
//!
//! Ballista divides such hash joins itself, and those whose left side is too large to be sent to
//! every task, but only when it cuts the plan into stages: what stands above them, such as a sort
//! of one partition, was planned before for the partitions that they had, and loses rows.

use std::sync::Arc;

use arrow::datatypes::DataType;
use ballista_core::config::BallistaConfig;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{JoinType, Result};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::joins::{
    CrossJoinExec, HashJoinExec, HashJoinExecBuilder, NestedLoopJoinExec, PartitionMode,
};
use datafusion::physical_plan::limit::GlobalLimitExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, Partitioning};

/// Bytes that Ballista takes for a value whose length is not known.
const VALUE_BYTES: usize = 32;
/// Bytes that it takes for a row at least.
const ROW_BYTES_MIN: usize = 8;

/// Divides both sides of the hash joins that Ballista would divide. It comes after the rule that
/// chooses how joins run and before the one that gives operators the partitions that they need.
#[derive(Debug)]
pub(crate) struct DividedJoins;

impl PhysicalOptimizerRule for DividedJoins {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let divided = plan.transform_up(|node| {
            let Some(join) = node.downcast_ref::<HashJoinExec>() else {
                return Ok(Transformed::no(node));
            };
            if !is_divided(join, config) {
                return Ok(Transformed::no(node));
            }
            let join = join.builder().with_partition_mode(PartitionMode::Partitioned);
            Ok(Transformed::yes(join.build_exec()?))
        });
        divided.map(|plan| plan.data)
    }

    fn name(&self) -> &str {
        "divided_joins"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Gives joins that compare more than keys one task where they have to know what rows of their left
/// side found no match, and a stage where they are part of a union; and divides the hash joins that
/// Ballista would still divide. It comes last.
#[derive(Debug)]
pub(crate) struct JoinTasks;

impl PhysicalOptimizerRule for JoinTasks {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let joined = plan.transform_up(|node| {
            if node.is::<UnionExec>() {
                return branches_apart(node);
            }
            if let Some(join) = node.downcast_ref::<HashJoinExec>() {
                let partitions = config.execution.target_partitions;
                if is_divided(join, config) {
                    return divided_late(join, partitions).map(Transformed::yes);
                }
                let divided = divided_again(join, partitions)?;
                return Ok(divided.map_or_else(|| Transformed::no(node), Transformed::yes));
            }
            let Some(join) = node.downcast_ref::<NestedLoopJoinExec>() else {
                return Ok(Transformed::no(node));
            };
            let right = in_one_partition(join.right());
            if is_of_right_rows(*join.join_type()) || Arc::ptr_eq(&right, join.right()) {
                return Ok(Transformed::no(node));
            }
            let sides = vec![Arc::clone(join.left()), right];
            let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
            Ok(Transformed::yes(Arc::clone(&node).replace_children(sides, options)?))
        });
        joined.map(|plan| plan.data)
    }

    fn name(&self) -> &str {
        "join_tasks"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The join with both sides divided by its keys, and its rows united again, where it has one
/// partition of each side and may have as many as `partitions`. Ballista would divide them later,
/// above what unites one of the sides.
fn divided_again(join: &HashJoinExec, partitions: usize) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let is_one = |side: &Arc<dyn ExecutionPlan>| side.output_partitioning().partition_count() == 1;
    let is_divided = *join.partition_mode() == PartitionMode::Partitioned;
    if partitions < 2 || !is_divided || !is_one(join.left()) || !is_one(join.right()) {
        return Ok(None);
    }
    let joined = by_keys(join, partitions)?.build_exec()?;
    // A limit that the join has taken over holds for each of its partitions by now.
    Ok(Some(united(joined, join.fetch())))
}

/// A join that was planned to be sent its left side whole and that Ballista would divide: a later
/// rule made it, or found that its left side has no rows. It gives its rows in the order and in
/// the partitions that what stands above it was planned for.
fn divided_late(join: &HashJoinExec, partitions: usize) -> Result<Arc<dyn ExecutionPlan>> {
    // Of a limit that the join has taken over, any rows would do for each partition; not if they
    // are to be the first ones.
    let divided = by_keys(join, partitions)?.with_partition_mode(PartitionMode::Partitioned);
    let mut joined = divided.with_fetch(None).build_exec()?;
    let planned = join.properties();
    let partitioning = planned.output_partitioning();
    if matches!(partitioning, Partitioning::Hash(..)) {
        joined = Arc::new(RepartitionExec::try_new(joined, partitioning.clone())?);
    }
    if let Some(ordering) = planned.output_ordering() {
        let sorted = SortExec::new(ordering.clone(), joined).with_preserve_partitioning(true);
        joined = Arc::new(sorted);
    }
    // Above a join of several partitions the limit stands once more.
    Ok(if partitioning.partition_count() == 1 { united(joined, join.fetch()) } else { joined })
}

/// The join with both sides divided by its keys.
fn by_keys(join: &HashJoinExec, partitions: usize) -> Result<HashJoinExecBuilder> {
    let (left, right): (Vec<_>, Vec<_>) = join.on().iter().cloned().unzip();
    let divided = |side: &Arc<dyn ExecutionPlan>, keys| {
        RepartitionExec::try_new(Arc::clone(side), Partitioning::Hash(keys, partitions))
    };
    let sides: Vec<Arc<dyn ExecutionPlan>> =
        vec![Arc::new(divided(join.left(), left)?), Arc::new(divided(join.right(), right)?)];
    join.builder().with_new_children(sides)
}

/// The rows of all partitions in one, in their order if they have one, and no more than `fetch`.
fn united(plan: Arc<dyn ExecutionPlan>, fetch: Option<usize>) -> Arc<dyn ExecutionPlan> {
    let united: Arc<dyn ExecutionPlan> = match plan.output_ordering().cloned() {
        Some(ordering) => Arc::new(SortPreservingMergeExec::new(ordering, plan)),
        None => Arc::new(CoalescePartitionsExec::new(plan)),
    };
    match fetch {
        Some(rows) => Arc::new(GlobalLimitExec::new(united, 0, Some(rows))),
        None => united,
    }
}

/// The union, each of its branches whose rows several tasks might give in a stage of its own. Of a
/// branch of one partition Ballista takes what a task reads away from the tasks that it is not for,
/// as long as that is the right side of a join. When it knows how large the sides are they may
/// change places, and what is collected is left to every task.
fn branches_apart(union: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let mut is_apart = false;
    let branches = union.children().into_iter().map(|branch| {
        let is_one = branch.output_partitioning().partition_count() == 1;
        if !is_one || branch.is::<GlobalLimitExec>() || !branch.exists(|node| Ok(collects(node)))? {
            return Ok(Arc::clone(branch));
        }
        is_apart = true;
        Ok(behind_limit(Arc::clone(branch)))
    });
    let branches = branches.collect::<Result<Vec<_>>>()?;
    if !is_apart {
        return Ok(Transformed::no(union));
    }
    let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
    union.replace_children(branches, options).map(Transformed::yes)
}

/// Whether a join collects a side that it may yet change for the other.
fn collects(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.is::<NestedLoopJoinExec>() || plan.is::<CrossJoinExec>()
}

/// Whether each row of a join's answer follows from one row of its right side.
fn is_of_right_rows(join_type: JoinType) -> bool {
    matches!(
        join_type,
        JoinType::Inner
            | JoinType::Right
            | JoinType::RightSemi
            | JoinType::RightAnti
            | JoinType::RightMark
    )
}

/// Whether Ballista divides a hash join that would be sent its left side whole. Those that must see
/// a NULL anywhere have one task there, of both sides.
fn is_divided(join: &HashJoinExec, config: &ConfigOptions) -> bool {
    *join.partition_mode() == PartitionMode::CollectLeft
        && !join.null_aware
        && !(is_of_right_rows(*join.join_type()) && is_sent_whole(join.left().as_ref(), config))
}

/// Whether Ballista sends a left side to every task.
fn is_sent_whole(left: &dyn ExecutionPlan, config: &ConfigOptions) -> bool {
    let ballista = config.extensions.get::<BallistaConfig>().cloned().unwrap_or_default();
    let Ok(statistics) = StatisticsContext::new().compute(left, &StatisticsArgs::new()) else {
        return false;
    };
    let bytes = match (statistics.total_byte_size.get_value(), statistics.num_rows.get_value()) {
        (Some(bytes), _) if *bytes != 0 => *bytes,
        (_, Some(rows)) if *rows != 0 => rows.saturating_mul(row_bytes(left)),
        _ => return false,
    };
    bytes < ballista.broadcast_join_threshold_bytes()
}

/// What Ballista takes for a row.
fn row_bytes(plan: &dyn ExecutionPlan) -> usize {
    let schema = plan.schema();
    let bytes = schema.fields().iter().map(|field| match field.data_type() {
        DataType::Boolean | DataType::Int8 | DataType::UInt8 => 1,
        DataType::Int16 | DataType::UInt16 => 2,
        DataType::Int32 | DataType::UInt32 | DataType::Float32 | DataType::Date32 => 4,
        DataType::Int64 | DataType::UInt64 | DataType::Float64 | DataType::Date64 => 8,
        DataType::Decimal128(..) => 16,
        _ => VALUE_BYTES,
    });
    bytes.sum::<usize>().max(ROW_BYTES_MIN)
}

/// The plan in one partition, behind a limit that leaves out nothing. By itself, what unites
/// partitions would be taken away again where Ballista plans a stage, since a join asks for no
/// distribution of its right side; a limit asks for it.
fn in_one_partition(plan: &Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    if plan.output_partitioning().partition_count() == 1 {
        return Arc::clone(plan);
    }
    match plan.downcast_ref::<RepartitionExec>() {
        Some(divided) if matches!(divided.partitioning(), Partitioning::RoundRobinBatch(_)) => {
            in_one_partition(divided.input())
        }
        _ => behind_limit(Arc::new(CoalescePartitionsExec::new(Arc::clone(plan)))),
    }
}

/// The plan behind a limit that leaves out nothing.
fn behind_limit(plan: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    Arc::new(GlobalLimitExec::new(plan, 0, None))
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{Field, Schema};
    use datafusion::execution::session_state::SessionStateBuilder;
    use datafusion::physical_expr::expressions::Column;
    use datafusion::physical_expr::{LexOrdering, PhysicalExprRef, PhysicalSortExpr};
    use datafusion::physical_plan::displayable;
    use datafusion::physical_plan::empty::EmptyExec;
    use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};

    use super::*;
    use crate::session::distributed_rules;

    /// A session with a table `one` of one file, and `two` of two.
    async fn session() -> (tempfile::TempDir, SessionContext) {
        let folder = tempfile::tempdir().unwrap();
        let mut config = SessionConfig::new().with_target_partitions(3);
        config.options_mut().extensions.insert(BallistaConfig::default());
        let state = SessionStateBuilder::new()
            .with_config(config)
            .with_default_features()
            .with_physical_optimizer_rules(distributed_rules())
            .build();
        let session = SessionContext::new_with_state(state);
        for (table, files) in [("one", 1), ("two", 2)] {
            for file in 0..files {
                let path = format!("{}/{table}/{file}.parquet", folder.path().display());
                let rows = "SELECT value AS k, value AS n FROM generate_series(1, 40)";
                let copied = session.sql(&format!("COPY ({rows}) TO '{path}'")).await.unwrap();
                copied.collect().await.unwrap();
            }
            let path = format!("{}/{table}/", folder.path().display());
            session.register_parquet(table, &path, ParquetReadOptions::default()).await.unwrap();
        }
        (folder, session)
    }

    async fn planned(session: &SessionContext, sql: &str) -> String {
        let plan = session.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
        displayable(plan.as_ref()).indent(false).to_string()
    }

    #[tokio::test]
    async fn a_left_side_whose_rows_stand_for_themselves_is_collected_by_no_hash_join() {
        let (_folder, session) = session().await;
        for sql in [
            "SELECT * FROM one LEFT JOIN two ON one.k = two.k ORDER BY one.n",
            "SELECT count(*) FROM one FULL JOIN one AS other ON one.k = other.k",
            "SELECT k FROM one WHERE k IN (SELECT k FROM two) ORDER BY n",
            "SELECT k FROM two WHERE k NOT IN (SELECT k FROM one WHERE k IS NOT NULL) LIMIT 3",
        ] {
            let plan = planned(&session, sql).await;
            let unsafe_joins = ["join_type=Left", "join_type=Full"];
            let wrong = plan.lines().filter(|line| {
                line.contains("mode=CollectLeft")
                    && !line.contains("null_aware")
                    && unsafe_joins.iter().any(|join| line.contains(join))
            });
            assert_eq!(wrong.count(), 0, "{sql}: {plan}");
        }
        // A small left side still goes to where the rows of the right one are.
        let plan = planned(&session, "SELECT * FROM one JOIN two ON one.k = two.k").await;
        assert!(plan.contains("mode=CollectLeft"), "{plan}");
    }

    #[tokio::test]
    async fn a_join_by_more_than_keys_has_one_task_where_rows_of_its_left_side_stand_for_themselves()
     {
        let (_folder, session) = session().await;
        for (join, is_one) in [("LEFT", true), ("FULL", true), ("RIGHT", false), ("INNER", false)] {
            let sql = format!("SELECT * FROM one {join} JOIN two ON one.n < two.n");
            let plan = session.sql(&sql).await.unwrap().create_physical_plan().await.unwrap();
            let shown = displayable(plan.as_ref()).indent(false).to_string();
            let mut partitions = None;
            plan.apply(|node| {
                if let Some(join) = node.downcast_ref::<NestedLoopJoinExec>() {
                    let is_safe = is_of_right_rows(*join.join_type());
                    let count = join.right().output_partitioning().partition_count();
                    partitions = Some(is_safe || count == 1);
                    assert!(is_one || is_safe, "{sql}: {shown}");
                }
                Ok(datafusion::common::tree_node::TreeNodeRecursion::Continue)
            })
            .unwrap();
            assert_eq!(partitions, Some(true), "{sql}: {shown}");
        }
    }

    #[test]
    fn a_join_that_turns_out_to_be_divided_keeps_its_partitions_its_order_and_its_limit() {
        let schema = Arc::new(Schema::new(vec![Field::new("k", DataType::Int64, true)]));
        let key = Column::new("k", 0);
        let mut config = ConfigOptions::new();
        config.execution.target_partitions = 3;
        let order = LexOrdering::from([PhysicalSortExpr::new_default(Arc::new(key.clone()))]);
        let right: Arc<dyn ExecutionPlan> = Arc::new(EmptyExec::new(Arc::clone(&schema)));
        let sorted: Arc<dyn ExecutionPlan> = Arc::new(SortExec::new(order, Arc::clone(&right)));
        let by_key = Partitioning::Hash(vec![Arc::new(key.clone())], 2);
        let hashed = RepartitionExec::try_new(Arc::clone(&right), by_key).unwrap();
        for (right, fetch) in [(right, Some(4)), (sorted, Some(4)), (Arc::new(hashed), None)] {
            // No rows on the left: Ballista takes them for any number of rows.
            let left = Arc::new(EmptyExec::new(Arc::clone(&schema)));
            let on: Vec<(PhysicalExprRef, PhysicalExprRef)> =
                vec![(Arc::new(key.clone()), Arc::new(key.clone()))];
            let join = HashJoinExecBuilder::new(left, right, on, JoinType::Inner)
                .with_partition_mode(PartitionMode::CollectLeft)
                .with_fetch(fetch)
                .build_exec()
                .unwrap();
            let divided = JoinTasks.optimize(Arc::clone(&join), &config).unwrap();
            let shown = displayable(divided.as_ref()).indent(false).to_string();
            assert!(shown.contains("mode=Partitioned"), "{shown}");
            assert!(shown.contains("Hash([k@0], 3)"), "{shown}");
            let partitioning =
                |plan: &Arc<dyn ExecutionPlan>| plan.output_partitioning().to_string();
            assert_eq!(partitioning(&divided), partitioning(&join), "{shown}");
            assert_eq!(divided.output_ordering(), join.output_ordering(), "{shown}");
            assert_eq!(shown.contains("GlobalLimitExec: skip=0, fetch=4"), fetch.is_some());
        }
    }
}
