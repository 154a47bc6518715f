//! A catalog in a SQLite file.
//!
//! Readers never wait for writers (the file has a write-ahead log). A writer of another process is
//! waited for, a few seconds at most.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use lakegate_common::error::Chain;
use sqlx::Connection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};

use crate::error::Error;
use crate::limit::{CHANGE_WAIT_MAX, CONNECTION_WAIT_MAX, SQLITE_CONNECTIONS_MAX};

use super::Intent;

/// Opens the file, or makes one, readable by its owner alone.
pub(super) async fn open(path: &Path, place: String) -> Result<SqlitePool, Error> {
    let failed = |source| Error::Open { place: place.clone(), source };
    create_private(path).map_err(|error| failed(sqlx::Error::Io(error)))?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        // A commit is on disk when it returns, also through a power failure.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(CHANGE_WAIT_MAX);
    let pool = SqlitePoolOptions::new()
        .max_connections(SQLITE_CONNECTIONS_MAX)
        .acquire_timeout(CONNECTION_WAIT_MAX)
        // A connection to a file does not go stale, and asking costs each statement a round.
        .test_before_acquire(false)
        .after_release(|connection, _| Box::pin(is_whole(connection)))
        .connect_with(options)
        .await
        .map_err(failed)?;
    sqlx::migrate!("./migrations")
        .run(&pool)
        .await
        .map_err(|source| Error::Migrate { place: place.clone(), source })?;
    check(&pool).await?;
    Ok(pool)
}

/// Whether a connection may be used again; one that may not is closed.
///
/// On a full disk SQLite ends a transaction by itself. The driver's own rollback then fails, and
/// from there on it takes the connection for one in the middle of a transaction.
async fn is_whole(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    // A rollback is queued when its transaction is dropped; this is answered after it.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

/// Looks through the whole file, so that damage is told at the start and not by the first
/// statement that happens on it.
async fn check(pool: &SqlitePool) -> Result<(), Error> {
    let finding: String = sqlx::query_scalar("PRAGMA quick_check(1)")
        .fetch_one(pool)
        .await
        .map_err(Error::database("checking"))?;
    if finding == "ok" { Ok(()) } else { Err(Error::damaged("page", finding)) }
}

pub(super) fn begin(intent: Intent) -> &'static str {
    match intent {
        // The first read fixes what all reads of the transaction see.
        Intent::Read => "BEGIN",
        // The lock on the file is taken now: a transaction that reads first and asks for the lock
        // later cannot get it any more once somebody else has written in between.
        Intent::Write => "BEGIN IMMEDIATE",
    }
}

/// Closes the file, whole and without the log beside it.
pub(super) async fn close(pool: &SqlitePool) {
    // Connections that close at the same time each leave writing the log back to the other one. A
    // failure loses nothing: the next start reads the log.
    if !pool.is_closed() {
        let write_back = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)");
        if let Err(error) = write_back.execute(pool).await {
            tracing::warn!(error = %Chain(&error), "the catalog's log stays beside its file");
        }
    }
    pool.close().await;
    // A connection that was on its way back to the pool is idle in it now and still open; only a
    // second round closes it.
    pool.close().await;
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
