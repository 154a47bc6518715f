//! One JSON object a line, with every column in each.

use arrow::array::RecordBatch;
use arrow::json::WriterBuilder;
use arrow::json::writer::{LineDelimited, Writer};

use crate::args::Format;
use crate::shell::destination::Destination;
use crate::shell::failure::Failure;

use super::ResultWriter;

/// Writes each batch as it comes.
pub(super) struct JsonWriter {
    writer: Writer<Destination, LineDelimited>,
}

impl JsonWriter {
    pub(super) fn new(destination: Destination) -> Self {
        let writer = WriterBuilder::new().with_explicit_nulls(true).build(destination);
        Self { writer }
    }
}

impl ResultWriter for JsonWriter {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        self.writer.write(batch).map_err(encode)
    }

    fn finish(mut self: Box<Self>) -> Result<(), Failure> {
        self.writer.finish().map_err(encode)
    }
}

fn encode(source: arrow::error::ArrowError) -> Failure {
    Failure::Encode { format: Format::Json, source }
}

#[cfg(test)]
mod tests {
    use super::super::samples::batch;
    use super::*;

    #[test]
    fn each_row_is_an_object_with_every_column() {
        let (mut destination, memory) = Destination::memory();
        let mut writer = JsonWriter::new(destination.clone());
        assert!(writer.write(&batch()).is_ok());
        assert!(Box::new(writer).finish().is_ok());
        assert!(destination.flush_all().is_ok());
        let expected = [
            r#"{"name":"a,\"b\"","count":1,"ratio":0.5,"list":[1,null]}"#,
            r#"{"name":null,"count":-20,"ratio":null,"list":null}"#,
            r#"{"name":"日本\nx","count":null,"ratio":null,"list":[]}"#,
            "",
        ];
        assert_eq!(memory.text(), expected.join("\n"));
    }
}
