//! A running executor: its port, its threads for tasks and its background work.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use arrow_flight::flight_service_server::FlightServiceServer;
use ballista_core::serde::protobuf::executor_grpc_server::ExecutorGrpcServer;
use ballista_executor::execution_engine::DefaultExecutionEngine;
use lakegate_common::ByteSize;
use lakegate_common::cluster_token::ClusterToken;
use lakegate_engine::channel::{self, KEEPALIVE, MESSAGE_BYTES_MAX};
use lakegate_engine::codec;
use lakegate_engine::runtime::{RuntimeLimits, runtime};
use lakegate_lake::cache::DataCache;
use lakegate_lake::store::{PrivateFolder, Stores};
use lakegate_proto::cluster::v1::executor_server::ExecutorServer;
use parking_lot::Mutex;
use tokio::runtime::{Handle, Runtime};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::service::interceptor::InterceptorLayer;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use crate::config::Config;
use crate::listen::Port;
use crate::membership::{Facts, Membership};
use crate::object_access::SchedulerAccess;
use crate::reporter::{self, Reports};
use crate::scratch::Scratch;
use crate::service::{FileService, LivenessService, TaskService};
use crate::shuffle_clients::ShuffleClients;
use crate::tasks::{Environment, TaskRunner};
use crate::{Error, drain, listen, machine};

/// Stack of a thread that runs tasks; plans nest deeply.
const STACK_BYTES: usize = 8 << 20;
/// How long the end of the node waits for stores to give up unfinished files.
const UPLOADS_TIME: Duration = Duration::from_secs(5);
/// The only folder in the executor's own that statements may use: where a server has the same
/// folder, its tables lie there.
const TABLES: &str = "tables";
/// Memory for Parquet footers.
const METADATA_CACHE: ByteSize = ByteSize::mib(64);

/// An executor that has joined its cluster. Dropping it ends everything it does at once.
pub struct Node {
    pub(crate) membership: Arc<Membership>,
    pub(crate) tasks: Arc<TaskRunner>,
    pub(crate) reports: Reports,
    pub(crate) scratch: Arc<Scratch>,
    pub(crate) config: Config,
    stores: Arc<Stores>,
    parts: JoinSet<(&'static str, Result<(), String>)>,
    closing: CancellationToken,
    /// Ends the threads when the node is dropped.
    _threads: Threads,
}

impl Node {
    /// Starts an executor and returns once it has joined.
    ///
    /// # Errors
    /// The folder or the port cannot be used, or the scheduler refuses this executor for good.
    pub async fn start(config: Config, token: &ClusterToken) -> Result<Self, Error> {
        let scratch = Arc::new(Scratch::open(&config.data_dir)?);
        let memory = config.memory.unwrap_or_else(machine::query_memory);
        let cores = config.cores.map_or_else(machine::cores, usize::from);
        let threads = Threads::start(cores)?;
        let port =
            listen::open(&config.scheduler, config.listen.as_deref(), config.advertise.as_deref())
                .await?;
        let facts = Facts {
            host: port.host.clone(),
            port: port.port,
            cores: u32::try_from(cores).unwrap_or(u32::MAX),
        };
        let membership = Membership::new(&config.scheduler, facts, token)?;
        let (reports, reporter) = reporter::channel();
        let access = SchedulerAccess::new(membership.member(), token.clone());
        let cache = DataCache::open(scratch.cache(), config.store.cache()).map_err(|source| {
            let path = scratch.cache().to_path_buf();
            Error::Scratch { action: "opening the cache in", path, source }
        })?;
        let stores = Stores::new(Arc::new(access), config.store.bounds(), cache);
        let private = PrivateFolder::new(&config.data_dir, TABLES).map_err(|source| {
            let path = config.data_dir.clone();
            Error::Scratch { action: "finding", path, source }
        })?;
        stores.keep_out_of(private);
        let environment = environment(&config, memory, &scratch, token, Arc::clone(&stores))?;
        let tasks = TaskRunner::new(environment, threads.handle(), reports.clone());
        let mut node = Self {
            membership,
            tasks,
            reports,
            scratch,
            stores,
            config,
            parts: JoinSet::new(),
            closing: CancellationToken::new(),
            _threads: threads,
        };
        node.serve(port, token, memory);
        let membership = Arc::clone(&node.membership);
        node.part("reporter", async move {
            reporter.run(membership).await;
            Ok(())
        });
        node.membership.join().await?;
        let (membership, tasks) = (Arc::clone(&node.membership), Arc::clone(&node.tasks));
        node.part("membership", async move {
            membership.keep(&tasks).await.map_err(|error| error.to_string())
        });
        let cleaner = drain::Cleaner::of(&node);
        node.part("cleaner", async move {
            cleaner.run().await;
            Ok(())
        });
        Ok(node)
    }

    /// `HOST:PORT` of the scheduler it belongs to, and its identifier there now.
    pub fn identity(&self) -> (String, Option<String>) {
        (self.config.scheduler.clone(), self.membership.id())
    }

    /// Takes no new tasks, finishes the running ones, serves files until no query needs them or the
    /// grace has passed, then leaves the cluster.
    pub async fn drain(mut self) {
        drain::drain(&self).await;
        self.stores.settled(UPLOADS_TIME).await;
        self.closing.cancel();
        // What a peer still reads may end; the rest ends with the process.
        let ended = async {
            while self
                .parts
                .join_next()
                .await
                .is_some_and(|part| !matches!(part, Ok(("server", _))))
            {}
        };
        let _ = tokio::time::timeout(Duration::from_secs(2), ended).await;
    }

    /// Returns when a part that must not end has ended.
    pub async fn failed(&mut self) -> Error {
        match self.parts.join_next().await {
            Some(Ok((part, outcome))) => Error::PartEnded {
                part,
                reason: outcome.err().unwrap_or_else(|| "without a reason".to_string()),
            },
            Some(Err(error)) => {
                Error::PartEnded { part: "background work", reason: error.to_string() }
            }
            None => {
                Error::PartEnded { part: "background work", reason: "nothing runs".to_string() }
            }
        }
    }

    fn part<F>(&mut self, name: &'static str, work: F)
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.parts.spawn(async move { (name, work.await) });
    }

    fn serve(&mut self, port: Port, token: &ClusterToken, memory: ByteSize) {
        let (membership, tasks, scratch) =
            (Arc::clone(&self.membership), Arc::clone(&self.tasks), Arc::clone(&self.scratch));
        let files = FileService::new(self.scratch.work().to_string_lossy().into_owned());
        let liveness = LivenessService {
            membership: Arc::clone(&membership),
            tasks: Arc::clone(&tasks),
            reports: self.reports.clone(),
            memory,
        };
        let router = Server::builder()
            .http2_keepalive_interval(Some(KEEPALIVE * 2))
            .http2_keepalive_timeout(Some(KEEPALIVE * 2))
            .layer(InterceptorLayer::new(token.require()))
            .add_service(
                ExecutorGrpcServer::new(TaskService { membership, tasks, scratch })
                    .max_decoding_message_size(MESSAGE_BYTES_MAX)
                    .max_encoding_message_size(MESSAGE_BYTES_MAX),
            )
            .add_service(
                FlightServiceServer::new(files)
                    .max_decoding_message_size(MESSAGE_BYTES_MAX)
                    .max_encoding_message_size(MESSAGE_BYTES_MAX),
            )
            .add_service(ExecutorServer::new(liveness));
        let incoming = TcpIncoming::from(port.listener).with_nodelay(Some(true));
        let closing = self.closing.clone().cancelled_owned();
        self.part("server", async move {
            router
                .serve_with_incoming_shutdown(incoming, closing)
                .await
                .map_err(|error| error.to_string())
        });
    }
}

fn environment(
    config: &Config,
    memory: ByteSize,
    scratch: &Arc<Scratch>,
    token: &ClusterToken,
    stores: Arc<Stores>,
) -> Result<Environment, Error> {
    let failed = |source| Error::Runtime { source };
    let limits =
        RuntimeLimits { memory, spill: config.spill_limit, metadata_cache: METADATA_CACHE };
    Ok(Environment {
        codec: codec::plan_codec(),
        functions: Arc::new(codec::functions(config.limits.function_bytes)),
        config: channel::executor_config(token).map_err(failed)?,
        runtime: runtime(limits, scratch.spill(), Arc::clone(&stores)).map_err(failed)?,
        stores,
        scratch: Arc::clone(scratch),
        engine: DefaultExecutionEngine::with_client_pool(Arc::new(ShuffleClients::new(
            Handle::current(),
        ))),
    })
}

/// The threads that run tasks, apart from those that answer calls.
struct Threads(Mutex<Option<Runtime>>, Handle);

impl Threads {
    fn start(cores: usize) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(cores)
            .thread_name("lakegate-task")
            .thread_stack_size(STACK_BYTES)
            .enable_all()
            .build()
            .map_err(|source| Error::Threads { source })?;
        let handle = runtime.handle().clone();
        Ok(Self(Mutex::new(Some(runtime)), handle))
    }

    fn handle(&self) -> Handle {
        self.1.clone()
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // Waiting for threads is not allowed where this may be dropped.
        if let Some(runtime) = self.0.lock().take() {
            runtime.shutdown_background();
        }
    }
}
