//! The rows of a query as they arrive.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::error::FlightError;
use arrow_flight::{FlightEndpoint, FlightInfo, Ticket};
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt, TryStreamExt};

use crate::Error;
use crate::connection::{Connection, Shared};

/// The rows of one query, read from the server while they are made.
///
/// Dropping it before its end cancels the query on the server.
pub struct QueryStream {
    query_id: Option<String>,
    schema: SchemaRef,
    batches: BoxStream<'static, Result<RecordBatch, Error>>,
}

impl QueryStream {
    /// What the server and its HTTP interface know the query by; `None` for a server that tells none.
    pub fn query_id(&self) -> Option<&str> {
        self.query_id.as_deref()
    }

    /// The schema of every batch.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Reads the whole result into memory.
    pub async fn collect_batches(self) -> Result<Vec<RecordBatch>, Error> {
        self.batches.try_collect().await
    }

    /// Opens the results that a FlightInfo announces, one endpoint after the other.
    ///
    /// The first endpoint is opened at once, so that an early failure is an error of this call. What
    /// is given as `guard` is dropped with the stream.
    pub(crate) async fn open<G: Send + 'static>(
        connection: Shared,
        info: FlightInfo,
        planned: Schema,
        guard: G,
    ) -> Result<Self, Error> {
        let query_id = std::str::from_utf8(&info.app_metadata)
            .ok()
            .filter(|id| !id.is_empty())
            .map(str::to_string);
        let endpoints = info.endpoint.clone();
        let schema = if info.schema.is_empty() {
            planned
        } else {
            info.try_decode_schema()
                .map_err(|source| Error::Decode { what: "a schema", source: Box::new(source) })?
        };
        let schema = Arc::new(schema);

        let mut endpoints = endpoints.into_iter();
        let first = match endpoints.next() {
            Some(endpoint) => fetch(&connection, endpoint).await?,
            None => stream::empty().boxed(),
        };
        let others = stream::iter(endpoints).then(move |endpoint| {
            let connection = Arc::clone(&connection);
            async move { fetch(&connection, endpoint).await }
        });
        let mut checked = false;
        let announced = Arc::clone(&schema);
        let batches = first.chain(others.try_flatten()).map(move |batch| {
            // Captured so that it lives as long as the stream.
            let _guard = &guard;
            let batch = batch?;
            if !checked {
                check_schema(&announced, batch.schema_ref())?;
                checked = true;
            }
            Ok(batch)
        });
        Ok(Self { query_id, schema, batches: batches.boxed() })
    }

    /// A result without columns and rows, as a statement has that only changes something.
    pub(crate) fn empty() -> Self {
        Self { query_id: None, schema: Arc::new(Schema::empty()), batches: stream::empty().boxed() }
    }
}

impl Stream for QueryStream {
    type Item = Result<RecordBatch, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.batches.poll_next_unpin(context)
    }
}

/// Starts to read one endpoint.
async fn fetch(
    connection: &Connection,
    endpoint: FlightEndpoint,
) -> Result<BoxStream<'static, Result<RecordBatch, Error>>, Error> {
    let ticket: Ticket = endpoint.ticket.ok_or(Error::MissingAnswer { what: "a ticket" })?;
    let messages = connection
        .call(|mut service, bearer| {
            let request = bearer.request(ticket.clone());
            async move { Ok(service.do_get(request).await?.into_inner()) }
        })
        .await?;
    let messages = messages.map_err(FlightError::from);
    let batches = FlightRecordBatchStream::new_from_flight_data(messages);
    Ok(batches.map_err(Error::from_flight).boxed())
}

/// Refuses rows that are not of the announced names, types and nullability, as other drivers do.
fn check_schema(announced: &Schema, streamed: &Schema) -> Result<(), Error> {
    let equal = announced.fields().len() == streamed.fields().len()
        && announced.fields().iter().zip(streamed.fields()).all(|(left, right)| {
            left.name() == right.name()
                && left.is_nullable() == right.is_nullable()
                && left.data_type().equals_datatype(right.data_type())
        });
    if equal {
        return Ok(());
    }
    Err(Error::SchemaMismatch {
        announced: describe_schema(announced),
        streamed: describe_schema(streamed),
    })
}

/// A schema on one line.
fn describe_schema(schema: &Schema) -> String {
    let fields: Vec<_> = schema
        .fields()
        .iter()
        .map(|field| {
            let null = if field.is_nullable() { "" } else { " not null" };
            format!("{} {}{null}", field.name(), field.data_type())
        })
        .collect();
    format!("({})", fields.join(", "))
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field};

    use super::*;

    #[test]
    fn a_stream_of_another_nullability_is_refused() {
        let announced = Schema::new(vec![Field::new("n", DataType::Int64, false)]);
        let streamed = Schema::new(vec![Field::new("n", DataType::Int64, true)]);
        assert!(check_schema(&announced, &announced).is_ok());
        let refused = check_schema(&announced, &streamed).map_err(|error| error.to_string());
        let text = "the result has the schema (n Int64), announced was (n Int64 not null)";
        assert_eq!(refused, Err(text.to_string()));
    }
}
