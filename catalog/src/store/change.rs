//! A change of the catalog: one transaction.

use std::sync::Arc;

use tokio::sync::MutexGuard;

use crate::access::VisibleSnapshot;
use crate::error::Error;
use crate::ids::PrincipalId;
use crate::limit::{TURN_WAIT_MAX, at_most};

use super::Catalog;
use super::condition::Notes;
use super::database::{Intent, Row, Transaction, Value, values};

/// A transaction that writes. Dropping it undoes what it did.
pub(super) struct Change<'c> {
    transaction: Transaction,
    /// The version that the catalog has when the change has been published.
    version: i64,
    /// The catalog as the principal sees it that the change is made for; `None` for the service.
    view: Option<VisibleSnapshot>,
    /// The principal that the change is made for.
    actor: Option<PrincipalId>,
    /// What is noted about what the change makes.
    notes: Option<Arc<Notes>>,
    /// Released after the transaction, because fields are dropped in order.
    _turn: MutexGuard<'c, ()>,
}

impl Catalog {
    /// Begins a change; `action` says in error texts what it is for.
    ///
    /// Nobody else changes the catalog until it ends, so that what the change finds, what the
    /// principal may do and what the handle's condition has judged stays true to the end.
    pub(super) async fn change(&self, action: &'static str) -> Result<Change<'_>, Error> {
        let turn = self.turn(action).await?;
        let database = &self.inner.database;
        let mut transaction = database.begin(Intent::Write, action).await?;
        let Some(row) = transaction.fetch_optional(database.lock_version(), values![]).await?
        else {
            return Err(Error::damaged("state", "it has no row".to_string()));
        };
        let version = row.get::<i64>("version")?.saturating_add(1);
        let view = match self.actor {
            Some(actor) => Some(self.snapshot().await?.for_principal(actor)),
            None => None,
        };
        match (&self.condition, &view) {
            (Some(condition), Some(view)) => condition(view)?,
            (Some(condition), None) => condition(&self.snapshot().await?.for_service())?,
            (None, _) => {}
        }
        let notes = self.notes.clone();
        Ok(Change { transaction, version, view, actor: self.actor, notes, _turn: turn })
    }

    /// Begins to write something that no snapshot shows, and that does not depend on anything that
    /// others change: other servers need not wait for it.
    pub(super) async fn append(&self, action: &'static str) -> Result<Change<'_>, Error> {
        let turn = self.turn(action).await?;
        let transaction = self.inner.database.begin(Intent::Write, action).await?;
        let actor = self.actor;
        Ok(Change { transaction, version: 0, view: None, actor, notes: None, _turn: turn })
    }
}

impl Catalog {
    /// Waits until no other change of this server is under way.
    async fn turn(&self, action: &'static str) -> Result<MutexGuard<'_, ()>, Error> {
        tokio::time::timeout(TURN_WAIT_MAX, self.inner.writing.lock())
            .await
            .map_err(|_| Error::Silent { action, waited: TURN_WAIT_MAX })
    }
}

impl Change<'_> {
    /// The catalog as the principal sees it that the change is made for; `None` for the service,
    /// which may do everything.
    pub(super) fn view(&self) -> Option<&VisibleSnapshot> {
        self.view.as_ref()
    }

    /// The principal that the change is made for.
    pub(super) fn actor(&self) -> Option<PrincipalId> {
        self.actor
    }

    /// What is noted about what the change makes; `None` where nothing is said.
    pub(super) fn notes(&self) -> Option<Arc<Notes>> {
        self.notes.clone()
    }

    /// Refuses a change that only the service and admins make.
    pub(super) fn check_admin(&self, action: &'static str) -> Result<(), Error> {
        self.view.as_ref().map_or(Ok(()), |view| view.check_admin(action))
    }

    /// The version that the catalog has when the change has been published: the revision of what
    /// the change touches.
    pub(super) fn version(&self) -> i64 {
        self.version
    }

    /// Runs a statement; the number of rows that it changed.
    pub(super) async fn execute(&mut self, sql: &str, values: Vec<Value>) -> Result<u64, Error> {
        self.transaction.execute(sql, values).await
    }

    /// All rows of a query.
    pub(super) async fn fetch_all(
        &mut self,
        sql: &str,
        values: Vec<Value>,
    ) -> Result<Vec<Row>, Error> {
        self.transaction.fetch_all(sql, values).await
    }

    /// The first row of a query that gives one row at most.
    pub(super) async fn fetch_optional(
        &mut self,
        sql: &str,
        values: Vec<Value>,
    ) -> Result<Option<Row>, Error> {
        self.transaction.fetch_optional(sql, values).await
    }

    /// The number that a query gives in a column of the name `n`.
    pub(super) async fn count(&mut self, sql: &str, values: Vec<Value>) -> Result<i64, Error> {
        self.transaction.count(sql, values).await
    }

    /// Refuses one more where a query counts as many as there may be.
    pub(super) async fn check_limit(
        &mut self,
        sql: &str,
        values: Vec<Value>,
        limit: u32,
        noun: &'static str,
    ) -> Result<(), Error> {
        let count = usize::try_from(self.count(sql, values).await?).unwrap_or(0);
        at_most(count + 1, limit as usize, noun)
    }

    /// Makes a change last that snapshots show, and tells readers of it.
    pub(super) async fn publish(mut self) -> Result<(), Error> {
        let version = self.version;
        self.execute("UPDATE catalog_state SET version = $1", values![version]).await?;
        self.commit().await
    }

    /// Makes a change last that no snapshot shows.
    pub(super) async fn commit(self) -> Result<(), Error> {
        self.transaction.commit().await
    }
}
