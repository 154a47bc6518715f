//! SQL over Flight SQL, blocking, as tests want it.

use std::sync::OnceLock;
use std::thread::{self, JoinHandle};

use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle as JoinTask;

use lakegate_client::{Client, QueryStream, TableFilter};
use lakegate_common::Chain;

use crate::render;

/// Threads that drive all connections of a test.
const WORKER_THREADS: usize = 2;

/// What came instead of an answer; its text begins with the error code.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct SqlError {
    message: String,
}

impl SqlError {
    fn of_client(error: &lakegate_client::Error) -> Self {
        Self { message: format!("{}: {}", error.code_text(), Chain(error)) }
    }

    fn of_arrow(error: &ArrowError) -> Self {
        Self { message: format!("unreadable_result: {}", Chain(error)) }
    }

    /// The stable error code: the first word of the text, before the colon.
    pub fn code(&self) -> &str {
        self.message.split(':').next().unwrap_or_default()
    }
}

/// A query whose rows have not been read yet. Dropping it goes away without reading them.
pub struct Running {
    stream: QueryStream,
}

impl Running {
    /// What the server calls the query; `None` for a statement that is no query.
    pub fn id(&self) -> Option<String> {
        self.stream.query_id().map(str::to_owned)
    }

    /// Reads all batches.
    ///
    /// # Errors
    /// What the server answered, or that it went away.
    pub fn finish(self) -> Result<(SchemaRef, Vec<RecordBatch>), SqlError> {
        let schema = self.stream.schema();
        let batches = runtime().block_on(self.stream.collect_batches());
        batches.map(|batches| (schema, batches)).map_err(|error| SqlError::of_client(&error))
    }
}

/// One connection.
pub struct Sql {
    client: Client,
}

impl Sql {
    /// Connects with a user and a password.
    ///
    /// # Errors
    /// When the server is not there or refuses.
    pub fn connect(url: &str, user: &str, password: &str) -> Result<Self, SqlError> {
        let client = runtime().block_on(Client::connect(url, user, password));
        client.map(|client| Self { client }).map_err(|error| SqlError::of_client(&error))
    }

    /// Sends a statement and returns when its rows can be read.
    ///
    /// # Errors
    /// What the server answered, or that it went away.
    pub fn start(&mut self, sql: &str) -> Result<Running, SqlError> {
        let stream = runtime().block_on(self.client.query(sql));
        stream.map(|stream| Running { stream }).map_err(|error| SqlError::of_client(&error))
    }

    /// The schema and all batches of a statement's result.
    ///
    /// # Errors
    /// What the server answered, or that it went away.
    pub fn fetch(&mut self, sql: &str) -> Result<(SchemaRef, Vec<RecordBatch>), SqlError> {
        self.start(sql)?.finish()
    }

    /// All rows of a statement as text.
    ///
    /// # Errors
    /// As [`Sql::fetch`].
    pub fn rows(&mut self, sql: &str) -> Result<Vec<Vec<String>>, SqlError> {
        let (_, batches) = self.fetch(sql)?;
        render::rows(&batches).map_err(|error| SqlError::of_arrow(&error))
    }

    /// Runs a statement that must succeed.
    ///
    /// # Panics
    /// When it fails, with statement and error.
    #[track_caller]
    pub fn run(&mut self, sql: &str) -> Vec<Vec<String>> {
        self.rows(sql).unwrap_or_else(|error| panic!("{error}\n[SQL] {sql}"))
    }

    /// Runs a statement that must fail, and answers the error.
    ///
    /// # Panics
    /// When it succeeds, with statement and rows.
    #[track_caller]
    pub fn fail(&mut self, sql: &str) -> SqlError {
        match self.rows(sql) {
            Err(error) => error,
            Ok(rows) => panic!("expected an error, got {rows:?}\n[SQL] {sql}"),
        }
    }

    /// The tables and views that the driver's metadata call lists.
    ///
    /// # Panics
    /// When the call fails.
    #[track_caller]
    pub fn table_names(&self) -> Vec<String> {
        let tables = runtime().block_on(self.client.tables(&TableFilter::default()));
        tables.expect("tables are listed").into_iter().map(|table| table.name).collect()
    }

    /// Runs a statement on a thread of its own.
    pub fn spawn(mut self, sql: &str) -> JoinHandle<Result<Vec<Vec<String>>, SqlError>> {
        let sql = sql.to_owned();
        thread::spawn(move || self.rows(&sql))
    }

    /// Runs a statement on a task that the test may abort: then the client goes away, whatever it
    /// was waiting for.
    pub fn spawn_abandoned(self, sql: &str) -> JoinTask<()> {
        let sql = sql.to_owned();
        runtime().spawn(async move {
            if let Ok(stream) = self.client.query(&sql).await {
                // Nobody asks for the rows of a query that is to be abandoned.
                let _ = stream.collect_batches().await;
            }
        })
    }
}

/// The runtime of all connections; it lives as long as the test program.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(WORKER_THREADS).enable_all();
        builder.build().expect("a runtime can be made")
    })
}
