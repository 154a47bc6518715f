//! Stopping the work of a task that nobody waits for.
//!
//! Ballista drives the plan of a stage from a task of its own, which goes on when what waits for it
//! is dropped. A join may give rows for minutes without asking its inputs for anything, so it is
//! stopped where its batches come out.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use futures::{Future, Stream};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::driven::{Drive, Driven};

/// `plan` with everything below a place that yields stopped once `stop` is cancelled: the rules that
/// plans are made with put such a place above every join.
///
/// # Errors
/// A node refuses its changed child.
pub(super) fn stoppable(
    plan: Arc<dyn ExecutionPlan>,
    stop: &CancellationToken,
) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        let Some(yields) = node.downcast_ref::<CooperativeExec>() else {
            return Ok(Transformed::no(node));
        };
        let input = Arc::clone(yields.input());
        let below = Driven::around(input, UntilStopped(stop.clone()));
        Ok(Transformed::yes(replace_children_if_necessary(node, vec![below])?))
    })
    .data()
}

/// Its input, until it is stopped.
#[derive(Debug, Clone)]
struct UntilStopped(CancellationToken);

impl Drive for UntilStopped {
    const NAME: &'static str = "Stoppable";

    fn execute(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let batches = input.execute(partition, context)?;
        let stopped = Box::pin(self.0.clone().cancelled_owned());
        Ok(Box::pin(Batches { batches, stopped, has_ended: false }))
    }
}

struct Batches {
    batches: SendableRecordBatchStream,
    stopped: Pin<Box<WaitForCancellationFutureOwned>>,
    has_ended: bool,
}

impl Stream for Batches {
    type Item = <SendableRecordBatchStream as Stream>::Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        if self.stopped.as_mut().poll(context).is_ready() {
            self.has_ended = true;
            let stopped = DataFusionError::Execution("the task was cancelled".to_string());
            return Poll::Ready(Some(Err(stopped)));
        }
        Pin::new(&mut self.batches).poll_next(context)
    }
}

impl RecordBatchStream for Batches {
    fn schema(&self) -> datafusion::arrow::datatypes::SchemaRef {
        self.batches.schema()
    }
}

#[cfg(test)]
mod tests {
    use datafusion::common::tree_node::TreeNodeRecursion;
    use datafusion::physical_plan::execute_stream;
    use datafusion::prelude::SessionContext;
    use futures::StreamExt;

    use super::*;

    async fn join(session: &SessionContext) -> Arc<dyn ExecutionPlan> {
        let sql = "select a.x from generate_series(1, 1000000) a(x) cross join generate_series(1, 1000000) b(y)";
        let plan = session.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
        Arc::new(CooperativeExec::new(plan))
    }

    #[tokio::test]
    async fn a_join_that_was_stopped_gives_an_error_and_ends() {
        let session = SessionContext::new();
        let stop = CancellationToken::new();
        let plan = stoppable(join(&session).await, &stop).unwrap();
        let mut batches = execute_stream(plan, session.task_ctx()).unwrap();
        assert!(batches.next().await.unwrap().is_ok());
        stop.cancel();
        let mut ended = batches.next().await;
        while ended.as_ref().is_some_and(Result::is_ok) {
            ended = batches.next().await;
        }
        assert!(ended.unwrap().unwrap_err().to_string().contains("the task was cancelled"));
    }

    #[tokio::test]
    async fn metrics_of_a_stage_keep_their_number_and_order() {
        let session = SessionContext::new();
        let plan = join(&session).await;
        let names = |plan: &Arc<dyn ExecutionPlan>| {
            let mut names = Vec::new();
            plan.apply(|node| {
                if node.metrics().is_some() {
                    names.push(node.name().to_string());
                }
                Ok(TreeNodeRecursion::Continue)
            })
            .unwrap();
            names
        };
        let before = names(&plan);
        assert_eq!(names(&stoppable(plan, &CancellationToken::new()).unwrap()), before);
    }
}
