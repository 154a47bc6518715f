//! Tables with one line for each value, for rows that are too wide.

use std::fmt::Write;

use arrow::array::RecordBatch;

use crate::args::Format;
use crate::shell::destination::Destination;
use crate::shell::failure::Failure;

use super::cells::{FOR_PEOPLE, formatters, on_one_line, width};
use super::{ResultWriter, TableStyle};

/// Writes each row as it comes.
pub(super) struct ExpandedWriter {
    style: TableStyle,
    destination: Destination,
    shown: usize,
    row_count: usize,
}

impl ExpandedWriter {
    pub(super) fn new(style: TableStyle, destination: Destination) -> Self {
        Self { style, destination, shown: 0, row_count: 0 }
    }
}

impl ResultWriter for ExpandedWriter {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        self.row_count += batch.num_rows();
        let encode = |source| Failure::Encode { format: Format::Table, source };
        let formatters = formatters(batch, &FOR_PEOPLE).map_err(encode)?;
        let names: Vec<_> =
            batch.schema_ref().fields().iter().map(|field| on_one_line(field.name())).collect();
        let widest = names.iter().map(|name| width(name)).max().unwrap_or(0);
        let mut out = String::new();
        for row in 0..batch.num_rows() {
            if !self.style.shows_more(self.shown) {
                break;
            }
            self.shown += 1;
            let _ = writeln!(out, "-[ {} ]-", self.shown);
            for (name, formatter) in names.iter().zip(&formatters) {
                let text = formatter.value(row).try_to_string().map_err(encode)?;
                let padding = " ".repeat(widest - width(name));
                let _ = writeln!(out, "{name}{padding} | {}", on_one_line(&text));
            }
        }
        self.destination.write_text(&out)
    }

    fn finish(mut self: Box<Self>) -> Result<(), Failure> {
        self.destination.write_text(&self.style.footer(self.row_count))
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::batch;
    use super::*;

    #[test]
    fn each_value_has_a_line() {
        let (mut destination, memory) = Destination::memory();
        let style = TableStyle { max_rows: 1, expanded: true };
        let mut writer = ExpandedWriter::new(style, destination.clone());
        assert!(writer.write(&batch()).is_ok());
        assert!(Box::new(writer).finish().is_ok());
        assert!(destination.flush_all().is_ok());
        let expected =
            "-[ 1 ]-\nname  | a,\"b\"\ncount | 1\nratio | 0.5\nlist  | [1, NULL]\n(1 of 3 rows";
        assert!(memory.text().starts_with(expected), "{}", memory.text());
    }
}
