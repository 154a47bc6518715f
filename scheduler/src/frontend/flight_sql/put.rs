//! DoPut: statements whose number of changed rows is wanted.
//!
//! The answer goes out before the client ends its side: some clients read it first and end after,
//! others the reverse, and waiting for either would lock the other up.

use std::sync::Arc;
use std::time::Duration;

use arrow_flight::sql::{DoPutPreparedStatementResult, DoPutUpdateResult};
use arrow_flight::{FlightData, PutResult};
use datafusion::arrow::datatypes::Schema;
use futures::stream::BoxStream;
use futures::{StreamExt, stream};
use prost::Message;
use tokio::time::timeout;
use tonic::{Response, Status, Streaming};

use super::command::Command;
use super::service::FlightSql;
use crate::frontend::Error;
use crate::query::QueryId;
use crate::session::Session;

/// The answer of DoPut.
pub(super) type PutStream = BoxStream<'static, Result<PutResult, Status>>;

/// How long the rest of a request is read after it has been answered.
const DRAIN_TIME: Duration = Duration::from_secs(5);

impl FlightSql {
    /// Runs the command of the first message.
    pub(super) async fn put(
        &self,
        session: &Arc<Session>,
        mut request: Streaming<FlightData>,
    ) -> Result<Response<PutStream>, Error> {
        let first = self.first_message(&mut request).await?;
        let descriptor = first.flight_descriptor.as_ref().ok_or_else(|| Error::InvalidCommand {
            reason: "the first message has no descriptor".into(),
        })?;
        let answer = match Command::of_descriptor(descriptor)? {
            Command::Statement { sql } | Command::Update { sql } => {
                let statement = self.services.query.prepare(session, &sql).await?;
                let affected = self.run_to_end(session, &statement, QueryId::new()).await?;
                update_result(affected)
            }
            Command::PreparedUpdate { handle } => {
                refuse_parameters(&first)?;
                let statement = self.plan_prepared(session, &handle).await?;
                let affected = self.run_to_end(session, &statement, QueryId::new()).await?;
                update_result(affected)
            }
            Command::Prepared { handle } => {
                refuse_parameters(&first)?;
                self.find_prepared(session, &handle)?;
                let result =
                    DoPutPreparedStatementResult { prepared_statement_handle: Some(handle) };
                PutResult { app_metadata: result.encode_to_vec().into() }
            }
            Command::Ingest => return Err(Error::Unsupported { what: "uploads of rows".into() }),
            Command::Metadata(_) => {
                return Err(Error::InvalidCommand {
                    reason: "DoPut takes no catalog command".into(),
                });
            }
        };
        let drained = stream::once(drain(request)).filter_map(|()| async { None });
        Ok(Response::new(stream::iter([Ok(answer)]).chain(drained).boxed()))
    }

    async fn first_message(
        &self,
        request: &mut Streaming<FlightData>,
    ) -> Result<FlightData, Error> {
        let limit = self.services.limits.request_time;
        match timeout(limit, request.message()).await {
            Ok(Ok(Some(message))) => Ok(message),
            Ok(Ok(None)) => {
                Err(Error::InvalidCommand { reason: "the request has no message".into() })
            }
            Ok(Err(status)) => Err(Error::InvalidCommand {
                reason: format!("the request cannot be read: {}", status.message()),
            }),
            Err(_) => Err(Error::RequestTooSlow { limit }),
        }
    }
}

/// Reads the rest of a request, so that ending the call does not look like a failure to a client
/// that is still sending.
async fn drain(mut request: Streaming<FlightData>) {
    let read_all = async { while let Ok(Some(_)) = request.message().await {} };
    // A client that goes on for longer gets the end of the call all the same.
    let _ = timeout(DRAIN_TIME, read_all).await;
}

/// A statement without parameters is sent with no columns, or with no schema at all.
fn refuse_parameters(first: &FlightData) -> Result<(), Error> {
    match Schema::try_from(first) {
        Ok(schema) if !schema.fields().is_empty() => {
            Err(Error::Unsupported { what: "parameters".into() })
        }
        _ => Ok(()),
    }
}

/// The answer with the number of changed rows. The encoder leaves a zero out; an answer without any
/// byte is no answer to some clients, so zero is written all the same, as the protocol allows.
fn update_result(record_count: i64) -> PutResult {
    const ZERO: &[u8] = &[0x08, 0x00];
    let bytes = match record_count {
        0 => ZERO.to_vec(),
        _ => DoPutUpdateResult { record_count }.encode_to_vec(),
    };
    PutResult { app_metadata: bytes.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_changed_rows_are_written_out() {
        for count in [0, 1, -1, i64::MAX] {
            let bytes = update_result(count).app_metadata;
            assert!(!bytes.is_empty());
            assert_eq!(DoPutUpdateResult::decode(bytes).unwrap().record_count, count);
        }
    }
}
