//! A durable tier with executors that can be killed, and tables to ask.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::util::pretty::pretty_format_batches;
use datafusion::dataframe::DataFrameWriteOptions;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use futures::TryStreamExt;
use lakegate_common::ByteSize;
use lakegate_common::cluster_token::ClusterToken;
use lakegate_common::secret::Secret;
use lakegate_executor::{Config, LimitsConfig, Node};
use lakegate_lake::store::{NoAccess, StoreSettings};
use lakegate_scheduler::durable::{self, ClusterPort, Durable, DurableQuery, ExecutorState};
use lakegate_scheduler::query::QueryId;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

pub(crate) const TOKEN: &str = "token-of-these-tests-0123456789";
/// How long anything may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(90);

/// A durable tier with executors of one core.
pub(crate) struct Fleet {
    pub(crate) durable: Arc<Durable>,
    pub(crate) cluster_address: String,
    pub(crate) executors: Vec<Executor>,
    data: TempDir,
}

/// An executor on threads of its own.
pub(crate) struct Executor {
    threads: Option<Runtime>,
    pub(crate) folder: TempDir,
}

impl Executor {
    async fn start(scheduler: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = Config {
            scheduler: scheduler.to_string(),
            data_dir: folder.path().to_path_buf(),
            listen: None,
            advertise: None,
            cores: Some(1.try_into().unwrap()),
            memory: Some(ByteSize::mib(256)),
            spill_limit: ByteSize::gib(1),
            drain_grace: Duration::from_secs(5),
            file_age_max: Duration::from_secs(3600),
            store: StoreSettings::default(),
            limits: LimitsConfig { function_bytes: ByteSize::mib(256) },
        };
        let threads = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let (joined, has_joined) = tokio::sync::oneshot::channel();
        threads.spawn(async move {
            let mut node =
                Node::start(config, &ClusterToken::new(&Secret::from_text(TOKEN)).unwrap())
                    .await
                    .unwrap();
            joined.send(()).unwrap();
            node.failed().await
        });
        has_joined.await.unwrap();
        Self { threads: Some(threads), folder }
    }

    /// Ends it between two instructions, as SIGKILL does.
    pub(crate) fn kill(&mut self) {
        if let Some(threads) = self.threads.take() {
            threads.shutdown_background();
        }
    }

    /// Jobs of which it has files.
    pub(crate) fn jobs(&self) -> usize {
        std::fs::read_dir(self.folder.path().join("work")).map_or(0, Iterator::count)
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Fleet {
    /// A fleet of `count` executors with the tables `numbers` (of several files) and `names`.
    pub(crate) async fn start(count: usize, config: durable::Config) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let cluster_address = listener.local_addr().unwrap().to_string();
        let durable =
            Durable::start(config, cluster_port(listener, &cluster_address)).await.unwrap();
        let data = tempfile::tempdir().unwrap();
        write_tables(data.path()).await;
        let mut fleet = Self { durable, cluster_address, executors: Vec::new(), data };
        for _ in 0..count {
            fleet.add().await;
        }
        fleet
    }

    pub(crate) async fn add(&mut self) {
        let address = self.cluster_address.clone();
        self.add_at(&address).await;
    }

    /// Adds an executor that takes `scheduler` for the cluster port.
    pub(crate) async fn add_at(&mut self, scheduler: &str) {
        self.executors.push(Executor::start(scheduler).await);
    }

    /// A session in which plans for the executors are made.
    pub(crate) async fn session(&self) -> Arc<SessionContext> {
        let config = self.durable.session_config(SessionConfig::new());
        let session = SessionContext::new_with_state(
            self.durable.session_state(config, Arc::new(RuntimeEnv::default())),
        );
        register(&session, self.data.path()).await;
        Arc::new(session)
    }

    /// Starts a query on the executors.
    pub(crate) async fn query(&self, sql: &str) -> DurableQuery {
        let session = self.session().await;
        let plan = session.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
        self.durable.run(QueryId::new(), session, plan).await.unwrap()
    }

    /// The rows of a query, as a table.
    pub(crate) async fn rows(&self, sql: &str) -> String {
        read(self.query(sql).await).await.unwrap()
    }

    /// The rows of the same query in one process.
    pub(crate) async fn expected(&self, sql: &str) -> String {
        let session = SessionContext::new();
        register(&session, self.data.path()).await;
        table(&session.sql(sql).await.unwrap().collect().await.unwrap())
    }

    /// Executors that take tasks.
    pub(crate) fn active(&self) -> usize {
        self.durable
            .executors()
            .iter()
            .filter(|executor| executor.state == ExecutorState::Active)
            .count()
    }
}

fn cluster_port(listener: TcpListener, address: &str) -> ClusterPort {
    ClusterPort {
        token: Secret::from_text(TOKEN),
        listener,
        advertise: address.to_string(),
        access: Arc::new(NoAccess),
    }
}

/// Reads a query to its end.
pub(crate) async fn read(mut query: DurableQuery) -> Result<String, durable::Error> {
    read_rows(&mut query).await
}

/// Reads all rows of a query, of which more can be asked afterwards.
pub(crate) async fn read_rows(query: &mut DurableQuery) -> Result<String, durable::Error> {
    let rows = (&mut query.batches).try_collect();
    let batches: Vec<RecordBatch> =
        tokio::time::timeout(DEADLINE, rows).await.expect("a query ends")?;
    Ok(table(&batches))
}

/// Waits until `holds`.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < DEADLINE, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until a stage is done and another is not: its output can be lost then.
pub(crate) async fn until_a_stage_is_done(query: &DurableQuery) {
    until("a stage is done and another runs", || {
        let stages = query.progress.borrow();
        let done = stages.iter().any(|stage| stage.tasks > 0 && stage.tasks_done == stage.tasks);
        done && stages.iter().any(|stage| stage.tasks_done < stage.tasks)
    })
    .await;
}

async fn register(session: &SessionContext, folder: &Path) {
    for name in ["numbers", "names"] {
        let path = folder.join(name);
        session
            .register_parquet(name, path.to_str().unwrap(), ParquetReadOptions::default())
            .await
            .unwrap();
    }
}

async fn write_tables(folder: &Path) {
    let session = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(4));
    let tables = [
        (
            "numbers",
            "SELECT value AS n, value % 1000 AS k, value % 7 AS name_id FROM generate_series(1, 200000)",
        ),
        ("names", "SELECT value AS id, 'name ' || value AS name FROM generate_series(0, 6)"),
    ];
    for (name, sql) in tables {
        let rows = session.sql(sql).await.unwrap();
        let path = folder.join(name);
        rows.write_parquet(&format!("{}/", path.display()), DataFrameWriteOptions::new(), None)
            .await
            .unwrap();
    }
}

/// The lines of a table, in an order of their own.
fn table(batches: &[RecordBatch]) -> String {
    let text = pretty_format_batches(batches).unwrap().to_string();
    text.lines().map(str::trim).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join("\n")
}
