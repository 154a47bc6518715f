//! Being a member: joining, heartbeats, and joining anew when the scheduler has forgotten us.
//!
//! Each membership has an identifier of its own. When the scheduler has given an executor up, it
//! has given its tasks to others; so the executor aborts what it runs before it joins anew, and
//! nothing it does afterwards can be mistaken for work of the earlier membership.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ballista_core::BALLISTA_PROTOCOL_VERSION;
use ballista_core::serde::protobuf::executor_resource::Resource;
use ballista_core::serde::protobuf::executor_status::Status as State;
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use ballista_core::serde::protobuf::{
    ExecutorOperatingSystemSpecification, ExecutorRegistration, ExecutorResource,
    ExecutorSpecification, ExecutorStatus, ExecutorStoppedParams, HeartBeatParams,
    RegisterExecutorParams,
};
use lakegate_common::cluster_token::{ClusterToken, ShowToken};
use lakegate_engine::channel::{self, MESSAGE_BYTES_MAX};
use lakegate_proto::cluster::v1::NeededJobsRequest;
use lakegate_proto::cluster::v1::scheduler_client::SchedulerClient;
use tokio::sync::watch;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use uuid::Uuid;

use crate::Error;
use crate::tasks::TaskRunner;

/// How often the scheduler hears from us. It gives an executor up after some that are missing.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(5);
/// How long an answer of the scheduler may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// First pause between two tries to join, doubled up to the longest.
const PAUSE_FIRST: Duration = Duration::from_millis(250);
const PAUSE_LONGEST: Duration = Duration::from_secs(5);
/// Jobs named in one question.
const QUESTION_MAX: usize = 10_000;

type Shown = InterceptedService<Channel, ShowToken>;
/// A client for what members ask beside Ballista's own calls.
pub(crate) type MemberClient = SchedulerClient<Shown>;

/// What an executor tells of itself when it joins.
pub(crate) struct Facts {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) cores: u32,
}

/// The membership of this executor.
pub(crate) struct Membership {
    address: String,
    facts: Facts,
    scheduler: SchedulerGrpcClient<Shown>,
    member: MemberClient,
    /// The identifier now; `None` between two memberships.
    id: watch::Sender<Option<String>>,
    draining: AtomicBool,
}

impl Membership {
    /// No membership yet, of a cluster whose scheduler is at `address` (`HOST:PORT`).
    ///
    /// # Errors
    /// The address makes no URL.
    pub(crate) fn new(
        address: &str,
        facts: Facts,
        token: &ClusterToken,
    ) -> Result<Arc<Self>, Error> {
        let refused = || Error::SchedulerAddress { address: address.to_string() };
        let endpoint = Endpoint::from_shared(format!("http://{address}")).map_err(|_| refused())?;
        let endpoint = channel::member_endpoint(endpoint, token).map_err(|_| refused())?;
        let channel = endpoint.timeout(ANSWER_TIMEOUT).connect_lazy();
        let scheduler = SchedulerGrpcClient::with_interceptor(channel.clone(), token.show())
            .max_encoding_message_size(MESSAGE_BYTES_MAX)
            .max_decoding_message_size(MESSAGE_BYTES_MAX);
        let member = SchedulerClient::with_interceptor(channel, token.show());
        let id = watch::Sender::new(None);
        Ok(Arc::new(Self {
            address: address.to_string(),
            facts,
            scheduler,
            member,
            id,
            draining: AtomicBool::new(false),
        }))
    }

    /// A client of the scheduler.
    pub(crate) fn scheduler(&self) -> SchedulerGrpcClient<Shown> {
        self.scheduler.clone()
    }

    /// A client for what members ask beside Ballista's own calls.
    pub(crate) fn member(&self) -> MemberClient {
        self.member.clone()
    }

    /// The identifier now; `None` between two memberships.
    pub(crate) fn id(&self) -> Option<String> {
        self.id.borrow().clone()
    }

    /// Whether this is the identifier now.
    pub(crate) fn is_current(&self, id: &str) -> bool {
        self.id.borrow().as_deref() == Some(id)
    }

    /// Ends a membership that the scheduler no longer knows. Another one than the present is ended
    /// already.
    pub(crate) fn lose(&self, id: &str) {
        self.id.send_if_modified(|current| current.take_if(|current| current == id).is_some());
    }

    /// Becomes a member; tries until it works.
    ///
    /// # Errors
    /// The scheduler refuses us in a way that trying again does not change.
    pub(crate) async fn join(&self) -> Result<(), Error> {
        let mut pause = PAUSE_FIRST;
        let mut told = String::new();
        loop {
            let id = Uuid::now_v7().to_string();
            // Before the scheduler knows of us, since it asks back before it answers.
            self.id.send_replace(Some(id.clone()));
            let request = RegisterExecutorParams { metadata: Some(self.registration(&id)) };
            match self.scheduler().register_executor(request).await {
                Ok(_) => {
                    self.announce(&id);
                    return Ok(());
                }
                Err(status) => {
                    self.id.send_replace(None);
                    self.explain(status, &mut told)?;
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_LONGEST);
        }
    }

    fn explain(&self, status: Status, told: &mut String) -> Result<(), Error> {
        if matches!(
            status.code(),
            Code::Unauthenticated | Code::PermissionDenied | Code::FailedPrecondition
        ) {
            return Err(Error::Refused {
                scheduler: self.address.clone(),
                reason: status.message().to_string(),
            });
        }
        let reason = format!("{}: {}", status.code(), status.message());
        if *told != reason {
            tracing::warn!(
                scheduler = self.address,
                error = reason,
                "not joined yet; trying again"
            );
            *told = reason;
        }
        Ok(())
    }

    /// One line for scripts on stdout and one for people in the log.
    fn announce(&self, id: &str) {
        // Nobody may be reading.
        let _ = writeln!(std::io::stdout(), "joined {} as {id}", self.address);
        tracing::info!(
            scheduler = self.address,
            executor_id = id,
            host = self.facts.host,
            port = self.facts.port,
            cores = self.facts.cores,
            "joined"
        );
    }

    /// Sends heartbeats and joins anew when the membership is lost. Ends only where joining does.
    pub(crate) async fn keep(&self, tasks: &TaskRunner) -> Result<(), Error> {
        let mut changes = self.id.subscribe();
        loop {
            let Some(id) = self.id() else {
                tasks.cancel_all().await;
                if self.draining.load(Ordering::Acquire) {
                    return Ok(());
                }
                tracing::warn!(
                    scheduler = self.address,
                    "the scheduler has given this executor up; joining anew"
                );
                match self.join().await {
                    Ok(()) => continue,
                    // The scheduler may have come back with another token or version; it may again.
                    Err(error) => {
                        tracing::error!(error = %lakegate_common::Chain(&error), "not let in again; trying on")
                    }
                }
                tokio::time::sleep(PAUSE_LONGEST).await;
                continue;
            };
            if let Err(status) = self.heartbeat(&id).await {
                tracing::warn!(
                    scheduler = self.address,
                    error = status.message(),
                    "a heartbeat did not arrive"
                );
            }
            let lost = changes.wait_for(|current| current.as_deref() != Some(id.as_str()));
            let _ = tokio::time::timeout(HEARTBEAT, lost).await;
        }
    }

    /// Tells the scheduler that we live, and whether it may send tasks.
    pub(crate) async fn heartbeat(&self, id: &str) -> Result<(), Status> {
        let state = match self.draining.load(Ordering::Acquire) {
            true => State::Terminating(String::new()),
            false => State::Active(String::new()),
        };
        let request = HeartBeatParams {
            executor_id: id.to_string(),
            metrics: Vec::new(),
            status: Some(ExecutorStatus { status: Some(state) }),
            metadata: Some(self.registration(id)),
        };
        if self.scheduler().heart_beat_from_executor(request).await?.into_inner().reregister {
            self.lose(id);
        }
        Ok(())
    }

    /// Tells the scheduler to send no more tasks.
    pub(crate) async fn drain(&self) {
        self.draining.store(true, Ordering::Release);
        if let Some(id) = self.id()
            && let Err(status) = self.heartbeat(&id).await
        {
            tracing::warn!(
                error = status.message(),
                "the scheduler does not know yet that this executor drains"
            );
        }
    }

    /// Tells the scheduler that we are gone.
    pub(crate) async fn leave(&self, reason: &str) {
        let Some(id) = self.id() else { return };
        let request = ExecutorStoppedParams { executor_id: id.clone(), reason: reason.to_string() };
        if let Err(status) = self.scheduler().executor_stopped(request).await {
            tracing::warn!(
                error = status.message(),
                "the scheduler did not hear that this executor leaves"
            );
        }
        self.lose(&id);
    }

    /// Which of these jobs somebody still needs.
    ///
    /// # Errors
    /// The scheduler cannot be asked.
    pub(crate) async fn needed(&self, mut jobs: Vec<String>) -> Result<Vec<String>, Status> {
        jobs.truncate(QUESTION_MAX);
        let answer = self.member.clone().needed_jobs(NeededJobsRequest { job_ids: jobs }).await?;
        Ok(answer.into_inner().job_ids)
    }

    fn registration(&self, id: &str) -> ExecutorRegistration {
        ExecutorRegistration {
            id: id.to_string(),
            host: Some(self.facts.host.clone()),
            port: u32::from(self.facts.port),
            grpc_port: u32::from(self.facts.port),
            specification: Some(ExecutorSpecification {
                resources: vec![ExecutorResource {
                    resource: Some(Resource::Vcores(self.facts.cores)),
                }],
            }),
            os_info: Some(ExecutorOperatingSystemSpecification::default()),
            ballista_protocol_version: BALLISTA_PROTOCOL_VERSION,
        }
    }
}
