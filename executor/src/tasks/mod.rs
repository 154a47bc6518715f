//! Runs tasks: each on the threads for queries, aborted on demand, its end reported in any case.

mod driven;
mod metrics;
mod outcome;
mod stop;
mod usage;

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ballista_core::JobId;
use ballista_core::error::BallistaError;
use ballista_core::registry::BallistaFunctionRegistry;
use ballista_core::serde::protobuf::{MultiTaskDefinition, SuccessfulTask};
use ballista_core::serde::scheduler::from_proto::get_task_definition_vec;
use ballista_core::serde::scheduler::{TaskDefinition, TaskKey};
use ballista_executor::execution_engine::{DefaultExecutionEngine, ExecutionEngine};
use datafusion::execution::TaskContext;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::prelude::SessionConfig;
use futures::FutureExt;
use futures::future::{AbortHandle, AbortRegistration, Abortable};
use lakegate_engine::codec::PlanCodec;
use lakegate_engine::cpu_time::{CpuTime, follow_tasks};
use lakegate_engine::peak_memory::PeakPool;
use lakegate_engine::runtime::for_query;
use lakegate_engine::task_usage::TaskUsage;
use lakegate_lake::read_plain_from;
use lakegate_lake::store::{QueryStores, Stores};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::reporter::{Report, Reports};
use crate::scratch::Scratch;
use metrics::operator_metrics;
use outcome::Times;
use stop::stoppable;
use usage::{JobMemory, charged, writing_time};

/// Numbers that name the files of tasks.
///
/// Ballista names them after the task's number, which begins anew when a stage is rolled back, and a
/// reader takes a file of its own machine before it asks the executor that was named to it. So the
/// file of an attempt that was given up would be read instead of the right one elsewhere. A number
/// from here is given once, to one attempt on one executor.
struct FileNumbers {
    prefix: u64,
    next: AtomicU32,
}

impl FileNumbers {
    fn new() -> Self {
        let (random, _) = Uuid::new_v4().as_u64_pair();
        Self { prefix: random & !u64::from(u32::MAX), next: AtomicU32::new(0) }
    }

    fn next(&self) -> usize {
        let number = self.prefix | u64::from(self.next.fetch_add(1, Ordering::Relaxed));
        usize::try_from(number).unwrap_or(usize::MAX)
    }
}

/// What every task of an executor shares.
pub(crate) struct Environment {
    /// Plans into tasks.
    pub(crate) codec: PlanCodec,
    /// What plans may name.
    pub(crate) functions: Arc<BallistaFunctionRegistry>,
    /// What a task's settings are read into.
    pub(crate) config: SessionConfig,
    /// Memory and spill folder.
    pub(crate) runtime: Arc<RuntimeEnv>,
    /// Objects.
    pub(crate) stores: Arc<Stores>,
    /// Where shuffle files go.
    pub(crate) scratch: Arc<Scratch>,
    /// Makes a runnable stage of a plan.
    pub(crate) engine: DefaultExecutionEngine,
}

/// Runs tasks on threads of their own.
pub(crate) struct TaskRunner {
    environment: Environment,
    threads: Handle,
    running: Mutex<HashMap<TaskKey, Running>>,
    reports: Reports,
    files: FileNumbers,
    memory: JobMemory,
}

/// What the tasks of one launch run with.
#[derive(Clone)]
struct Resources {
    runtime: Arc<RuntimeEnv>,
    stores: Arc<QueryStores>,
    memory: Arc<PeakPool>,
}

/// A task under way.
struct Running {
    abort: AbortHandle,
    ended: watch::Receiver<bool>,
}

impl TaskRunner {
    /// A runner on these threads that reports to `reports`.
    pub(crate) fn new(environment: Environment, threads: Handle, reports: Reports) -> Arc<Self> {
        follow_tasks();
        Arc::new(Self {
            environment,
            threads,
            running: Mutex::default(),
            reports,
            files: FileNumbers::new(),
            memory: JobMemory::default(),
        })
    }

    /// Starts the tasks of one plan. A plan that cannot be read fails its tasks, not the call.
    pub(crate) async fn launch(
        self: &Arc<Self>,
        executor_id: &str,
        definition: MultiTaskDefinition,
    ) {
        let failed: Vec<_> = outcome::unread(&definition);
        let resources = self.resources(&definition.job_id);
        let decode = || self.decode(definition, &resources);
        let decoded = std::panic::catch_unwind(AssertUnwindSafe(decode))
            .unwrap_or_else(|panic| Err(BallistaError::Internal(outcome::panic_text(&*panic))));
        match decoded {
            Ok(tasks) => {
                let start = |task| self.start(executor_id.to_string(), task, resources.clone());
                tasks.into_iter().for_each(start);
            }
            Err(error) => {
                let failure = outcome::failed_task(error);
                for mut status in failed {
                    status.status =
                        Some(ballista_core::serde::protobuf::task_status::Status::Failed(
                            failure.clone(),
                        ));
                    self.reports
                        .send(Report { executor_id: executor_id.to_string(), status })
                        .await;
                }
            }
        }
    }

    fn resources(&self, job: &str) -> Resources {
        let stores = self.environment.stores.for_query();
        let runtime = for_query(&self.environment.runtime, &stores);
        let memory = self.memory.of(job, &runtime);
        Resources { runtime: memory.in_runtime(&runtime), stores, memory }
    }

    fn decode(
        &self,
        definition: MultiTaskDefinition,
        resources: &Resources,
    ) -> Result<Vec<TaskDefinition>, BallistaError> {
        let Environment { codec, functions, config, .. } = &self.environment;
        let runtime = Arc::clone(&resources.runtime);
        get_task_definition_vec(
            definition,
            Arc::new(move |_| Ok(Arc::clone(&runtime))),
            config.clone(),
            functions.scalar_functions.clone(),
            functions.aggregate_functions.clone(),
            functions.window_functions.clone(),
            functions.higher_order_functions.clone(),
            codec.clone(),
        )
    }

    fn start(self: &Arc<Self>, executor_id: String, task: TaskDefinition, resources: Resources) {
        let key =
            TaskKey { job_id: task.job_id.clone(), stage_id: task.stage_id, task_id: task.task_id };
        let (abort, registration) = AbortHandle::new_pair();
        let (end, ended) = watch::channel(false);
        let earlier =
            self.running.lock().insert(key.clone(), Running { abort, ended: ended.clone() });
        if let Some(earlier) = earlier {
            // An earlier attempt of the stage that was given up. Its files have other names.
            earlier.abort.abort();
        }
        let runner = Arc::clone(self);
        self.threads.spawn(async move {
            runner.run(executor_id, task, resources, registration).await;
            {
                let mut running = runner.running.lock();
                // A later attempt may have taken the place.
                if running.get(&key).is_some_and(|entry| entry.ended.same_channel(&ended)) {
                    running.remove(&key);
                }
            }
            let _ = end.send(true);
        });
    }

    /// Runs a task to its end and reports it.
    async fn run(
        &self,
        executor_id: String,
        task: TaskDefinition,
        resources: Resources,
        registration: AbortRegistration,
    ) {
        let mut status = outcome::status_of(&task);
        let mut times = Times { launch: task.launch_time, start: now_ms(), end: 0 };
        let (cpu, memory) = (CpuTime::default(), Arc::clone(&resources.memory));
        let work = self.execute(&executor_id, task, resources, &cpu);
        let work = AssertUnwindSafe(cpu.of_future(work)).catch_unwind();
        let result = match Abortable::new(work, registration).await {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => Err(BallistaError::Internal(outcome::panic_text(&*panic))),
            Err(_aborted) => Err(BallistaError::Cancelled),
        };
        times.end = now_ms();
        let writing = result.as_ref().map_or(Duration::ZERO, |success| success.writing);
        outcome::finish(&mut status, times, result);
        let cpu_time = cpu.get().saturating_add(writing);
        TaskUsage { cpu_time, peak_memory_bytes: memory.peak_bytes() }.attach(&mut status.metrics);
        self.reports.send(Report { executor_id, status }).await;
    }

    async fn execute(
        &self,
        executor_id: &str,
        task: TaskDefinition,
        resources: Resources,
        cpu: &CpuTime,
    ) -> Result<outcome::Success, BallistaError> {
        let Environment { scratch, engine, .. } = &self.environment;
        // Cancelled when this future is dropped, which is how a task is aborted.
        let stop = CancellationToken::new();
        let plan = read_plain_from(&resources.runtime, task.plan)?;
        let plan = charged(stoppable(plan, &stop)?, cpu)?;
        let _stop = stop.drop_guard();
        let stage = engine.create_query_stage_exec(
            task.job_id,
            task.stage_id,
            self.files.next(),
            task.global_output_partition_ids,
            plan,
            &scratch.work().to_string_lossy(),
            &task.session_config,
        )?;
        let functions = &task.function_registry;
        let context = TaskContext::new(
            None,
            task.session_id,
            task.session_config,
            functions.scalar_functions.clone(),
            functions.higher_order_functions.clone(),
            functions.aggregate_functions.clone(),
            functions.window_functions.clone(),
            Arc::clone(&resources.runtime),
        );
        let partitions = stage.execute_query_stage(task.task_id, Arc::new(context)).await?;
        let metrics = operator_metrics(stage.as_ref(), resources.stores.take_used());
        let task = SuccessfulTask {
            executor_id: executor_id.to_string(),
            partitions,
            runtime_stats: stage.collect_runtime_stats_reports(),
            task_column_stats: stage.collect_column_stats(),
            window_state: stage.collect_window_state_reports()?,
        };
        Ok(outcome::Success { task, metrics, writing: writing_time(stage.as_ref()) })
    }

    /// Aborts one task, if it runs.
    pub(crate) fn cancel(&self, job: &str, stage: usize, task: usize) {
        let key = TaskKey { job_id: JobId::from(job.to_string()), stage_id: stage, task_id: task };
        if let Some(running) = self.running.lock().get(&key) {
            running.abort.abort();
        }
    }

    /// Aborts the tasks of a job and waits until they have ended.
    pub(crate) async fn cancel_job(&self, job: &str) {
        self.cancel_where(|key| key.job_id.as_str() == job).await;
    }

    /// Aborts every task and waits until they have ended.
    pub(crate) async fn cancel_all(&self) {
        self.cancel_where(|_| true).await;
    }

    async fn cancel_where<F: Fn(&TaskKey) -> bool>(&self, chosen: F) {
        let ends: Vec<_> = {
            let running = self.running.lock();
            let chosen = running.iter().filter(|(key, _)| chosen(key));
            chosen
                .map(|(_, task)| {
                    task.abort.abort();
                    task.ended.clone()
                })
                .collect()
        };
        for mut ended in ends {
            let _ = ended.wait_for(|ended| *ended).await;
        }
    }

    /// Tasks that run now.
    pub(crate) fn running_count(&self) -> usize {
        self.running.lock().len()
    }

    /// Jobs with a task that runs now.
    pub(crate) fn running_jobs(&self) -> Vec<String> {
        let mut jobs: Vec<String> =
            self.running.lock().keys().map(|key| key.job_id.to_string()).collect();
        jobs.sort_unstable();
        jobs.dedup();
        jobs
    }

    /// Returns once no task runs.
    pub(crate) async fn idle(&self) {
        loop {
            let next = self.running.lock().values().next().map(|task| task.ended.clone());
            let Some(mut ended) = next else { return };
            let _ = ended.wait_for(|ended| *ended).await;
            tokio::task::yield_now().await;
        }
    }
}

/// Milliseconds since 1970.
fn now_ms() -> u64 {
    let passed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(passed.as_millis()).unwrap_or(u64::MAX)
}
