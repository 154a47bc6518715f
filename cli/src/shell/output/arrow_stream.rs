//! An Arrow IPC stream.

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow::ipc::writer::StreamWriter;

use crate::args::Format;
use crate::shell::destination::Destination;
use crate::shell::failure::Failure;

use super::ResultWriter;

/// Writes each batch as it comes.
pub(super) struct ArrowWriter {
    writer: StreamWriter<Destination>,
}

impl ArrowWriter {
    /// Writes the schema.
    pub(super) fn begin(schema: &Schema, destination: Destination) -> Result<Self, Failure> {
        destination.take();
        let writer = StreamWriter::try_new(destination, schema).map_err(encode)?;
        Ok(Self { writer })
    }
}

impl ResultWriter for ArrowWriter {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        self.writer.write(batch).map_err(encode)
    }

    fn finish(mut self: Box<Self>) -> Result<(), Failure> {
        self.writer.finish().map_err(encode)
    }
}

fn encode(source: arrow::error::ArrowError) -> Failure {
    Failure::Encode { format: Format::Arrow, source }
}

#[cfg(test)]
mod tests {
    use arrow::ipc::reader::StreamReader;

    use super::super::samples::batch;
    use super::*;

    #[test]
    fn the_stream_reads_back_as_it_was() {
        let (mut destination, memory) = Destination::memory();
        let batch = batch();
        let writer = ArrowWriter::begin(&batch.schema(), destination.clone());
        let mut writer = Box::new(writer.unwrap());
        assert!(writer.write(&batch).is_ok() && writer.finish().is_ok());
        assert!(destination.flush_all().is_ok());
        let bytes = memory.bytes();
        let read = StreamReader::try_new(bytes.as_slice(), None).and_then(Iterator::collect);
        let read: Vec<RecordBatch> = read.unwrap();
        assert_eq!(format!("{read:?}"), format!("{:?}", [batch]));
    }
}
