//! A Parquet file.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use crate::shell::destination::Destination;
use crate::shell::failure::Failure;

use super::ResultWriter;

/// How much of a row group is gathered before it is written, in bytes as encoded.
const ROW_GROUP_BYTES: usize = 64 << 20;

/// Writes row group after row group.
pub(super) struct ParquetWriter {
    writer: ArrowWriter<Destination>,
}

impl ParquetWriter {
    /// Writes the head of the file.
    pub(super) fn begin(schema: SchemaRef, destination: Destination) -> Result<Self, Failure> {
        destination.take();
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let writer = ArrowWriter::try_new(destination, schema, Some(properties)).map_err(encode)?;
        Ok(Self { writer })
    }
}

impl ResultWriter for ParquetWriter {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        self.writer.write(batch).map_err(encode)?;
        if self.writer.in_progress_size() >= ROW_GROUP_BYTES {
            self.writer.flush().map_err(encode)?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), Failure> {
        self.writer.close().map(drop).map_err(encode)
    }
}

fn encode(source: ParquetError) -> Failure {
    Failure::Parquet { source }
}

#[cfg(test)]
mod tests {
    use parquet::arrow::arrow_reader::ParquetRecordBatchReader;

    use super::super::samples::batch;
    use super::*;

    #[test]
    fn the_file_reads_back_as_it_was() {
        let (mut destination, memory) = Destination::memory();
        let batch = batch();
        let writer = ParquetWriter::begin(batch.schema(), destination.clone());
        let mut writer = Box::new(writer.unwrap());
        assert!(writer.write(&batch).is_ok() && writer.finish().is_ok());
        assert!(destination.flush_all().is_ok());
        let reader = ParquetRecordBatchReader::try_new(bytes::Bytes::from(memory.bytes()), 1024);
        let reader = reader.unwrap();
        let read: Result<Vec<RecordBatch>, _> = reader.collect();
        let read = read.unwrap();
        assert_eq!(format!("{read:?}"), format!("{:?}", [batch]));
    }
}
