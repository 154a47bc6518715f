//! Rows on their way out: record batches become Flight messages.
//!
//! A few messages are made ahead of the client (`ahead`), no more: a client that stops reading holds
//! up its own query and nothing else. Dropping the stream drops the query.

use std::pin::Pin;

use arrow_flight::FlightData;
use arrow_flight::encode::{DictionaryHandling, FlightDataEncoderBuilder};
use arrow_flight::error::FlightError;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use lakegate_common::Coded;
use tonic::Status;

use super::ahead::make_ahead;
use crate::frontend::status::status_of;

/// A stream of Flight messages.
pub(super) type FlightStream = Pin<Box<dyn Stream<Item = Result<FlightData, Status>> + Send>>;

/// The messages of `batches`: first the schema, also when no row follows, then rows in messages of
/// about `message_bytes`. Batches without rows are left out, because some clients take the first one
/// for the end.
pub(super) fn encode<E>(
    schema: SchemaRef,
    batches: BoxStream<'static, Result<RecordBatch, E>>,
    message_bytes: usize,
) -> FlightStream
where
    E: Coded + Send + Sync + 'static,
{
    let batches = batches
        .filter(|batch| {
            let has_rows = batch.as_ref().map_or(true, |batch| batch.num_rows() > 0);
            futures::future::ready(has_rows)
        })
        .map(|batch| batch.map_err(|error| FlightError::from(status_of(&error))));
    let messages = FlightDataEncoderBuilder::new()
        .with_schema(schema)
        .with_max_flight_data_size(message_bytes)
        .with_dictionary_handling(DictionaryHandling::Hydrate)
        .build(batches)
        .map(|message| message.map_err(status_of_flight));
    make_ahead(Box::pin(messages))
}

/// The messages of one batch that is already there.
pub(super) fn encode_one(batch: RecordBatch, message_bytes: usize) -> FlightStream {
    let schema = batch.schema();
    let rows = futures::stream::iter([Ok::<_, crate::frontend::Error>(batch)]);
    encode(schema, rows.boxed(), message_bytes)
}

/// The stream of a result without rows.
pub(super) fn encode_none(schema: SchemaRef, message_bytes: usize) -> FlightStream {
    encode_one(RecordBatch::new_empty(schema), message_bytes)
}

fn status_of_flight(error: FlightError) -> Status {
    match error {
        FlightError::Tonic(status) => *status,
        source => status_of(&crate::frontend::Error::Answer { source }),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_flight::decode::FlightRecordBatchStream;
    use datafusion::arrow::array::Int64Array;
    use datafusion::arrow::datatypes::{DataType, Field, Schema};
    use futures::TryStreamExt;

    use super::*;
    use crate::frontend::Error;

    fn schema() -> SchemaRef {
        Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)]))
    }

    fn batch(rows: i64) -> RecordBatch {
        RecordBatch::try_new(schema(), vec![Arc::new(Int64Array::from_iter_values(0..rows))])
            .unwrap()
    }

    #[tokio::test]
    async fn result_without_rows_still_tells_its_schema() {
        let messages: Vec<_> = encode_none(schema(), 1 << 20).try_collect().await.unwrap();
        assert_eq!(messages.len(), 1);
        let stream = futures::stream::iter(messages.into_iter().map(Ok));
        let mut decoded = FlightRecordBatchStream::new_from_flight_data(stream);
        assert!(decoded.next().await.is_none());
        assert_eq!(decoded.schema(), Some(&schema()));
    }

    #[tokio::test]
    async fn empty_batches_are_left_out_and_large_ones_split() {
        let input = [Ok::<_, Error>(batch(0)), Ok(batch(3)), Ok(batch(0)), Ok(batch(10_000))];
        let messages: Vec<_> = encode(schema(), futures::stream::iter(input).boxed(), 20_000)
            .try_collect()
            .await
            .unwrap();
        assert!(messages.iter().skip(1).all(|message| !message.data_body.is_empty()));
        assert!(messages.len() >= 1 + 1 + 4, "{}", messages.len());
    }

    #[tokio::test]
    async fn error_in_the_middle_keeps_its_code() {
        let input = [Ok(batch(3)), Err(Error::TicketExpired)];
        let error = encode(schema(), futures::stream::iter(input).boxed(), 1 << 20)
            .try_collect::<Vec<_>>()
            .await
            .unwrap_err();
        assert_eq!(error.code(), tonic::Code::NotFound);
        assert!(error.message().starts_with("ticket_expired: "));
    }
}
