//! Statements: announced by GetFlightInfo, run by DoGet; those without rows run when announced.

use std::sync::Arc;

use arrow_flight::{FlightDescriptor, FlightInfo};
use datafusion::arrow::datatypes::Schema;
use futures::StreamExt;

use super::egress::{self, RowStream};
use super::service::FlightSql;
use super::ticket::Ticket;
use crate::frontend::Error;
use crate::query::{QueryId, Statement};
use crate::session::Session;

impl FlightSql {
    /// Announces the rows of `sql`.
    pub(super) async fn announce_sql(
        &self,
        session: &Arc<Session>,
        sql: &str,
        descriptor: FlightDescriptor,
    ) -> Result<FlightInfo, Error> {
        let statement = self.services.query.prepare(session, sql).await?;
        self.announce(session, statement, descriptor).await
    }

    /// Announces the rows of a planned statement. One without rows is run now, exactly once: many
    /// clients never fetch the result of such a statement.
    pub(super) async fn announce(
        &self,
        session: &Arc<Session>,
        statement: Arc<Statement>,
        descriptor: FlightDescriptor,
    ) -> Result<FlightInfo, Error> {
        let id = QueryId::new();
        if statement.is_update {
            let affected = self.run_to_end(session, &statement, id).await?;
            let ticket = Ticket::Finished(id);
            let info = self.flight_info(session, &Schema::empty(), &ticket, descriptor)?;
            return Ok(info.with_total_records(affected).with_app_metadata(id.to_string()));
        }
        let schema = Arc::clone(&statement.schema);
        session.announce(id, statement);
        let info = self.flight_info(session, &schema, &Ticket::Statement(id), descriptor)?;
        Ok(info.with_app_metadata(id.to_string()))
    }

    /// Runs a statement whose rows nobody wants; answers the number of rows it changed.
    pub(super) async fn run_to_end(
        &self,
        session: &Arc<Session>,
        statement: &Arc<Statement>,
        id: QueryId,
    ) -> Result<i64, Error> {
        let mut running = self.services.query.execute(session, statement, id).await?;
        while let Some(batch) = running.batches.next().await {
            batch?;
        }
        Ok(running.rows_affected.unwrap_or(0))
    }

    /// The rows of a statement that was announced under `id`. The first time its plan is run; again,
    /// the text is planned anew and must give the same columns, because the client has been told
    /// them.
    pub(super) async fn fetch_announced(
        &self,
        session: &Arc<Session>,
        id: QueryId,
    ) -> Result<RowStream, Error> {
        let run = session.begin_run(id).ok_or(Error::TicketExpired)?;
        let statement = match run.plan {
            Some(plan) => plan,
            None => self.services.query.prepare(session, &run.sql).await?,
        };
        if statement.schema != run.schema {
            return Err(Error::TicketExpired);
        }
        self.fetch(session, &statement, run.id).await
    }

    /// The rows of `sql`, which was sent in place of a ticket.
    pub(super) async fn fetch_sql(
        &self,
        session: &Arc<Session>,
        sql: &str,
    ) -> Result<RowStream, Error> {
        let statement = self.services.query.prepare(session, sql).await?;
        self.fetch(session, &statement, QueryId::new()).await
    }

    async fn fetch(
        &self,
        session: &Arc<Session>,
        statement: &Arc<Statement>,
        id: QueryId,
    ) -> Result<RowStream, Error> {
        let running = self.services.query.execute(session, statement, id).await?;
        let sizes = self.services.limits.result_messages;
        let sent = running.sent;
        let count = move |bytes| sent.add(bytes);
        Ok(egress::encode_counted(running.schema, running.batches, sizes, count))
    }
}
