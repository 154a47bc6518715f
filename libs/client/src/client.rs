//! A logged-in client: statements in, rows or counts out.

use std::fmt;
use std::sync::Arc;

use arrow_flight::sql::CommandPreparedStatementQuery;
use bytes::Bytes;
use futures::future;
use parking_lot::Mutex;

use crate::connection::{Connection, Shared};
use crate::metadata::flight_info;
use crate::prepared::{self, Prepared};
use crate::rest::Rest;
use crate::{Error, QueryStream, session_options, update};

/// What a statement gave.
pub enum Outcome {
    /// Rows, streamed while they are made.
    Rows(QueryStream),
    /// The statement changed something: how many rows, where the server knows.
    Affected(Option<u64>),
}

/// A connection to a server, logged in as one user. Clones share it.
#[derive(Clone)]
pub struct Client {
    connection: Shared,
    rest: Arc<Rest>,
    /// Statements whose streams have ended; the next call or `close` tells the server.
    finished: Arc<Mutex<Vec<Bytes>>>,
}

impl Client {
    /// Opens a connection to `url`, such as `grpc://127.0.0.1:8815`, and logs in.
    ///
    /// # Errors
    /// An address that is none or asks for TLS, a server that does not answer within ten seconds,
    /// a wrong user or password.
    pub async fn connect(url: &str, user: &str, password: &str) -> Result<Self, Error> {
        let connection = Arc::new(Connection::open(url.parse()?, user, password).await?);
        let rest = Arc::new(Rest::new(Arc::clone(&connection)));
        Ok(Self { connection, rest, finished: Arc::default() })
    }

    /// Runs one statement to the point where its rows can be read, or to its end if it has none.
    ///
    /// # Errors
    /// What the server says about the statement; a lost connection.
    pub async fn execute(&self, sql: &str) -> Result<Outcome, Error> {
        let (prepared, ()) =
            future::join(prepared::create(&self.connection, sql), self.close_finished()).await;
        let Prepared { handle, is_update, schema } = prepared?;
        let guard = ClosedLater { handle: handle.clone(), finished: Arc::clone(&self.finished) };
        if is_update {
            return update::run(&self.connection, handle).await.map(Outcome::Affected);
        }
        let command = CommandPreparedStatementQuery { prepared_statement_handle: handle };
        let info = flight_info(&self.connection, &command).await?;
        let stream = QueryStream::open(Arc::clone(&self.connection), info, schema, guard).await?;
        Ok(Outcome::Rows(stream))
    }

    /// Runs one statement for its rows; one that only changes something gives an empty result.
    ///
    /// # Errors
    /// As [`Client::execute`].
    pub async fn query(&self, sql: &str) -> Result<QueryStream, Error> {
        match self.execute(sql).await? {
            Outcome::Rows(stream) => Ok(stream),
            Outcome::Affected(_) => Ok(QueryStream::empty()),
        }
    }

    /// Chooses the project and schema that short names are looked up in; `None` leaves one as it is.
    ///
    /// The last choice is made again when an expired token leads to a new session.
    ///
    /// # Errors
    /// [`Error::SessionOption`] when there is no such project or schema.
    pub async fn set_session_options(
        &self,
        catalog: Option<&str>,
        schema: Option<&str>,
    ) -> Result<(), Error> {
        let options = [("catalog", catalog), ("schema", schema)];
        let given =
            options.into_iter().filter_map(|(name, value)| Some((name, value?.to_string())));
        session_options::set(&self.connection, given).await
    }

    /// Tells the server that statements and session are no longer needed.
    ///
    /// # Errors
    /// A lost connection; the server then ends the session by its age.
    pub async fn close(self) -> Result<(), Error> {
        self.close_finished().await;
        session_options::close(&self.connection).await
    }

    /// The server's address as `grpc://host:port`.
    pub fn url(&self) -> String {
        self.connection.url().to_string()
    }

    /// The user that is logged in.
    pub fn user(&self) -> &str {
        self.connection.user()
    }

    /// The HTTP interface.
    pub(crate) fn rest(&self) -> &Arc<Rest> {
        &self.rest
    }

    /// The connection, for the length of a call.
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The connection, to be kept by a stream.
    pub(crate) fn shared_connection(&self) -> Shared {
        Arc::clone(&self.connection)
    }

    /// Closes the statements whose streams have ended. A failure leaves them to the server's expiry.
    async fn close_finished(&self) {
        let handles = std::mem::take(&mut *self.finished.lock());
        let closing = handles.into_iter().map(|handle| prepared::close(&self.connection, handle));
        future::join_all(closing).await;
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("url", &self.url()).field("user", &self.user()).finish()
    }
}

/// Remembers to close a statement once its stream is gone.
struct ClosedLater {
    handle: Bytes,
    finished: Arc<Mutex<Vec<Bytes>>>,
}

impl Drop for ClosedLater {
    fn drop(&mut self) {
        self.finished.lock().push(std::mem::take(&mut self.handle));
    }
}
