//! What a task takes: processor time, and memory together with the other tasks of its job.
//!
//! Ballista drives the plan of a stage from tasks of its own, so the plan is charged where its
//! batches come out, below the node that writes them to shuffle files. For that node stands what its
//! own clocks say of encoding and writing.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use ballista_executor::execution_engine::QueryStageExecutor;
use datafusion::common::Result;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use lakegate_engine::cpu_time::CpuTime;
use lakegate_engine::peak_memory::PeakPool;
use parking_lot::Mutex;

use super::driven::{Drive, Driven};

/// Clocks of the nodes that write shuffle files. What they measure happens without waiting for
/// others, but for the disk.
const WRITING_CLOCKS: [&str; 3] = ["repart_time", "spill_time", "write_time"];

/// `plan`, which writes shuffle files, with what is below charged to `cpu`.
///
/// # Errors
/// The writing node refuses its changed child.
pub(super) fn charged(
    plan: Arc<dyn ExecutionPlan>,
    cpu: &CpuTime,
) -> Result<Arc<dyn ExecutionPlan>> {
    let charged =
        |input: &Arc<dyn ExecutionPlan>| Driven::around(Arc::clone(input), ChargedTo(cpu.clone()));
    let children = plan.children().into_iter().map(charged).collect();
    replace_children_if_necessary(plan, children)
}

/// Its input, charged.
#[derive(Debug, Clone)]
struct ChargedTo(CpuTime);

impl Drive for ChargedTo {
    const NAME: &'static str = "Charged";

    fn execute(
        &self,
        input: &Arc<dyn ExecutionPlan>,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let batches = {
            // Operators may start tasks here already.
            let _charging = self.0.charge();
            input.execute(partition, context)?
        };
        let schema = batches.schema();
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, self.0.of_stream(batches))))
    }
}

/// The time that a stage took to write its shuffle files.
pub(super) fn writing_time(stage: &dyn QueryStageExecutor) -> Duration {
    stage.collect_plan_metrics().first().map_or(Duration::ZERO, time_of)
}

fn time_of(writer: &MetricsSet) -> Duration {
    let clocks = WRITING_CLOCKS.iter().filter_map(|clock| writer.sum_by_name(clock));
    Duration::from_nanos(clocks.map(|time| time.as_usize() as u64).sum())
}

/// The memory of the jobs that have a task here.
#[derive(Default)]
pub(super) struct JobMemory(Mutex<HashMap<String, Weak<PeakPool>>>);

impl JobMemory {
    /// The pool of a job, over that of `runtime`. It lives as long as one of its tasks.
    pub(super) fn of(&self, job: &str, runtime: &RuntimeEnv) -> Arc<PeakPool> {
        let mut pools = self.0.lock();
        if let Some(pool) = pools.get(job).and_then(Weak::upgrade) {
            return pool;
        }
        pools.retain(|_, pool| pool.strong_count() > 0);
        let pool = PeakPool::over(runtime);
        pools.insert(job.to_string(), Arc::downgrade(&pool));
        pool
    }
}

#[cfg(test)]
mod tests {
    use datafusion::physical_plan::coop::CooperativeExec;
    use datafusion::prelude::SessionContext;
    use futures::StreamExt;

    use super::*;

    #[tokio::test]
    async fn what_is_below_the_writer_is_charged() {
        let session = SessionContext::new();
        let sql = "select sum(x) from generate_series(1, 1000000) a(x)";
        let plan = session.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
        let cpu = CpuTime::default();
        // Any node stands for the writer here.
        let plan = charged(Arc::new(CooperativeExec::new(plan)), &cpu).unwrap();
        let mut batches = plan.execute(0, session.task_ctx()).unwrap();
        while batches.next().await.is_some() {}
        assert!(cpu.get() > Duration::ZERO);
    }

    #[test]
    fn tasks_of_a_job_share_a_pool_which_goes_with_the_last() {
        let (memory, runtime) = (JobMemory::default(), RuntimeEnv::default());
        let (first, second) = (memory.of("a", &runtime), memory.of("a", &runtime));
        assert!(Arc::ptr_eq(&first, &second));
        let other = memory.of("b", &runtime);
        assert!(!Arc::ptr_eq(&first, &other));
        drop((first, second, other));
        memory.of("c", &runtime);
        assert_eq!(memory.0.lock().len(), 1);
    }
}
