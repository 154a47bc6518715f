//! A catalog in a PostgreSQL database, which several servers may share.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Connection, Executor};

use crate::error::Error;
use crate::limit::{
    CHANGE_WAIT_MAX, CONNECTION_WAIT_MAX, POSTGRES_CONNECTIONS_MAX, STATEMENT_WAIT_MAX,
};

use super::Intent;

/// Connects, and brings the tables up to date. Servers that start at the same time take turns.
pub(super) async fn open(options: &PgConnectOptions, place: String) -> Result<PgPool, Error> {
    migrate(options, &place).await?;
    let limits = [
        ("lock_timeout", CHANGE_WAIT_MAX),
        ("statement_timeout", STATEMENT_WAIT_MAX),
        // A server that stands still in the middle of a change must not hold up the others.
        ("idle_in_transaction_session_timeout", STATEMENT_WAIT_MAX),
    ];
    let settings: String = limits
        .map(|(name, limit): (_, Duration)| format!("SET {name} = {};", limit.as_millis()))
        .concat();
    PgPoolOptions::new()
        .max_connections(POSTGRES_CONNECTIONS_MAX)
        .acquire_timeout(CONNECTION_WAIT_MAX)
        .after_connect(move |connection, _| {
            let settings = settings.clone();
            Box::pin(async move { connection.execute(settings.as_str()).await.map(drop) })
        })
        .connect_with(options.clone())
        .await
        .map_err(|source| Error::Open { place, source })
}

/// On a connection of its own, which does not know the limits of a statement: a migration of a
/// large history may take longer.
async fn migrate(options: &PgConnectOptions, place: &str) -> Result<(), Error> {
    let failed = |source| Error::Open { place: place.to_string(), source };
    let connecting = sqlx::PgConnection::connect_with(options);
    let mut connection = match tokio::time::timeout(CONNECTION_WAIT_MAX, connecting).await {
        Ok(connected) => connected.map_err(failed)?,
        Err(_) => return Err(failed(sqlx::Error::PoolTimedOut)),
    };
    sqlx::migrate!("./migrations/postgres")
        .run_direct(&mut connection)
        .await
        .map_err(|source| Error::Migrate { place: place.to_string(), source })?;
    // The work is done; a connection that does not close well is closed by the database.
    let _ = connection.close().await;
    Ok(())
}

pub(super) fn begin(intent: Intent) -> &'static str {
    match intent {
        Intent::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        // Each statement sees what is committed when it begins. A change begins by locking the one
        // row of `catalog_state`, so nothing else is committed until it ends.
        Intent::Write => "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
    }
}
