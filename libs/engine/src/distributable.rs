//! Which plans may run on executors.
//!
//! A task runs a copy of its stage's plan in which every leaf is cut down to the task's partitions.
//! Ballista cuts the leaves it knows and leaves others whole, so that each task would read
//! everything and rows would come several times. Here such plans are refused before that.

use std::any::Any;
use std::sync::Arc;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::placeholder_row::PlaceholderRowExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use lakegate_common::{Coded, ErrorCode};

use crate::security_barrier::SecurityBarrier;

/// Rows in memory that a plan may carry to executors, in bytes.
pub const INLINE_BYTES_MAX: usize = 16 << 20;

/// Inner nodes whose state lives in one process.
const ONE_PROCESS_NODES: [&str; 4] =
    ["ScalarSubqueryExec", "RecursiveQueryExec", "AnalyzeExec", "AsyncFuncExec"];

/// A plan that would give wrong rows on executors.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NotDistributable {
    /// A subquery that must give one row at most, which only one process checks.
    #[error("only one process checks that the subquery {subquery} gives one row")]
    UncheckedSubquery {
        /// Its last step.
        subquery: String,
    },
    /// A leaf that cannot be cut down to the partitions of one task.
    #[error("{node} cannot be divided between executors")]
    Leaf {
        /// The node's name.
        node: String,
    },
    /// A scan that loses on the way what keeps its rows right.
    #[error("the scan of {file} carries a row selection that executors do not get")]
    Selection {
        /// One of the files.
        file: String,
    },
    /// A compressed text file: how it is compressed is lost on the way.
    #[error("the files at {file} are compressed, which executors do not read")]
    Compressed {
        /// One of the files.
        file: String,
    },
    /// More rows in memory than may travel.
    #[error("the plan carries {bytes} bytes of rows, and {INLINE_BYTES_MAX} may travel")]
    TooManyRows {
        /// What it carries.
        bytes: usize,
    },
    /// A node whose parts must run in one process.
    #[error("{node} must run in one process")]
    OneProcess {
        /// The node's name.
        node: String,
    },
}

/// Refuses a logical plan whose meaning is lost on executors: a scalar subquery that may give more
/// than one row becomes a join there, which multiplies rows where one process gives an error.
///
/// # Errors
/// [`NotDistributable::UncheckedSubquery`].
pub fn check_subqueries(plan: &LogicalPlan) -> Result<(), NotDistributable> {
    let mut unchecked = None;
    let walked = plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expression| {
            expression.apply(|part| {
                let Expr::ScalarSubquery(subquery) = part else {
                    return Ok(TreeNodeRecursion::Continue);
                };
                let one_row = rows_max(&subquery.subquery).is_some_and(|rows| rows <= 1);
                if one_row || !subquery.outer_ref_columns.is_empty() {
                    return Ok(TreeNodeRecursion::Continue);
                }
                unchecked = Some(subquery.subquery.display().to_string());
                Ok(TreeNodeRecursion::Stop)
            })
        })
    });
    match (walked, unchecked) {
        (Ok(_), None) => Ok(()),
        (_, subquery) => {
            Err(NotDistributable::UncheckedSubquery { subquery: subquery.unwrap_or_default() })
        }
    }
}

/// As [`LogicalPlan::max_rows`], which knows nothing of barriers.
fn rows_max(plan: &LogicalPlan) -> Option<usize> {
    match (SecurityBarrier::of(plan), plan) {
        (Some(barrier), _) => rows_max(barrier.input()),
        (None, LogicalPlan::Projection(projection)) => rows_max(&projection.input),
        (None, plan) => plan.max_rows(),
    }
}

impl Coded for NotDistributable {
    fn code(&self) -> ErrorCode {
        ErrorCode::PlanNotDistributable
    }

    fn hint(&self) -> Option<String> {
        Some("SET lakegate.execution.tier = 'local'".to_string())
    }
}

/// Checks every node of a plan.
///
/// # Errors
/// The first node that must not be distributed.
pub fn check(plan: &Arc<dyn ExecutionPlan>) -> Result<(), NotDistributable> {
    if ONE_PROCESS_NODES.contains(&plan.name()) {
        return Err(NotDistributable::OneProcess { node: plan.name().to_string() });
    }
    let children = plan.children();
    if children.is_empty() {
        return check_leaf(plan);
    }
    children.into_iter().try_for_each(check)
}

fn check_leaf(plan: &Arc<dyn ExecutionPlan>) -> Result<(), NotDistributable> {
    if let Some(scan) = plan.downcast_ref::<DataSourceExec>() {
        let source: &dyn Any = scan.data_source().as_ref();
        if let Some(files) = source.downcast_ref::<FileScanConfig>() {
            return check_files(files);
        }
        if let Some(rows) = source.downcast_ref::<MemorySourceConfig>() {
            return check_rows(rows, plan);
        }
    }
    // The partition count of these does not travel; one partition is what they come back with.
    let generated = plan.is::<EmptyExec>() || plan.is::<PlaceholderRowExec>();
    if generated && plan.output_partitioning().partition_count() == 1 {
        return Ok(());
    }
    Err(NotDistributable::Leaf { node: plan.name().to_string() })
}

fn check_files(scan: &FileScanConfig) -> Result<(), NotDistributable> {
    let files = scan.file_groups.iter().flat_map(|group| group.files());
    for file in files {
        if !file.extensions.is_empty() {
            return Err(NotDistributable::Selection { file: file.path().to_string() });
        }
        if scan.file_compression_type.is_compressed() {
            return Err(NotDistributable::Compressed { file: file.path().to_string() });
        }
    }
    Ok(())
}

fn check_rows(
    rows: &MemorySourceConfig,
    plan: &Arc<dyn ExecutionPlan>,
) -> Result<(), NotDistributable> {
    let bytes = rows.partitions().iter().flatten().map(|batch| batch.get_array_memory_size()).sum();
    if bytes > INLINE_BYTES_MAX {
        return Err(NotDistributable::TooManyRows { bytes });
    }
    // Cutting it down forgets the limit and the order.
    if plan.fetch().is_some() || plan.output_ordering().is_some() {
        return Err(NotDistributable::Leaf { node: plan.name().to_string() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};

    use super::*;

    async fn outcome(sql: &str) -> Result<(), NotDistributable> {
        let folder = tempfile::tempdir().unwrap();
        let session =
            SessionContext::new_with_config(SessionConfig::new().with_information_schema(true));
        let path = format!("{}/t.parquet", folder.path().display());
        session
            .sql(&format!("COPY (SELECT 1 AS a, 2 AS b) TO '{path}'"))
            .await
            .unwrap()
            .collect()
            .await
            .unwrap();
        session.register_parquet("t", &path, ParquetReadOptions::default()).await.unwrap();
        check(&session.sql(sql).await.unwrap().create_physical_plan().await.unwrap())
    }

    #[tokio::test]
    async fn a_subquery_that_may_give_several_rows_is_refused() {
        let session = SessionContext::new();
        session.sql("CREATE TABLE t AS VALUES (1), (2)").await.unwrap();
        for (sql, refused) in [
            ("SELECT (SELECT column1 FROM t) + 1", true),
            ("SELECT 1 WHERE 1 = (SELECT column1 FROM t)", true),
            ("SELECT (SELECT max(column1) FROM t) + 1", false),
            ("SELECT (SELECT column1 FROM t LIMIT 1) + 1", false),
            ("SELECT column1 FROM t WHERE column1 IN (SELECT column1 FROM t)", false),
        ] {
            let plan = session.state().create_logical_plan(sql).await.unwrap();
            assert_eq!(check_subqueries(&plan).is_err(), refused, "{sql}");
        }
    }

    #[tokio::test]
    async fn scans_of_files_are_distributed() {
        for sql in [
            "SELECT a FROM t",
            "SELECT x.a FROM t x JOIN t y ON x.a = y.b",
            "SELECT a FROM t UNION ALL SELECT 1",
            "SELECT 1",
        ] {
            assert_eq!(outcome(sql).await, Ok(()), "{sql}");
        }
    }

    #[tokio::test]
    async fn a_few_rows_may_travel() {
        assert_eq!(outcome("SELECT * FROM (VALUES (1), (2)) v (x) JOIN t ON x = a").await, Ok(()));
    }

    #[tokio::test]
    async fn a_leaf_that_every_task_would_read_whole_is_refused() {
        for sql in [
            "SELECT a FROM t JOIN generate_series(1, 3) g ON value = a",
            "SELECT table_name FROM information_schema.tables",
        ] {
            assert!(matches!(outcome(sql).await, Err(NotDistributable::Leaf { .. })), "{sql}");
        }
    }

    #[tokio::test]
    async fn a_node_that_keeps_its_state_in_one_process_is_refused() {
        let sql = "WITH RECURSIVE r AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM r WHERE x < 3) SELECT * FROM r";
        assert!(matches!(
            outcome(sql).await,
            Err(NotDistributable::OneProcess { .. } | NotDistributable::Leaf { .. })
        ));
    }
}
