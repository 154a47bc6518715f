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
use crate::frontend::services::MessageSizes;
use crate::frontend::status::status_of;

/// Rows as messages of Flight.
pub(super) type RowStream = BoxStream<'static, Result<RowMessage, Status>>;

/// As [`encode_counted`], for results that nobody counts.
pub(super) fn encode<E>(
    schema: SchemaRef,
    batches: BoxStream<'static, Result<RecordBatch, E>>,
    sizes: MessageSizes,
) -> RowStream
where
    E: Coded + Send + Sync + 'static,
{
    encode_counted(schema, batches, sizes, |_| {})
}

/// The messages of `batches`: first the schema, also when no row follows, then rows in messages of
/// about the size that is aimed at. Batches without rows are left out, because some clients take the first one
/// for the end. `count` is told the bytes of each message.
pub(super) fn encode_counted<E>(
    schema: SchemaRef,
    batches: BoxStream<'static, Result<RecordBatch, E>>,
    sizes: MessageSizes,
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
            Ok(batch) => encoder.rows(&batch, sizes),
            Err(error) => vec![Err(status_of(&error))],
        };
        messages.iter().flatten().for_each(|message| count(message.bytes()));
        stream::iter(messages)
    });
    make_ahead(Box::pin(stream::iter([first]).chain(rows)))
}

/// The messages of one batch that is already there.
pub(super) fn encode_one(batch: RecordBatch, sizes: MessageSizes) -> RowStream {
    let schema = batch.schema();
    encode(schema, stream::iter([Ok::<_, Error>(batch)]).boxed(), sizes)
}

/// The stream of a result without rows.
pub(super) fn encode_none(schema: SchemaRef, sizes: MessageSizes) -> RowStream {
    encode_one(RecordBatch::new_empty(schema), sizes)
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

    /// The messages of a batch, each of about the size that is aimed at, none above the largest.
    fn rows(
        &mut self,
        batch: &RecordBatch,
        sizes: MessageSizes,
    ) -> Vec<Result<RowMessage, Status>> {
        let rows = rows_per_message(batch, sizes.aim);
        let mut messages = Vec::with_capacity(1);
        for start in (0..batch.num_rows()).step_by(rows) {
            let piece = batch.slice(start, rows.min(batch.num_rows() - start));
            self.add(&piece, sizes.max, &mut messages);
        }
        messages
    }

    /// Adds the messages of a piece, which is halved as long as it is too large: rows may be of
    /// very different sizes.
    fn add(
        &mut self,
        piece: &RecordBatch,
        max: usize,
        messages: &mut Vec<Result<RowMessage, Status>>,
    ) {
        let bytes = bytes_of(piece);
        if bytes <= max {
            match self.messages(piece) {
                Ok(made) => messages.extend(made.into_iter().map(Ok)),
                Err(error) => messages.push(Err(status_of_flight(error))),
            }
        } else if piece.num_rows() > 1 {
            let half = piece.num_rows() / 2;
            self.add(&piece.slice(0, half), max, messages);
            self.add(&piece.slice(half, piece.num_rows() - half), max, messages);
        } else {
            messages.push(Err(status_of(&Error::RowTooLarge { bytes, limit: max })));
        }
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
    let messages = bytes_of(batch).div_ceil(message_bytes.max(1)).max(1);
    batch.num_rows().div_ceil(messages).max(1)
}

/// The size of a batch's values, without what lies beside them in the same buffers.
fn bytes_of(batch: &RecordBatch) -> usize {
    let sizes = batch.columns().iter().map(|column| column.to_data().get_slice_memory_size());
    sizes.map(|size| size.unwrap_or(0)).sum()
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

    const SIZES: MessageSizes = MessageSizes { aim: 1 << 20, max: 16 << 20 };

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
        let (told, batches) = decoded(encode_none(schema(), SIZES)).await;
        assert_eq!(told, Some(schema()));
        assert!(batches.is_empty());
    }

    #[tokio::test]
    async fn empty_batches_are_left_out_and_large_ones_split() {
        let input = [Ok::<_, Error>(batch(0)), Ok(batch(3)), Ok(batch(0)), Ok(batch(10_000))];
        let (_, batches) = decoded(encode(
            schema(),
            stream::iter(input).boxed(),
            MessageSizes { aim: 20_000, ..SIZES },
        ))
        .await;
        assert!(batches.len() > 8, "{}", batches.len());
        assert!(batches.iter().all(|batch| batch.num_rows() > 0));
        let found: Vec<_> =
            batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>()).collect();
        let sent: Vec<_> = (0..3).chain(0..10_000).map(Some).collect();
        assert_eq!(found, sent);
        let texts = batches.last().unwrap().column(1).as_string::<i32>();
        assert_eq!(texts.value(texts.len() - 2), "text 9998");
    }

    /// Texts of these lengths, one a row.
    fn texts(lengths: &[usize]) -> RecordBatch {
        let texts: StringArray = lengths.iter().map(|length| Some("x".repeat(*length))).collect();
        let field = Field::new("text", DataType::Utf8, true);
        RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![Arc::new(texts)]).unwrap()
    }

    #[tokio::test]
    async fn rows_of_very_different_sizes_make_no_message_above_the_largest() {
        let mut lengths = vec![10; 1_000];
        lengths[500] = 90_000;
        let input = texts(&lengths);
        let sizes = MessageSizes { aim: 1 << 20, max: 100_000 };
        let (_, batches) = decoded(encode_one(input, sizes)).await;
        assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 1_000);
        assert!(batches.iter().all(|batch| bytes_of(batch) <= 100_000));
    }

    #[tokio::test]
    async fn row_above_the_largest_message_is_refused_by_code() {
        let sizes = MessageSizes { aim: 1 << 20, max: 100_000 };
        let refused = encode_one(texts(&[10, 200_000]), sizes).try_collect::<Vec<_>>().await;
        let refused = refused.unwrap_err();
        assert!(refused.message().starts_with("limit_exceeded: "), "{refused}");
    }

    #[tokio::test]
    async fn error_in_the_middle_keeps_its_code() {
        let input = [Ok(batch(3)), Err(Error::TicketExpired)];
        let error = encode(schema(), stream::iter(input).boxed(), SIZES)
            .try_collect::<Vec<_>>()
            .await
            .unwrap_err();
        assert_eq!(error.code(), tonic::Code::NotFound);
        assert!(error.message().starts_with("ticket_expired: "));
    }
}
