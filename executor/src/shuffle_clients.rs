//! Connections to other executors, one each, for all tasks.
//!
//! They live on the threads for input and output, so that a task that computes for long does not
//! keep a connection from answering.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use ballista_core::client::BallistaClient;
use ballista_core::client_pool::{BallistaClientPool, PooledClient};
use ballista_core::error::{BallistaError, Result};
use ballista_core::extension::BallistaConfigGrpcEndpoint;
use ballista_core::utils::GrpcClientConfig;
use parking_lot::Mutex;
use tokio::runtime::Handle;

/// Connections kept; past it all are closed and those still needed are opened anew.
const CONNECTIONS_MAX: usize = 256;

type Clients = Arc<Mutex<HashMap<(String, u16), BallistaClient>>>;

/// The connections of one executor.
pub(crate) struct ShuffleClients {
    threads: Handle,
    clients: Clients,
}

impl ShuffleClients {
    /// None yet; new ones run on `threads`.
    pub(crate) fn new(threads: Handle) -> Self {
        Self { threads, clients: Clients::default() }
    }
}

impl fmt::Debug for ShuffleClients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShuffleClients").finish_non_exhaustive()
    }
}

#[async_trait]
impl BallistaClientPool for ShuffleClients {
    async fn acquire(
        &self,
        host: &str,
        port: u16,
        config: &GrpcClientConfig,
        customize_endpoint: Option<Arc<BallistaConfigGrpcEndpoint>>,
    ) -> Result<PooledClient> {
        let address = (host.to_string(), port);
        let known = self.clients.lock().get(&address).cloned();
        let client = match known {
            Some(client) => client,
            None => {
                let (host, config) = (host.to_string(), config.clone());
                let connecting = self.threads.spawn(async move {
                    let GrpcClientConfig {
                        max_message_size,
                        use_tls,
                        io_retries_times,
                        io_retry_wait_time_ms,
                        initial_connection_window_size,
                        initial_stream_window_size,
                        ..
                    } = config;
                    BallistaClient::try_new(
                        &host,
                        port,
                        max_message_size,
                        use_tls,
                        customize_endpoint,
                        io_retries_times,
                        io_retry_wait_time_ms,
                        initial_connection_window_size,
                        initial_stream_window_size,
                    )
                    .await
                });
                let client = connecting.await.map_err(BallistaError::TokioError)??;
                let mut clients = self.clients.lock();
                if clients.len() >= CONNECTIONS_MAX {
                    clients.clear();
                }
                clients.entry(address.clone()).or_insert(client).clone()
            }
        };
        let lease = Lease { clients: Arc::clone(&self.clients), address, sound: false };
        Ok(PooledClient::new(client, Box::new(move |_| lease.give_back())))
    }

    async fn evict_idle(&self) {}
}

/// Forgets the connection unless it is given back sound.
struct Lease {
    clients: Clients,
    address: (String, u16),
    sound: bool,
}

impl Lease {
    fn give_back(mut self) {
        self.sound = true;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.sound {
            self.clients.lock().remove(&self.address);
        }
    }
}
