//! A transaction of either database.

use std::future::Future;

use sqlx::query::Query;
use sqlx::{Encode, Postgres, Sqlite, Type};

use crate::error::Error;
use crate::limit::STATEMENT_WAIT_MAX;

use super::value::{Row, Value};

/// A transaction. Dropping it undoes what it did.
pub(crate) struct Transaction {
    open: Open,
    action: &'static str,
}

pub(super) enum Open {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

impl Transaction {
    pub(super) fn new(open: Open, action: &'static str) -> Self {
        Self { open, action }
    }

    /// Runs a statement; the number of rows that it changed.
    pub(crate) async fn execute(&mut self, sql: &str, values: Vec<Value>) -> Result<u64, Error> {
        check(&values)?;
        let action = self.action;
        match &mut self.open {
            Open::Sqlite(transaction) => {
                let run = query::<Sqlite>(sql, values).execute(&mut **transaction);
                within(action, run).await.map(|done| done.rows_affected())
            }
            Open::Postgres(transaction) => {
                let run = query::<Postgres>(sql, values).execute(&mut **transaction);
                within(action, run).await.map(|done| done.rows_affected())
            }
        }
    }

    /// All rows of a query.
    pub(crate) async fn fetch_all(
        &mut self,
        sql: &str,
        values: Vec<Value>,
    ) -> Result<Vec<Row>, Error> {
        check(&values)?;
        let action = self.action;
        match &mut self.open {
            Open::Sqlite(transaction) => {
                let run = query::<Sqlite>(sql, values).fetch_all(&mut **transaction);
                Ok(within(action, run).await?.into_iter().map(Row::Sqlite).collect())
            }
            Open::Postgres(transaction) => {
                let run = query::<Postgres>(sql, values).fetch_all(&mut **transaction);
                Ok(within(action, run).await?.into_iter().map(Row::Postgres).collect())
            }
        }
    }

    /// The first row of a query that gives one row at most.
    pub(crate) async fn fetch_optional(
        &mut self,
        sql: &str,
        values: Vec<Value>,
    ) -> Result<Option<Row>, Error> {
        Ok(self.fetch_all(sql, values).await?.into_iter().next())
    }

    /// The number that a query gives in a column of the name `n`.
    pub(crate) async fn count(&mut self, sql: &str, values: Vec<Value>) -> Result<i64, Error> {
        match self.fetch_optional(sql, values).await? {
            Some(row) => row.get("n"),
            None => Ok(0),
        }
    }

    /// Makes the changes last. Where the answer does not come, they may or may not have lasted.
    pub(crate) async fn commit(self) -> Result<(), Error> {
        let action = self.action;
        match self.open {
            Open::Sqlite(transaction) => within(action, transaction.commit()).await,
            Open::Postgres(transaction) => within(action, transaction.commit()).await,
        }
    }
}

/// A database that went silent must not hold a statement for ever.
pub(super) async fn within<T>(
    action: &'static str,
    run: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, Error> {
    match tokio::time::timeout(STATEMENT_WAIT_MAX, run).await {
        Ok(outcome) => outcome.map_err(Error::database(action)),
        Err(_) => Err(Error::Silent { action, waited: STATEMENT_WAIT_MAX }),
    }
}

/// PostgreSQL keeps no text with a NUL in it; neither catalog does, so that both are alike.
fn check(values: &[Value]) -> Result<(), Error> {
    if values.iter().any(Value::holds_nul) {
        return Err(Error::NulInText);
    }
    Ok(())
}

fn query<'q, DB>(sql: &'q str, values: Vec<Value>) -> Query<'q, DB, DB::Arguments<'q>>
where
    DB: sqlx::Database,
    Option<String>: Encode<'q, DB> + Type<DB>,
    Option<i64>: Encode<'q, DB> + Type<DB>,
    Option<Vec<u8>>: Encode<'q, DB> + Type<DB>,
    DB::Arguments<'q>: sqlx::IntoArguments<'q, DB>,
    DB: sqlx::database::HasStatementCache,
{
    let query = sqlx::query::<DB>(sql);
    values.into_iter().fold(query, |query, value| match value {
        Value::Text(text) => query.bind(text),
        Value::Integer(integer) => query.bind(integer),
        Value::Bytes(bytes) => query.bind(bytes),
    })
}
