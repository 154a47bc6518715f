//! Statements that change something: run through DoPut, answered with a count.

use arrow_flight::sql::{CommandPreparedStatementUpdate, DoPutUpdateResult, ProstMessageExt};
use arrow_flight::{FlightData, FlightDescriptor};
use bytes::Bytes;
use futures::stream;
use prost::Message;

use crate::Error;
use crate::connection::Connection;

/// Runs a prepared update once. `None` where the server does not know how many rows it changed.
pub(crate) async fn run(connection: &Connection, handle: Bytes) -> Result<Option<u64>, Error> {
    let command = CommandPreparedStatementUpdate { prepared_statement_handle: handle };
    let descriptor = FlightDescriptor::new_cmd(command.as_any().encode_to_vec());
    let message = FlightData::new().with_descriptor(descriptor);
    let answer = connection
        .call(|mut service, bearer| {
            let request = bearer.request(stream::iter([message.clone()]));
            async move {
                let mut answers = service.do_put(request).await?.into_inner();
                let first = answers.message().await?;
                // To its end, as in `prepared::first_result`.
                while answers.message().await?.is_some() {}
                Ok(first)
            }
        })
        .await?
        .ok_or(Error::MissingAnswer { what: "the number of changed rows" })?;
    let result = DoPutUpdateResult::decode(answer.app_metadata).map_err(|source| {
        Error::Decode { what: "the number of changed rows", source: Box::new(source) }
    })?;
    Ok(u64::try_from(result.record_count).ok())
}
