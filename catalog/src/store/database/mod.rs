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

#[cfg(test)]
mod tests {
    use lakegate_common::error::{Coded, ErrorCode};

    use super::*;
    use crate::limit::SQLITE_CONNECTIONS_MAX;

    /// Writes until SQLite finds no room, as on a full disk.
    async fn fill(database: &Database) -> Error {
        let mut filling = database.begin(Intent::Write, "filling the disk").await.unwrap();
        // No page more than there are.
        filling.fetch_all("PRAGMA max_page_count = 1", Vec::new()).await.unwrap();
        let sql = "INSERT INTO filler (bytes) VALUES (zeroblob(1 << 20))";
        filling.execute(sql, Vec::new()).await.unwrap_err()
    }

    #[tokio::test]
    async fn after_a_full_disk_every_connection_works_again() {
        let folder = tempfile::tempdir().unwrap();
        let url = CatalogUrl::from(folder.path().join("catalog.db").as_path());
        let database = Database::open(&url).await.unwrap();
        let mut prepared = database.begin(Intent::Write, "preparing").await.unwrap();
        prepared.execute("CREATE TABLE filler (bytes BLOB)", Vec::new()).await.unwrap();
        prepared.commit().await.unwrap();
        let full = fill(&database).await;
        assert_eq!(full.code(), ErrorCode::DiskFull, "{full}");
        // All connections at once, so that none is left out.
        let mut open = Vec::new();
        for _ in 0..SQLITE_CONNECTIONS_MAX {
            open.push(database.begin(Intent::Read, "reading").await.unwrap());
        }
        for mut transaction in open {
            transaction.fetch_all("SELECT version FROM catalog_state", Vec::new()).await.unwrap();
        }
        let mut writing = database.begin(Intent::Write, "writing").await.unwrap();
        let sql = "INSERT INTO filler (bytes) VALUES (zeroblob(1 << 20))";
        writing.execute(sql, Vec::new()).await.unwrap();
        writing.commit().await.unwrap();
    }
}
