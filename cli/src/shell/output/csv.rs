//! Comma-separated values after RFC 4180, with a header line.
//!
//! Null is nothing between two commas; the empty text is a pair of quotes.

use std::fmt::Write;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{DataType, Schema};

use crate::args::Format;
use crate::shell::destination::Destination;
use crate::shell::failure::Failure;

use super::ResultWriter;
use super::cells::{FOR_PROGRAMS, formatters};

/// Writes each batch as it comes.
pub(super) struct CsvWriter {
    destination: Destination,
}

impl CsvWriter {
    /// Writes the header line.
    pub(super) fn begin(schema: &Schema, mut destination: Destination) -> Result<Self, Failure> {
        let mut line = String::new();
        for (index, field) in schema.fields().iter().enumerate() {
            if index > 0 {
                line.push(',');
            }
            push_quoted(&mut line, field.name());
        }
        line.push('\n');
        destination.write_text(&line)?;
        Ok(Self { destination })
    }
}

impl ResultWriter for CsvWriter {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        let encode = |source| Failure::Encode { format: Format::Csv, source };
        let formatters = formatters(batch, &FOR_PROGRAMS).map_err(encode)?;
        let columns: Vec<_> = batch
            .columns()
            .iter()
            .map(|column| (column.logical_nulls(), is_plain(column.data_type())))
            .zip(&formatters)
            .collect();
        let mut out = String::new();
        let mut cell = String::new();
        for row in 0..batch.num_rows() {
            for (index, ((nulls, is_plain), formatter)) in columns.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                    continue;
                }
                if *is_plain {
                    formatter.value(row).write(&mut out).map_err(encode)?;
                } else {
                    cell.clear();
                    formatter.value(row).write(&mut cell).map_err(encode)?;
                    push_quoted(&mut out, &cell);
                }
            }
            out.push('\n');
        }
        self.destination.write_text(&out)
    }

    fn finish(self: Box<Self>) -> Result<(), Failure> {
        Ok(())
    }
}

/// Whether values of that type never need quotes.
fn is_plain(data_type: &DataType) -> bool {
    data_type.is_numeric() || data_type.is_temporal() || matches!(data_type, DataType::Boolean)
}

/// Appends a value, in quotes where it would be read as something else without them.
fn push_quoted(out: &mut String, value: &str) {
    let plain = !value.is_empty()
        // One search for each is quicker than one for all, because each looks at many bytes at once.
        && ![',', '"', '\n', '\r'].into_iter().any(|c| value.contains(c))
        && !value.starts_with(' ')
        && !value.ends_with(' ');
    if plain {
        out.push_str(value);
    } else {
        // Writing to a text does not fail.
        let _ = write!(out, "\"{}\"", value.replace('"', "\"\""));
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::batch;
    use super::*;

    #[test]
    fn values_are_quoted_where_needed_and_null_is_nothing() {
        let (mut destination, memory) = Destination::memory();
        let batch = batch();
        let writer = CsvWriter::begin(&batch.schema(), destination.clone());
        let mut writer = writer.unwrap();
        assert!(writer.write(&batch).is_ok());
        assert!(destination.flush_all().is_ok());
        let expected = "name,count,ratio,list\n\"a,\"\"b\"\"\",1,0.5,\"[1, NULL]\"\n,-20,,\n\"日本\nx\",,NaN,[]\n";
        assert_eq!(memory.text(), expected);
    }

    #[test]
    fn the_empty_text_is_not_null() {
        let mut out = String::new();
        push_quoted(&mut out, "");
        assert_eq!(out, "\"\"");
    }
}
