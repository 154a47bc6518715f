//! The local tier: DataFusion in this process, on threads of its own, streamed while it runs.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::execution::context::TaskContext;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::{StreamExt, stream};
use lakegate_engine::cpu_time::{CpuTime, follow_tasks};
use lakegate_engine::schema::conform;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_util::task::AbortOnDropHandle;

use super::Error;
use super::result::Batches;

/// Batches that wait between the plan and its reader.
const BATCHES_AHEAD: usize = 4;

/// A plan with what it is run with.
pub(super) struct Execution {
    pub(super) plan: Arc<dyn ExecutionPlan>,
    pub(super) context: Arc<TaskContext>,
    /// The schema that its batches get.
    pub(super) schema: SchemaRef,
    /// To whom the work is charged.
    pub(super) cpu: CpuTime,
}

/// The threads that run plans, apart from those that serve connections: a busy query delays no
/// other client's call.
#[derive(Debug)]
pub(super) struct LocalThreads {
    runtime: Option<Runtime>,
    handle: Handle,
}

impl LocalThreads {
    pub(super) fn start(threads: usize) -> Result<Self, Error> {
        follow_tasks();
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads.max(1))
            .thread_name("local-query")
            .enable_all()
            .build()
            .map_err(Error::Threads)?;
        let handle = runtime.handle().clone();
        Ok(Self { runtime: Some(runtime), handle })
    }

    /// Starts a plan. Dropping the stream stops it; `permit` is held until it has ended.
    pub(super) fn run(&self, execution: Execution, permit: OwnedSemaphorePermit) -> Batches {
        let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
        let cpu = execution.cpu.clone();
        let work = async move {
            let _permit = permit;
            if let Err(error) = drive(execution, &sender).await {
                // The reader may have gone away; then nobody is left to tell.
                let _ = sender.send(Err(error)).await;
            }
        };
        let task = AbortOnDropHandle::new(self.handle.spawn(cpu.of_future(work)));
        let running = Some((receiver, task));
        stream::unfold(running, |running| async move {
            let (mut batches, task) = running?;
            match batches.recv().await {
                Some(batch) => Some((batch, Some((batches, task)))),
                // A task that panicked closes the channel too: its rows are not the whole result.
                None => task.await.is_err().then_some((Err(Error::TaskLost), None)),
            }
        })
        .boxed()
    }
}

impl Drop for LocalThreads {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Runs a plan that only hands out constants where its reader is: another thread would have to be
/// woken for it, and the reader again for its one batch.
pub(super) fn run_here(execution: Execution) -> Result<Batches, Error> {
    let Execution { plan, context, schema, cpu } = execution;
    let batches = execute_stream(plan, context).map_err(Error::running)?;
    let batches = batches
        .map(move |batch| conform(&batch.map_err(Error::running)?, &schema).map_err(Error::Result));
    Ok(cpu.of_stream(batches).boxed())
}

async fn drive(
    execution: Execution,
    sender: &mpsc::Sender<Result<RecordBatch, Error>>,
) -> Result<(), Error> {
    let Execution { plan, context, schema, .. } = execution;
    let mut stream = execute_stream(plan, context).map_err(Error::running)?;
    while let Some(batch) = stream.next().await {
        let batch = conform(&batch.map_err(Error::running)?, &schema).map_err(Error::Result)?;
        if batch.num_rows() > 0 && sender.send(Ok(batch)).await.is_err() {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_plan_that_panics_fails_its_query_instead_of_ending_it() {
        use arrow::datatypes::{DataType, Field, Schema};
        use datafusion::logical_expr::{ColumnarValue, Volatility, create_udf};
        use datafusion::prelude::SessionContext;

        let session = SessionContext::new();
        let panics = |_: &[ColumnarValue]| panic!("on purpose");
        let function =
            create_udf("panics", vec![], DataType::Int64, Volatility::Volatile, Arc::new(panics));
        session.register_udf(function);
        let plan = session.sql("SELECT panics() AS n").await.unwrap();
        let plan = plan.create_physical_plan().await.unwrap();
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)]));
        let permit = Arc::new(tokio::sync::Semaphore::new(1)).acquire_owned().await.unwrap();
        let threads = LocalThreads::start(1).unwrap();
        let context = session.task_ctx();
        let execution = Execution { plan, context, schema, cpu: CpuTime::default() };
        let mut batches = threads.run(execution, permit);
        assert!(matches!(batches.next().await, Some(Err(Error::TaskLost))));
        assert!(batches.next().await.is_none());
    }

    #[tokio::test]
    async fn the_time_of_all_tasks_of_a_plan_is_its_time() {
        use std::time::Instant;

        use datafusion::prelude::{SessionConfig, SessionContext};
        use lakegate_engine::schema::canonical;

        const THREADS: u32 = 2;
        let session =
            SessionContext::new_with_config(SessionConfig::new().with_target_partitions(4));
        let sql = "SELECT value % 1000 AS k, count(*), sum(value) FROM generate_series(1, 3000000) GROUP BY 1";
        let plan = session.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
        let schema = canonical(&plan.schema());
        let cpu = CpuTime::default();
        let context = session.task_ctx();
        let execution = Execution { plan, context, schema, cpu: cpu.clone() };
        let permit = Arc::new(tokio::sync::Semaphore::new(1)).acquire_owned().await.unwrap();
        let threads = LocalThreads::start(THREADS as usize).unwrap();
        let begun = Instant::now();
        let batches: Vec<_> = threads.run(execution, permit).collect().await;
        let took = begun.elapsed();
        assert_eq!(batches.into_iter().map(|batch| batch.unwrap().num_rows()).sum::<usize>(), 1000);
        // Tasks of their own group the rows: who reads the result hardly does anything.
        let root = cpu.get();
        assert!(root > took / 10, "{root:?} of {took:?}");
        assert!(root <= took * THREADS, "{root:?} of {took:?}");
    }
}
