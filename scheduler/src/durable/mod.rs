//! The durable tier: work that must survive the loss of executors, run through Ballista.
//!
//! A [`Durable`] holds Ballista's scheduler on threads of its own and serves the cluster port. A plan
//! becomes a job (`query`), which is followed until it ends (`follow`), its results are fetched
//! (`results`) and its files removed. What Ballista lacks stands round it:
//!
//! | part | what for |
//! |---|---|
//! | `port`, `gate` | only members are heard, and only what executors have to say |
//! | `members`, `liveness` | who is there; who is gone is noticed within seconds |
//! | `costs` | what a query takes, attempts that were in vain among it |
//! | `slots` | which cores are free, also when Ballista forgot that a task holds none |
//! | `pulse` | notices that Ballista's event loop has died |
//! | `cancel` | a cancel that is repeated until it has worked |
//! | `watchdog` | a job that nothing moves any more is run again, then failed |
//! | `integrity` | a stage that would read rows twice after a loss is noticed, the query run again |
//! | `outcome` | what a failure means in our codes, and whether running again may help |

mod cancel;
mod config;
mod costs;
mod error;
mod follow;
mod gate;
mod hidden;
mod integrity;
mod job_state;
mod liveness;
mod members;
mod outcome;
mod placement;
mod port;
mod progress;
mod pulse;
mod query;
mod results;
mod session;
mod slots;
mod start;
mod watchdog;

use std::sync::Arc;

use ballista_scheduler::scheduler_server::SchedulerServer;
use datafusion::execution::context::SessionContext;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionConfig;
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use lakegate_common::secret::Secret;
use lakegate_engine::distributable;
use lakegate_lake::store::AccessSource;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::runtime::{Handle, Runtime};
use tokio_util::sync::CancellationToken;

use crate::query::QueryId;
use costs::Costs;
use job_state::Jobs;
use members::Members;
use pulse::Pulse;
use results::ResultClients;

pub use config::Config;
pub use costs::Cost;
pub use error::Error;
pub use members::{ExecutorState, ExecutorStatus};
pub use progress::{StageProgress, StageReport};
pub use query::DurableQuery;

/// Ballista's scheduler over the plan messages that Lakegate sends.
type Scheduler = SchedulerServer<LogicalPlanNode, PhysicalPlanNode>;

/// The durable tier of one server.
pub struct Durable {
    core: Arc<Core>,
    threads: Mutex<Option<Runtime>>,
}

/// The port that executors call, and what they may ask there.
pub struct ClusterPort {
    /// The join token.
    pub token: Secret,
    /// The bound port.
    pub listener: TcpListener,
    /// `HOST:PORT` at which executors reach it.
    pub advertise: String,
    /// Where executors' access to object stores comes from.
    pub access: Arc<dyn AccessSource>,
}

/// What the parts of the tier share.
struct Core {
    config: Config,
    scheduler: Scheduler,
    members: Arc<Members>,
    jobs: Arc<Jobs>,
    costs: Arc<Costs>,
    pulse: Arc<Pulse>,
    clients: Arc<ResultClients>,
    settings: session::Settings,
    threads: Handle,
    closing: CancellationToken,
}

impl Durable {
    /// Starts the tier and serves its cluster port.
    ///
    /// # Errors
    /// The token cannot be used, or threads and Ballista's scheduler cannot be started.
    pub async fn start(config: Config, port: ClusterPort) -> Result<Arc<Self>, Error> {
        let threads = start::threads(&config)?;
        let core = start::start(config, port, threads.handle().clone()).await;
        let threads = Mutex::new(Some(threads));
        match core {
            Ok(core) => Ok(Arc::new(Self { core, threads })),
            Err(error) => {
                end(&threads);
                Err(error)
            }
        }
    }

    /// The executors, those lost lately among them.
    pub fn executors(&self) -> Vec<ExecutorStatus> {
        self.core.members.list()
    }

    /// Whether Ballista's event loop still turns.
    pub fn is_healthy(&self) -> bool {
        self.core.pulse.is_alive()
    }

    /// The configuration under which a plan for this tier must be made, with as many partitions as
    /// the active executors have cores.
    pub fn session_config(&self, base: SessionConfig) -> SessionConfig {
        self.core.settings.session_config(base, self.core.members.active_cores())
    }

    /// A session state with the rules and functions that plans for this tier need.
    pub fn session_state(&self, config: SessionConfig, runtime: Arc<RuntimeEnv>) -> SessionState {
        self.core.settings.session_state(config, runtime)
    }

    /// Starts a physical plan that was made under [`Durable::session_config`]. It runs until its
    /// rows are read or dropped.
    ///
    /// # Errors
    /// The plan would give wrong rows on executors, or nobody is there to run it.
    pub async fn run(
        &self,
        id: QueryId,
        context: Arc<SessionContext>,
        plan: Arc<dyn ExecutionPlan>,
    ) -> Result<DurableQuery, Error> {
        distributable::check(&plan)?;
        let schema = plan.schema();
        query::start(&self.core, id, &context, query::Plan::Physical(plan), schema)
    }

    /// Runs a logical plan under Ballista's adaptive planner.
    ///
    /// It loses queries whose executors are lost, which a test shows; nothing else calls this.
    ///
    /// # Errors
    /// As [`Durable::run`].
    #[doc(hidden)]
    pub async fn run_adaptively(
        &self,
        id: QueryId,
        context: Arc<SessionContext>,
        plan: LogicalPlan,
    ) -> Result<DurableQuery, Error> {
        let schema = Arc::new(plan.schema().as_arrow().clone());
        query::start(&self.core, id, &context, query::Plan::Adaptive(plan), schema)
    }

    /// Cancels every query, closes the cluster port and ends the threads.
    pub async fn stop(&self) {
        self.core.closing.cancel();
        let idle = self.core.jobs.idle();
        if tokio::time::timeout(self.core.config.stop_timeout, idle).await.is_err() {
            tracing::warn!("queries of the durable tier did not end in time");
        }
        end(&self.threads);
    }
}

impl Drop for Durable {
    fn drop(&mut self) {
        self.core.closing.cancel();
        end(&self.threads);
    }
}

/// Ends the threads without waiting, which is not allowed where this may be called.
fn end(threads: &Mutex<Option<Runtime>>) {
    if let Some(threads) = threads.lock().take() {
        threads.shutdown_background();
    }
}
