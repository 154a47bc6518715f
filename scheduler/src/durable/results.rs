//! Fetches a job's results from the executors that hold them, in the order of partitions.

use std::collections::HashMap;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use ballista_core::client::BallistaClient;
use ballista_core::error::BallistaError;
use ballista_core::extension::BallistaConfigGrpcEndpoint;
use ballista_core::serde::protobuf;
use ballista_core::serde::scheduler::PartitionLocation;
use futures::{StreamExt, stream};
use lakegate_common::ByteSize;
use lakegate_common::cluster_token::ClusterToken;
use lakegate_engine::channel::{self, MESSAGE_BYTES_MAX, WINDOW_BYTES};
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::sync::mpsc;

use super::Error;

/// Partitions that are fetched at once.
const READ_AHEAD: usize = 4;
/// Batches of a partition that wait for the one before it.
const BATCHES_AHEAD: usize = 8;
/// Tries to reach an executor.
const TRIES: u8 = 2;
/// Pause between them, in milliseconds.
const PAUSE_MS: u64 = 200;
/// Connections kept; past it all are closed and those still needed are opened anew.
const CONNECTIONS_MAX: usize = 256;

/// Why fetching ended early.
#[derive(Debug)]
pub(super) enum Interrupted {
    /// A partition cannot be read; the client has seen rows or not.
    Lost { reason: String, seen: bool },
    /// The client has gone.
    Gone,
}

/// Connections to executors for results.
pub(super) struct ResultClients {
    endpoint: Arc<BallistaConfigGrpcEndpoint>,
    clients: Mutex<HashMap<(String, u16), BallistaClient>>,
}

impl ResultClients {
    pub(super) fn new(token: &ClusterToken) -> Self {
        Self {
            endpoint: Arc::new(BallistaConfigGrpcEndpoint::new(channel::customise(token))),
            clients: Mutex::default(),
        }
    }

    async fn connect(&self, host: &str, port: u16) -> Result<BallistaClient, BallistaError> {
        let address = (host.to_string(), port);
        if let Some(client) = self.clients.lock().get(&address) {
            return Ok(client.clone());
        }
        let endpoint = Some(Arc::clone(&self.endpoint));
        let client = BallistaClient::try_new(
            host,
            port,
            MESSAGE_BYTES_MAX,
            false,
            endpoint,
            TRIES,
            PAUSE_MS,
            WINDOW_BYTES,
            WINDOW_BYTES,
        )
        .await?;
        let mut clients = self.clients.lock();
        if clients.len() >= CONNECTIONS_MAX {
            clients.clear();
        }
        clients.insert(address, client.clone());
        Ok(client)
    }

    fn forget(&self, host: &str, port: u16) {
        self.clients.lock().remove(&(host.to_string(), port));
    }

    /// Reads one partition into a channel that holds a few batches.
    async fn read(
        self: Arc<Self>,
        location: PartitionLocation,
        batches: mpsc::Sender<Result<RecordBatch, String>>,
    ) {
        let (host, port) = (location.executor_meta.host.clone(), location.executor_meta.port);
        let outcome = self.try_read(&location, &batches).await;
        if let Err(reason) = outcome {
            self.forget(&host, port);
            let _ = batches
                .send(Err(format!(
                    "partition {} at {host}:{port}: {reason}",
                    location.partition_id.partition_id
                )))
                .await;
        }
    }

    async fn try_read(
        &self,
        location: &PartitionLocation,
        batches: &mpsc::Sender<Result<RecordBatch, String>>,
    ) -> Result<(), String> {
        let executor = &location.executor_meta;
        let said = |error: BallistaError| error.to_string();
        let mut client = self.connect(&executor.host, executor.port).await.map_err(said)?;
        let mut rows = client
            .fetch_partition(
                &executor.id,
                &location.partition_id,
                location.file_id,
                location.layout(),
                false,
            )
            .await
            .map_err(said)?;
        while let Some(batch) = rows.next().await {
            let batch = batch.map_err(|error| error.to_string())?;
            if batches.send(Ok(batch)).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Sends a job's rows to its client. The first `hold_back` bytes are sent only when all of them or
/// all rows are there, so that a loss before that can be made good unseen.
///
/// # Errors
/// A partition cannot be read, or the client has gone.
pub(super) async fn deliver(
    clients: &Arc<ResultClients>,
    locations: Vec<protobuf::PartitionLocation>,
    schema: &SchemaRef,
    hold_back: ByteSize,
    client: &mpsc::Sender<Result<RecordBatch, Error>>,
) -> Result<(), Interrupted> {
    let mut held = Held { batches: Vec::new(), bytes: 0, limit: hold_back.as_usize(), seen: false };
    let lost = |reason: String, seen: bool| Interrupted::Lost { reason, seen };
    let locations = in_order(locations).map_err(|reason| lost(reason, false))?;
    let reads = locations.into_iter().map(|location| {
        let clients = Arc::clone(clients);
        async move {
            let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
            tokio::spawn(clients.read(location, sender));
            receiver
        }
    });
    // Polling a read starts it; the next ones run while the first is passed on.
    let mut reads = stream::iter(reads).buffered(READ_AHEAD);
    while let Some(mut partition) = reads.next().await {
        while let Some(batch) = partition.recv().await {
            let batch = batch
                .and_then(|batch| conform(batch, schema))
                .map_err(|reason| lost(reason, held.seen))?;
            held.pass_on(batch, client).await?;
        }
    }
    held.release(client).await
}

/// Batches that the client has not seen yet.
struct Held {
    batches: Vec<RecordBatch>,
    bytes: usize,
    limit: usize,
    seen: bool,
}

impl Held {
    async fn pass_on(
        &mut self,
        batch: RecordBatch,
        client: &mpsc::Sender<Result<RecordBatch, Error>>,
    ) -> Result<(), Interrupted> {
        if self.seen {
            return send(client, batch).await;
        }
        self.bytes += batch.get_array_memory_size();
        self.batches.push(batch);
        if self.bytes > self.limit { self.release(client).await } else { Ok(()) }
    }

    async fn release(
        &mut self,
        client: &mpsc::Sender<Result<RecordBatch, Error>>,
    ) -> Result<(), Interrupted> {
        self.seen = true;
        for batch in std::mem::take(&mut self.batches) {
            send(client, batch).await?;
        }
        Ok(())
    }
}

async fn send(
    client: &mpsc::Sender<Result<RecordBatch, Error>>,
    batch: RecordBatch,
) -> Result<(), Interrupted> {
    client.send(Ok(batch)).await.map_err(|_| Interrupted::Gone)
}

fn in_order(locations: Vec<protobuf::PartitionLocation>) -> Result<Vec<PartitionLocation>, String> {
    let read = locations
        .into_iter()
        .map(TryInto::try_into)
        .collect::<Result<Vec<PartitionLocation>, BallistaError>>();
    let mut locations = read.map_err(|error| error.to_string())?;
    locations.sort_by_key(|location| (location.partition_id.partition_id, location.file_id));
    Ok(locations)
}

/// The batch under the plan's schema: files forget what Arrow's format does not carry.
fn conform(batch: RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, String> {
    if batch.schema_ref() == schema {
        return Ok(batch);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let (_, columns, _) = batch.into_parts();
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
        .map_err(|error| error.to_string())
}
