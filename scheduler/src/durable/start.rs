//! Starts Ballista's scheduler with everything that stands round it.

use std::sync::Arc;

use async_trait::async_trait;
use ballista_core::config::TaskSchedulingPolicy;
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::cluster::memory::InMemoryJobState;
use ballista_scheduler::config::{SchedulerConfig, TaskDistributionPolicy};
use ballista_scheduler::metrics::NoopMetricsCollector;
use ballista_scheduler::scheduler_server::{JobIdGenerator, SchedulerServer};
use lakegate_common::cluster_token::ClusterToken;
use lakegate_engine::channel::{self, MESSAGE_BYTES_MAX};
use lakegate_engine::codec::plan_codec;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::costs::Costs;
use super::gate::Gate;
use super::job_state::Jobs;
use super::members::Members;
use super::pulse::Pulse;
use super::results::ResultClients;
use super::{ClusterPort, Config, Core, Error, Scheduler, liveness, port, pulse, session};

/// An executor that was silent for so long is gone; it sends a heartbeat every five seconds.
const HEARTBEAT_TIMEOUT_SECS: u64 = 40;
/// How often Ballista looks for executors to remove; those that a probe found dead among them.
const EXPIRY_INTERVAL_SECS: u64 = 1;
/// When Ballista forgets an ended job that we have not forgotten before.
const JOB_STATE_SECS: u64 = 600;
/// Messages that wait for the event loop.
const EVENTS_MAX: u32 = 10_000;

/// The threads of the tier.
///
/// # Errors
/// The system gives none.
pub(super) fn threads(config: &Config) -> Result<Runtime, Error> {
    Builder::new_multi_thread()
        .worker_threads(config.threads.max(4))
        .thread_name("lakegate-durable")
        .enable_all()
        .build()
        .map_err(|source| Error::Start {
            action: "starting the threads of the durable tier",
            source,
        })
}

/// Starts everything on `threads`.
///
/// # Errors
/// The token cannot be used, or Ballista's scheduler cannot be started.
pub(super) async fn start(
    config: Config,
    port: ClusterPort,
    threads: Handle,
) -> Result<Arc<Core>, Error> {
    let token = ClusterToken::new(&port.token).map_err(|source| Error::Token { source })?;
    let settings = session::Settings::new(&config).map_err(|source| Error::Settings { source })?;
    let starting = start_here(config, token, settings, port, threads.clone());
    match threads.spawn(starting).await {
        Ok(core) => core,
        Err(error) => Err(Error::Start {
            action: "starting the durable tier",
            source: std::io::Error::other(error),
        }),
    }
}

async fn start_here(
    config: Config,
    token: ClusterToken,
    settings: session::Settings,
    port: ClusterPort,
    threads: Handle,
) -> Result<Arc<Core>, Error> {
    let ClusterPort { listener, advertise, access, .. } = port;
    // The port is served by the threads of the tier, whoever bound it.
    let listener = listener
        .into_std()
        .and_then(TcpListener::from_std)
        .map_err(|source| Error::Start { action: "taking the cluster port", source })?;
    let closing = CancellationToken::new();
    let pulse = Pulse::new();
    let costs = Arc::<Costs>::default();
    let members = Members::new(Arc::clone(&pulse), Arc::clone(&costs));
    let produced = settings.produce();
    let producer: ballista_core::ConfigProducer = Arc::new(move || produced.clone());
    let builder = Arc::new(ballista_core::utils::default_session_builder);
    let scheduler_id = Uuid::now_v7().to_string();
    let jobs =
        Jobs::new(InMemoryJobState::new(scheduler_id.clone(), builder, Arc::clone(&producer)));
    let cluster = BallistaCluster::new(members.clone(), jobs.clone());
    let ballista = Arc::new(scheduler_config(&config, scheduler_id, &token, producer));
    let mut scheduler: Scheduler = SchedulerServer::new(
        advertise,
        cluster,
        plan_codec(),
        ballista,
        Arc::new(NoopMetricsCollector::default()),
    );
    // Before the first clone, which would otherwise lack the event loop.
    scheduler.init().await.map_err(|source| Error::Ballista { source })?;

    let gate = Gate {
        scheduler: scheduler.clone(),
        members: Arc::clone(&members),
        costs: Arc::clone(&costs),
        token: token.clone(),
    };
    let answers = port::MemberAnswers { jobs: Arc::clone(&jobs), access, token: token.clone() };
    threads.spawn(port::serve(listener, gate, answers, token.clone(), closing.clone()));
    threads.spawn(liveness::watch(Arc::clone(&members), token.clone()));
    threads.spawn(pulse::ask(scheduler.clone(), Arc::clone(&pulse)));
    let clients = Arc::new(ResultClients::new(&token));
    Ok(Arc::new(Core {
        config,
        scheduler,
        members,
        jobs,
        costs,
        pulse,
        clients,
        settings,
        threads,
        closing,
    }))
}

fn scheduler_config(
    config: &Config,
    scheduler_id: String,
    token: &ClusterToken,
    producer: ballista_core::ConfigProducer,
) -> SchedulerConfig {
    let message_bytes = u32::try_from(MESSAGE_BYTES_MAX).unwrap_or(u32::MAX);
    SchedulerConfig {
        scheduler_id,
        scheduling_policy: TaskSchedulingPolicy::PushStaged,
        task_distribution: TaskDistributionPolicy::RoundRobin,
        event_loop_buffer_size: EVENTS_MAX,
        // Results are removed when they were read; a timer would remove them under a slow reader.
        finished_job_data_clean_up_interval_seconds: 0,
        finished_job_state_clean_up_interval_seconds: JOB_STATE_SECS,
        executor_timeout_seconds: HEARTBEAT_TIMEOUT_SECS,
        executor_termination_grace_period: HEARTBEAT_TIMEOUT_SECS,
        expire_dead_executor_interval_seconds: EXPIRY_INTERVAL_SECS,
        // Ours comes first and has the clearer error.
        no_executors_grace_period_seconds: config.executors_grace.as_secs().saturating_mul(2),
        grpc_client_max_message_size: message_bytes,
        grpc_server_max_decoding_message_size: message_bytes,
        grpc_server_max_encoding_message_size: message_bytes,
        override_config_producer: Some(producer),
        override_create_grpc_client_endpoint: Some(channel::customise(token)),
        job_id_generator: Some(Arc::new(TimeOrdered)),
        ..SchedulerConfig::default()
    }
}

/// Names jobs so that no two schedulers ever give the same name, in the order of time.
struct TimeOrdered;

#[async_trait]
impl JobIdGenerator for TimeOrdered {
    async fn next_id(&self) -> String {
        Uuid::now_v7().to_string()
    }
}
