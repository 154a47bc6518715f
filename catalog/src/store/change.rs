//! A change of the catalog: one transaction.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sqlx::{Sqlite, SqliteConnection, Transaction};
use tokio::sync::MutexGuard;

use crate::error::Error;

use super::Catalog;

/// A transaction that writes. Dropping it undoes what it did.
pub(super) struct Change<'c> {
    transaction: Transaction<'static, Sqlite>,
    action: &'static str,
    /// Released after the transaction, because fields are dropped in order.
    _turn: MutexGuard<'c, ()>,
}

impl Catalog {
    /// Begins a change; `action` says in error texts what it is for.
    pub(super) async fn change(&self, action: &'static str) -> Result<Change<'_>, Error> {
        let turn = self.inner.writing.lock().await;
        // The lock on the file is taken now: a transaction that reads first and asks for the lock
        // later cannot get it any more once somebody else has written in between.
        let begun = self.inner.pool.begin_with("BEGIN IMMEDIATE").await;
        let transaction = begun.map_err(Error::database(action))?;
        Ok(Change { transaction, action, _turn: turn })
    }
}

impl Change<'_> {
    /// The connection to run statements on.
    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.transaction
    }

    /// Turns an error of the database into one that says what was tried.
    pub(super) fn failed(&self) -> impl Fn(sqlx::Error) -> Error + use<> {
        Error::database(self.action)
    }

    /// Makes a change of projects, schemas or datasets last, and tells readers of it.
    pub(super) async fn publish(mut self) -> Result<(), Error> {
        let failed = self.failed();
        sqlx::query("UPDATE catalog_state SET version = version + 1")
            .execute(self.connection())
            .await
            .map_err(&failed)?;
        self.commit().await
    }

    /// Makes a change last that no snapshot shows.
    pub(super) async fn commit(self) -> Result<(), Error> {
        let failed = self.failed();
        self.transaction.commit().await.map_err(failed)
    }
}

/// Now, in milliseconds since 1970.
pub(super) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The time of so many milliseconds since 1970; 1970 itself for a time before it.
pub(super) fn time_of(ms: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}
