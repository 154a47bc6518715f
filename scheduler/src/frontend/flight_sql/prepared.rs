//! Prepared statements, as yet without parameters.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow_flight::sql::{
    ActionClosePreparedStatementRequest, ActionCreatePreparedStatementRequest,
};
use arrow_flight::{FlightDescriptor, FlightInfo};
use bytes::Bytes;
use datafusion::arrow::datatypes::Schema;
use parking_lot::Mutex;

use super::command::refuse_transaction;
use super::messages::CreatePreparedStatementResult;
use super::service::{FlightSql, schema_message};
use super::ticket::{open_handle, seal_handle};
use crate::frontend::Error;
use crate::query::Statement;
use crate::session::{Prepared, Session};

/// How long the plan from a preparation is taken for an execution. Drivers that prepare every
/// statement execute it at once; later, files and datasets may have changed.
const PLAN_FRESH_FOR: Duration = Duration::from_millis(250);

impl FlightSql {
    /// Plans a statement and keeps it under a handle.
    pub(super) async fn create_prepared(
        &self,
        session: &Arc<Session>,
        request: ActionCreatePreparedStatementRequest,
    ) -> Result<CreatePreparedStatementResult, Error> {
        refuse_transaction(request.transaction_id.as_ref())?;
        let planned_at = Instant::now();
        let statement = self.services.query.prepare(session, &request.query).await?;
        let dataset_schema = schema_message(&rows_schema(&statement))?;
        let is_update = statement.is_update;
        let id = session.keep_prepared(Prepared {
            sql: request.query,
            schema: Arc::clone(&statement.schema),
            is_update,
            plan: Mutex::new(Some((statement, planned_at))),
        });
        Ok(CreatePreparedStatementResult {
            prepared_statement_handle: seal_handle(&self.services.signer, session, id),
            dataset_schema,
            parameter_schema: schema_message(&Schema::empty())?,
            is_update: Some(is_update),
        })
    }

    /// Forgets a prepared statement. One that is not there, or never was, is no error: clients close
    /// when they are done with everything else.
    pub(super) fn close_prepared(
        &self,
        session: &Session,
        request: &ActionClosePreparedStatementRequest,
    ) {
        let handle = &request.prepared_statement_handle;
        if let Ok(id) = open_handle(&self.services.signer, session, handle) {
            session.forget_prepared(id);
        }
    }

    /// Announces the rows of a prepared statement.
    pub(super) async fn announce_prepared(
        &self,
        session: &Arc<Session>,
        handle: &Bytes,
        descriptor: FlightDescriptor,
    ) -> Result<FlightInfo, Error> {
        let statement = self.plan_prepared(session, handle).await?;
        self.announce(session, statement, descriptor).await
    }

    /// The statement of a handle, planned on what is there now.
    pub(super) async fn plan_prepared(
        &self,
        session: &Arc<Session>,
        handle: &Bytes,
    ) -> Result<Arc<Statement>, Error> {
        let prepared = self.find_prepared(session, handle)?;
        let plan = prepared.plan.lock().take();
        match plan {
            Some((statement, planned_at)) if planned_at.elapsed() < PLAN_FRESH_FOR => Ok(statement),
            _ => Ok(self.services.query.prepare(session, &prepared.sql).await?),
        }
    }

    /// The prepared statement of a handle.
    pub(super) fn find_prepared(
        &self,
        session: &Session,
        handle: &Bytes,
    ) -> Result<Arc<Prepared>, Error> {
        let id = open_handle(&self.services.signer, session, handle)?;
        session.prepared(id).ok_or(Error::TicketExpired)
    }
}

/// The schema of the rows that clients get: without fields for a statement that has none, by which
/// older drivers know it.
fn rows_schema(statement: &Statement) -> Schema {
    if statement.is_update { Schema::empty() } else { statement.schema.as_ref().clone() }
}
