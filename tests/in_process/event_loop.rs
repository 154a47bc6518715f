//! The death of Ballista's event loop, on which everything hangs and which nothing guards.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PhysicalExpr, PlanProperties,
};
use lakegate_scheduler::durable;
use lakegate_scheduler::query::QueryId;

use super::support::{Fleet, read, until};

/// A node of a plan that panics as soon as what it reads is there: Ballista's event loop puts the
/// places of a stage's input into its plan when the stage before has ended.
#[derive(Debug)]
struct Trap {
    input: Arc<dyn ExecutionPlan>,
}

impl DisplayAs for Trap {
    fn fmt_as(&self, _form: DisplayFormatType, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Trap")
    }
}

impl ExecutionPlan for Trap {
    fn name(&self) -> &str {
        "Trap"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let input = children.swap_remove(0);
        assert!(!reads_a_shuffle(&input), "the trap of the test snaps");
        Ok(Arc::new(Self { input }))
    }

    fn execute(
        &self,
        _partition: usize,
        _context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        Err(DataFusionError::Internal("a trap never runs".to_string()))
    }
}

fn reads_a_shuffle(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.name() == "ShuffleReaderExec" || plan.children().into_iter().any(reads_a_shuffle)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_death_of_the_event_loop_is_told_and_leaves_no_query_waiting() {
    let config =
        durable::Config { stuck_after: Duration::from_secs(4), ..durable::Config::default() };
    let fleet = Fleet::start(2, config).await;
    let session = fleet.session().await;
    let rows = session.sql("SELECT k, count(*) FROM numbers GROUP BY k").await.unwrap();
    let trap = Arc::new(Trap { input: rows.create_physical_plan().await.unwrap() });
    assert!(fleet.durable.is_healthy());
    let trapped = fleet.durable.run(QueryId::new(), session, trap).await.unwrap();
    let error = read(trapped).await.unwrap_err();
    let other = read(fleet.query("SELECT count(*) FROM numbers").await).await;
    assert!(other.is_err(), "nobody plans it after {error}");
    until("the death is told", || !fleet.durable.is_healthy()).await;
}
