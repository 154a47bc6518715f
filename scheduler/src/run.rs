//! Starting and stopping the server, step by step.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lakegate_catalog::{Catalog, CatalogUrl, KeyRing, MasterKey};
use lakegate_common::error::Chain;
use lakegate_common::secret::{self, Secret};
use lakegate_common::supervisor::{OnFailure, Stage, Supervisor, shutdown_signal};
use lakegate_common::telemetry;
use lakegate_lake::cache::DataCache;
use lakegate_lake::store::{AccessSource, PrivateFolder, Stores};
use tokio::net::TcpListener;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::data_folder::DataFolder;
use crate::durable::{ClusterPort, Durable};
use crate::frontend::{Server, Services};
use crate::identity::{Authenticator, Signer};
use crate::object_access::CatalogAccess;
use crate::query::QueryService;
use crate::session::SessionStore;
use crate::{Config, Error};

/// Random bytes of the signing key and of the cluster token.
const KEY_BYTES: usize = 32;
/// The principal that a new catalog gets.
const ADMIN: &str = "admin";
/// How often idle sessions are looked for.
const REAP_INTERVAL: Duration = Duration::from_secs(60);
/// How often sessions are compared with the users of the catalog: the longest time that a changed
/// password or a dropped user goes unnoticed.
const STALE_INTERVAL: Duration = Duration::from_secs(1);
/// How often recorded samples are folded into their histograms.
const METRICS_INTERVAL: Duration = Duration::from_secs(10);
/// How long cancelled queries may take to end.
const CANCEL_TIME: Duration = Duration::from_secs(5);
/// How long tasks and connections may take to end after the last query.
const CLOSE_TIME: Duration = Duration::from_secs(10);

/// What the command line gives.
#[derive(Debug, Default)]
pub struct Options {
    /// A TOML file with settings.
    pub config_file: Option<PathBuf>,
    /// Settings given as flags, by key.
    pub flags: BTreeMap<String, String>,
}

/// Runs a server until a signal ends it.
///
/// # Errors
/// When it cannot start, when a part fails that it cannot go on without, or when parts do not end in
/// time.
pub async fn run(options: Options) -> Result<(), Error> {
    let config = Config::load(options.config_file.as_deref(), options.flags)?;
    telemetry::init("scheduler")?;
    telemetry::metrics()?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), ?config, "starting");
    let stop = shutdown_signal();
    let running = Box::pin(start(&config)).await?;
    let outcome = tokio::select! {
        received = stop => received.map_err(|source| Error::Signals { source }),
        failed = running.supervisor.failed() => Err(Error::TaskFailed(failed)),
    };
    let stopped = Box::pin(running.stop(config.shutdown_grace)).await;
    outcome.and(stopped)
}

/// The parts of a server that runs.
struct Running {
    supervisor: Supervisor,
    services: Arc<Services>,
    catalog: Catalog,
    /// Kept to the end, so that no other server takes the folder.
    _folder: DataFolder,
}

async fn start(config: &Config) -> Result<Running, Error> {
    let folder = DataFolder::open(&config.data_dir)?;
    let listener = bind(&config.listen).await?;
    let cluster_listener = match &config.cluster_listen {
        Some(address) => Some(bind(address).await?),
        None => None,
    };
    let client_address = local_address(&listener, &config.listen)?;
    let signer = Arc::new(Signer::new(&secret::load_or_create(&folder.signing_key(), KEY_BYTES)?));
    let cluster_token = cluster_token(&folder)?;
    let catalog = open_catalog(&folder).await?;
    create_admin(&catalog).await?;

    let access: Arc<dyn AccessSource> = Arc::new(CatalogAccess::new(catalog.clone()));
    let cache = open_cache(&folder, config)?;
    let stores = Stores::new(Arc::clone(&access), config.store.bounds(), cache);
    stores.keep_out_of(private_folder(&folder, config)?);

    let mut cluster_address = None;
    let mut durable = None;
    if let Some((listener, given)) = cluster_listener.zip(config.cluster_listen.as_deref()) {
        let address = local_address(&listener, given)?;
        let advertised = match &config.advertise_host {
            Some(host) => format!("{host}:{}", address.port()),
            None => address.to_string(),
        };
        let port = ClusterPort {
            token: cluster_token,
            listener,
            advertise: advertised,
            access: Arc::clone(&access),
        };
        let started = Durable::start(config.durable(), port).await?;
        cluster_address = Some(address);
        durable = Some(started);
    }
    let (query, history) = QueryService::new(
        config.query(),
        catalog.clone(),
        durable.clone(),
        stores,
        &folder.scratch(),
        &folder.tables(),
    )
    .await?;
    let sessions = Arc::new(SessionStore::new(config.sessions()));
    let authenticator =
        Authenticator::new(catalog.clone(), Arc::clone(&signer), Arc::clone(&sessions))?;
    let limits = config.frontend();
    let services = Arc::new(Services::new(query, durable, authenticator, sessions, signer, limits));

    let supervisor = Supervisor::new();
    spawn_tasks(&supervisor, &services, listener);
    // After the last query, before the catalog closes.
    supervisor.spawn("history", Stage::Upkeep, OnFailure::Log, |stop| history.run(stop));
    services.set_ready(true);
    print_line(&format!("listening on grpc://{client_address}"))?;
    if let Some(address) = cluster_address {
        print_line(&format!("cluster port on {address}"))?;
    }
    print_line("ready")?;
    tracing::info!(%client_address, "ready");
    Ok(Running { supervisor, services, catalog, _folder: folder })
}

fn spawn_tasks(supervisor: &Supervisor, services: &Arc<Services>, listener: TcpListener) {
    let server = Server::new(Arc::clone(services), listener);
    supervisor
        .spawn("client port", Stage::Front, OnFailure::StopProcess, |stop| server.serve(stop));
    let sessions = Arc::clone(&services.sessions);
    supervisor.spawn("session reaper", Stage::Upkeep, OnFailure::Log, |stop| {
        every(REAP_INTERVAL, stop, move || sessions.reap())
    });
    let known = Arc::clone(services);
    supervisor.spawn("sessions of changed users", Stage::Upkeep, OnFailure::Log, |stop| {
        end_stale_sessions(known, stop)
    });
    supervisor.spawn("metrics upkeep", Stage::Upkeep, OnFailure::Log, |stop| {
        every(METRICS_INTERVAL, stop, || {
            if let Ok(metrics) = telemetry::metrics() {
                metrics.upkeep();
            }
        })
    });
}

async fn end_stale_sessions(
    services: Arc<Services>,
    stop: CancellationToken,
) -> Result<(), Infallible> {
    let mut turns = interval(STALE_INTERVAL);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            _ = turns.tick() => {}
        }
        if let Err(error) = services.authenticator.end_stale().await {
            tracing::warn!(error = %Chain(&error), "sessions cannot be compared with the catalog");
        }
    }
}

async fn every(
    period: Duration,
    stop: CancellationToken,
    act: impl Fn(),
) -> Result<(), Infallible> {
    let mut ticks = interval(period);
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            _ = ticks.tick() => act(),
        }
    }
}

impl Running {
    /// Refuses new statements, lets running ones end, then closes from the inside out: executors,
    /// connections, catalog.
    async fn stop(self, grace: Duration) -> Result<(), Error> {
        self.services.set_ready(false);
        let query = &self.services.query;
        if timeout(grace, query.drain()).await.is_err() {
            tracing::warn!(
                running = query.registry().running(),
                "queries are cancelled: the grace is over"
            );
            query.cancel_all();
            if timeout(CANCEL_TIME, query.drain()).await.is_err() {
                tracing::warn!(running = query.registry().running(), "queries did not end");
            }
        }
        if let Some(durable) = &self.services.durable {
            durable.stop().await;
        }
        let stopped = self.supervisor.shutdown(CLOSE_TIME).await;
        self.catalog.close().await;
        tracing::info!("stopped");
        Ok(stopped?)
    }
}

async fn bind(address: &str) -> Result<TcpListener, Error> {
    let failed = |source| Error::Bind { address: address.to_string(), source };
    TcpListener::bind(address).await.map_err(failed)
}

fn local_address(listener: &TcpListener, given: &str) -> Result<std::net::SocketAddr, Error> {
    listener.local_addr().map_err(|source| Error::Bind { address: given.to_string(), source })
}

/// The catalog: where it is said to be, or in the data folder. The URL may hold a password, so it is
/// no setting.
async fn open_catalog(folder: &DataFolder) -> Result<Catalog, Error> {
    let url = match secret::from_environment("LAKEGATE_CATALOG_URL")? {
        Some(url) => url.parse()?,
        None => CatalogUrl::sqlite(folder.catalog()),
    };
    let key = match secret::from_environment("LAKEGATE_MASTER_KEY")? {
        Some(key) => Secret::from_text(key),
        None => secret::load_or_create(&folder.master_key(), KEY_BYTES)?,
    };
    let mut keys = KeyRing::new(MasterKey::from_secret(&key)?);
    if let Some(previous) = secret::from_environment("LAKEGATE_PREVIOUS_MASTER_KEY")? {
        keys = keys.with_previous(MasterKey::from_secret(&Secret::from_text(previous))?);
    }
    Ok(Catalog::open_with(&url, Some(keys)).await?)
}

/// The server's own folder, which statements leave alone.
fn private_folder(folder: &DataFolder, config: &Config) -> Result<PrivateFolder, Error> {
    folder.private().map_err(|source| Error::DataFolder {
        action: "finding",
        path: config.data_dir.clone(),
        source,
    })
}

/// The cache of objects, with what an earlier process left in it.
fn open_cache(folder: &DataFolder, config: &Config) -> Result<Option<Arc<DataCache>>, Error> {
    let path = folder.cache();
    DataCache::open(&path, config.store.cache()).map_err(|source| Error::DataFolder {
        action: "opening the cache",
        path,
        source,
    })
}

/// The token by which executors join: given, or made once and kept.
fn cluster_token(folder: &DataFolder) -> Result<Secret, Error> {
    match secret::from_environment("LAKEGATE_CLUSTER_TOKEN")? {
        Some(token) => Ok(Secret::from_text(token)),
        None => Ok(secret::load_or_create(&folder.cluster_token(), KEY_BYTES)?),
    }
}

/// Gives a new catalog its first principal, with the given password or one that is shown once.
async fn create_admin(catalog: &Catalog) -> Result<(), Error> {
    if catalog.principal_count().await? > 0 {
        return Ok(());
    }
    let given = secret::from_environment("LAKEGATE_ADMIN_PASSWORD")?;
    let password = match &given {
        Some(password) => password.clone(),
        None => secret::one_time_password()?,
    };
    let made = catalog.create_principal(ADMIN, &secret::hash_password(&password)?, true).await;
    match made {
        Ok(_) => {}
        // A server that starts at the same time on the same database was faster.
        Err(lakegate_catalog::Error::AlreadyExists { .. })
            if catalog.principal_count().await? > 0 =>
        {
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    }
    if given.is_none() {
        print_line(&format!("admin password (shown once): {password}"))?;
    }
    Ok(())
}

/// Scripts read these lines, so each goes out at once.
fn print_line(line: &str) -> Result<(), Error> {
    let mut output = io::stdout().lock();
    writeln!(output, "{line}")
        .and_then(|()| output.flush())
        .map_err(|source| Error::Output { source })
}
