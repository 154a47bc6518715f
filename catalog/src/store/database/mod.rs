//! The two databases that a catalog may lie in, behind one face.
//!
//! Statements have one text for both: parameters are `$1`, columns hold text, 64-bit integers or
//! bytes, and what only one of the two understands stands in this folder.
//!
//! A migration is two files of one number, in `migrations` for SQLite and in `migrations/postgres`;
//! a test holds their tables and columns equal.

mod postgres;
mod sqlite;
mod transaction;
mod value;

use sqlx::postgres::PgPool;
use sqlx::sqlite::SqlitePool;

use crate::error::Error;
use crate::url::{CatalogUrl, Place};

use transaction::{Open, within};

pub(crate) use transaction::Transaction;
pub(crate) use value::{Row, Value, as_integer, values};

/// What a transaction is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Intent {
    /// To read, everything as it is at one moment.
    Read,
    /// To write.
    Write,
}

/// A database, brought up to date.
pub(crate) struct Database {
    pool: Pool,
}

enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Database {
    /// Opens the database and brings its tables up to date.
    pub(crate) async fn open(url: &CatalogUrl) -> Result<Self, Error> {
        let pool = match url.place() {
            Place::Sqlite(path) => Pool::Sqlite(sqlite::open(path, url.to_string()).await?),
            Place::Postgres(options) => {
                Pool::Postgres(postgres::open(options, url.to_string()).await?)
            }
        };
        Ok(Self { pool })
    }

    /// Begins a transaction; `action` says in error texts what it is for.
    pub(crate) async fn begin(
        &self,
        intent: Intent,
        action: &'static str,
    ) -> Result<Transaction, Error> {
        // The drivers lose sight of a transaction that is dropped while it begins: its connection
        // goes back to the pool with the transaction open, and later statements on it see an old
        // catalog or hold up all writers. So to begin is a task of its own, which comes to its end
        // also when nobody waits for it any more; what it brings is then undone as usual.
        let beginning = match &self.pool {
            Pool::Sqlite(pool) => {
                let (pool, statement) = (pool.clone(), sqlite::begin(intent));
                tokio::spawn(async move { pool.begin_with(statement).await.map(Open::Sqlite) })
            }
            Pool::Postgres(pool) => {
                let (pool, statement) = (pool.clone(), postgres::begin(intent));
                tokio::spawn(async move { pool.begin_with(statement).await.map(Open::Postgres) })
            }
        };
        let begun = async { beginning.await.unwrap_or(Err(sqlx::Error::WorkerCrashed)) };
        let open = within(action, begun).await?;
        Ok(Transaction::new(open, action))
    }

    /// The query that gives the catalog's version and lets nobody else change it until the
    /// transaction ends.
    pub(crate) fn lock_version(&self) -> &'static str {
        match &self.pool {
            // A transaction that writes holds the whole file already.
            Pool::Sqlite(_) => "SELECT version FROM catalog_state",
            Pool::Postgres(_) => "SELECT version FROM catalog_state FOR UPDATE",
        }
    }

    /// The number of changes so far, in one round and without a transaction.
    pub(crate) async fn version(&self, action: &'static str) -> Result<i64, Error> {
        const VERSION: &str = "SELECT version FROM catalog_state";
        match &self.pool {
            Pool::Sqlite(pool) => within(action, sqlx::query_scalar(VERSION).fetch_one(pool)).await,
            Pool::Postgres(pool) => {
                within(action, sqlx::query_scalar(VERSION).fetch_one(pool)).await
            }
        }
    }

    /// Closes all connections when the statements on them have ended.
    pub(crate) async fn close(&self) {
        match &self.pool {
            Pool::Sqlite(pool) => sqlite::close(pool).await,
            Pool::Postgres(pool) => pool.close().await,
        }
    }
}
