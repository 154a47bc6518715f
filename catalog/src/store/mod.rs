//! The catalog in a SQLite file.
//!
//! Readers never wait for writers (the file has a write-ahead log). Writers of this process take
//! turns; a writer of another process is waited for, a few seconds at most.

mod change;
mod containers;
mod datasets;
mod principals;
mod read;

#[cfg(test)]
mod tests;

use std::fmt;
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use lakegate_common::error::Chain;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use crate::error::Error;
use crate::snapshot::Snapshot;

/// Connections to the file: one writes, the others read.
const CONNECTIONS_MAX: u32 = 4;

/// How long a statement waits for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a change waits for a writer of another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The catalog of a service. Clones are handles to the same catalog.
#[derive(Clone)]
pub struct Catalog {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    pool: SqlitePool,
    /// Writers of this process queue here in order, which SQLite's own waiting does not promise.
    writing: tokio::sync::Mutex<()>,
    /// Only one reader loads a new snapshot; the others use what it brings.
    loading: tokio::sync::Mutex<()>,
    latest: RwLock<Option<Arc<Snapshot>>>,
}

impl Catalog {
    /// Opens the catalog file, or makes one, readable by its owner alone. An older catalog is
    /// brought up to date. A new catalog holds the default project and schema.
    ///
    /// # Errors
    /// The file cannot be opened or made, is no catalog, or was made by a newer Lakegate.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref().to_path_buf();
        let failed = |source| Error::Open { path: path.clone(), source };
        create_private(&path).map_err(|error| failed(sqlx::Error::Io(error)))?;
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .journal_mode(SqliteJournalMode::Wal)
            // A commit is on disk when it returns, also through a power failure.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            // A connection to a file does not go stale, and asking costs each statement a round.
            .test_before_acquire(false)
            .connect_with(options)
            .await
            .map_err(failed)?;
        sqlx::migrate!("./migrations")
            .run(&pool)
            .await
            .map_err(|source| Error::Migrate { path: path.clone(), source })?;
        let inner = Inner {
            path,
            pool,
            writing: tokio::sync::Mutex::new(()),
            loading: tokio::sync::Mutex::new(()),
            latest: RwLock::new(None),
        };
        let catalog = Self { inner: Arc::new(inner) };
        read::check(&catalog.inner.pool).await?;
        catalog.create_defaults().await?;
        Ok(catalog)
    }

    /// Closes the file when the statements that use it have ended. Every later call fails.
    pub async fn close(&self) {
        // So that the file is whole without the log beside it. Connections that close at the same
        // time each leave this to the other one. A failure loses nothing: the next start reads
        // the log.
        if !self.inner.pool.is_closed() {
            let write_back = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)");
            if let Err(error) = write_back.execute(&self.inner.pool).await {
                tracing::warn!(error = %Chain(&error), "the catalog's log stays beside its file");
            }
        }
        self.inner.pool.close().await;
        // A connection that was on its way back to the pool is idle in it now and still open; only
        // a second round closes it.
        self.inner.pool.close().await;
    }

    /// The whole catalog as it is now. While nothing changes, this is one look at a counter and
    /// the same snapshot again; a change by another process is seen like one's own.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn snapshot(&self) -> Result<Arc<Snapshot>, Error> {
        let version = read::version(&self.inner.pool).await?;
        if let Some(latest) = self.latest(version) {
            return Ok(latest);
        }
        let _turn = self.inner.loading.lock().await;
        if let Some(latest) = self.latest(version) {
            return Ok(latest);
        }
        let loaded = Arc::new(read::snapshot(&self.inner.pool).await?);
        let mut latest = self.inner.latest.write().unwrap_or_else(PoisonError::into_inner);
        *latest = Some(Arc::clone(&loaded));
        Ok(loaded)
    }

    /// The snapshot in memory, unless it is older than this version.
    fn latest(&self, version: u64) -> Option<Arc<Snapshot>> {
        let latest = self.inner.latest.read().unwrap_or_else(PoisonError::into_inner);
        latest.as_ref().filter(|snapshot| snapshot.version() >= version).map(Arc::clone)
    }
}

impl fmt::Debug for Catalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Catalog").field("path", &self.inner.path).finish_non_exhaustive()
    }
}

/// Makes the file before SQLite would, because it holds password hashes and SQLite would make it
/// readable by everyone. The files that SQLite puts beside it get the same permissions.
///
/// A file that exists is not opened: closing it again would drop the locks that SQLite holds on it
/// elsewhere in this process.
fn create_private(path: &Path) -> std::io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        made => made.map(drop),
    }
}
