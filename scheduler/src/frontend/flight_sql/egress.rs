//! Rows on their way out: record batches become Flight messages.
//!
//! A few messages are made ahead of the client (`ahead`), no more: a client that stops reading holds
//! up its own query and nothing else. Dropping the stream drops the query.

use arrow_flight::error::FlightError;
use datafusion::arrow::array::Array;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::ipc::writer::StreamEncoder;
use datafusion::arrow::record_batch::RecordBatch;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use lakegate_common::Coded;
use tonic::Status;

use super::ahead::make_ahead;
use super::row_message::RowMessage;
use crate::frontend::Error;
use crate::frontend::status::status_of;

/// Rows as messages of Flight.
pub(super) type RowStream = BoxStream<'static, Result<RowMessage, Status>>;

/// As [`encode_counted`], for results that nobody counts.
pub(super) fn encode<E>(
    schema: SchemaRef,
    batches: BoxStream<'static, Result<RecordBatch, E>>,
    message_bytes: usize,
) -> RowStream
where
    E: Coded + Send + Sync + 'static,
{
    encode_counted(schema, batches, message_bytes, |_| {})
}

/// The messages of `batches`: first the schema, also when no row follows, then rows in messages of
/// about `message_bytes`. Batches without rows are left out, because some clients take the first one
/// for the end. `count` is told the bytes of each message.
pub(super) fn encode_counted<E>(
    schema: SchemaRef,
    batches: BoxStream<'static, Result<RecordBatch, E>>,
    message_bytes: usize,
    count: impl Fn(usize) + Send + 'static,
) -> RowStream
where
    E: Coded + Send + Sync + 'static,
{
    let mut encoder = Encoder::new(&schema);
    let first = encoder.schema(schema).map_err(status_of_flight);
    first.iter().for_each(|message| count(message.bytes()));
    let rows = batches.flat_map(move |batch| {
        let messages = match batch {
            Ok(batch) => encoder.rows(&batch, message_bytes),
            Err(error) => vec![Err(status_of(&error))],
        };
        messages.iter().flatten().for_each(|message| count(message.bytes()));
        stream::iter(messages)
    });
    make_ahead(Box::pin(stream::iter([first]).chain(rows)))
}

/// The messages of one batch that is already there.
pub(super) fn encode_one(batch: RecordBatch, message_bytes: usize) -> RowStream {
    let schema = batch.schema();
    encode(schema, stream::iter([Ok::<_, Error>(batch)]).boxed(), message_bytes)
}

/// The stream of a result without rows.
pub(super) fn encode_none(schema: SchemaRef, message_bytes: usize) -> RowStream {
    encode_one(RecordBatch::new_empty(schema), message_bytes)
}

/// Makes the messages of one result.
struct Encoder {
    stream: Result<StreamEncoder, FlightError>,
}

impl Encoder {
    fn new(schema: &SchemaRef) -> Self {
        Self { stream: StreamEncoder::try_new(schema).map_err(FlightError::from) }
    }

    /// The schema's message.
    fn schema(&mut self, schema: SchemaRef) -> Result<RowMessage, FlightError> {
        // The stream's first batch brings the schema with it; an empty one is made for that alone.
        let mut messages = self.messages(&RecordBatch::new_empty(schema))?;
        Ok(if messages.is_empty() { RowMessage::default() } else { messages.swap_remove(0) })
    }

    /// The messages of a batch, each of about `message_bytes`.
    fn rows(
        &mut self,
        batch: &RecordBatch,
        message_bytes: usize,
    ) -> Vec<Result<RowMessage, Status>> {
        let rows = rows_per_message(batch, message_bytes);
        let mut messages = Vec::with_capacity(1);
        for start in (0..batch.num_rows()).step_by(rows) {
            let piece = batch.slice(start, rows.min(batch.num_rows() - start));
            match self.messages(&piece) {
                Ok(made) => messages.extend(made.into_iter().map(Ok)),
                Err(error) => messages.push(Err(status_of_flight(error))),
            }
        }
        messages
    }

    fn messages(&mut self, batch: &RecordBatch) -> Result<Vec<RowMessage>, FlightError> {
        match &mut self.stream {
            Ok(stream) => RowMessage::split(stream.encode(batch)?),
            Err(error) => Err(FlightError::DecodeError(error.to_string())),
        }
    }
}

/// How many rows of `batch` make a message of about `message_bytes`; at least one.
fn rows_per_message(batch: &RecordBatch, message_bytes: usize) -> usize {
    let sizes = batch.columns().iter().map(|column| column.to_data().get_slice_memory_size());
    let bytes: usize = sizes.map(|size| size.unwrap_or(0)).sum();
    let messages = bytes.div_ceil(message_bytes.max(1)).max(1);
    batch.num_rows().div_ceil(messages).max(1)
}

fn status_of_flight(error: FlightError) -> Status {
    status_of(&Error::Answer { source: error })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_flight::decode::FlightRecordBatchStream;
    use datafusion::arrow::array::{AsArray, Int64Array, StringArray};
    use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema};
    use futures::TryStreamExt;

    use super::super::row_message::tests::received;
    use super::*;

    fn schema() -> SchemaRef {
        Arc::new(Schema::new(vec![
            Field::new("n", DataType::Int64, true),
            Field::new("text", DataType::Utf8, true),
        ]))
    }

    fn batch(rows: i64) -> RecordBatch {
        let texts = (0..rows).map(|row| (row % 3 != 0).then(|| format!("text {row}")));
        let columns: [Arc<dyn Array>; 2] = [
            Arc::new(Int64Array::from_iter_values(0..rows)),
            Arc::new(texts.collect::<StringArray>()),
        ];
        RecordBatch::try_new(schema(), columns.to_vec()).unwrap()
    }

    async fn decoded(stream: RowStream) -> (Option<SchemaRef>, Vec<RecordBatch>) {
        let messages: Vec<_> = stream.try_collect().await.unwrap();
        let data = stream::iter(messages.into_iter().map(|message| Ok(received(message))));
        let mut batches = FlightRecordBatchStream::new_from_flight_data(data);
        let read = batches.by_ref().try_collect().await.unwrap();
        (batches.schema().cloned(), read)
    }

    #[tokio::test]
    async fn result_without_rows_still_tells_its_schema() {
        let (told, batches) = decoded(encode_none(schema(), 1 << 20)).await;
        assert_eq!(told, Some(schema()));
        assert!(batches.is_empty());
    }

    #[tokio::test]
    async fn empty_batches_are_left_out_and_large_ones_split() {
        let input = [Ok::<_, Error>(batch(0)), Ok(batch(3)), Ok(batch(0)), Ok(batch(10_000))];
        let (_, batches) = decoded(encode(schema(), stream::iter(input).boxed(), 20_000)).await;
        assert!(batches.len() > 8, "{}", batches.len());
        assert!(batches.iter().all(|batch| batch.num_rows() > 0));
        let found: Vec<_> =
            batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>()).collect();
        let sent: Vec<_> = (0..3).chain(0..10_000).map(Some).collect();
        assert_eq!(found, sent);
        let texts = batches.last().unwrap().column(1).as_string::<i32>();
        assert_eq!(texts.value(texts.len() - 2), "text 9998");
    }

    #[tokio::test]
    async fn error_in_the_middle_keeps_its_code() {
        let input = [Ok(batch(3)), Err(Error::TicketExpired)];
        let error = encode(schema(), stream::iter(input).boxed(), 1 << 20)
            .try_collect::<Vec<_>>()
            .await
            .unwrap_err();
        assert_eq!(error.code(), tonic::Code::NotFound);
        assert!(error.message().starts_with("ticket_expired: "));
    }
}
