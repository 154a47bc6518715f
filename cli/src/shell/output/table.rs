//! Aligned columns for people.

use std::fmt::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;

use crate::args::Format;
use crate::shell::destination::Destination;
use crate::shell::failure::Failure;

use super::cells::{FOR_PEOPLE, formatters, is_right_aligned, lines, on_one_line, width};
use super::{ResultWriter, TableStyle};

/// Keeps the rows that are shown, because the widest value decides; counts all.
pub(super) struct TableWriter {
    style: TableStyle,
    destination: Destination,
    columns: Vec<Column>,
    shown: usize,
    row_count: usize,
}

struct Column {
    name: String,
    right_aligned: bool,
    width: usize,
    /// The lines of each value.
    cells: Vec<Vec<String>>,
}

impl TableWriter {
    pub(super) fn new(style: TableStyle, schema: &Schema, destination: Destination) -> Self {
        let columns = schema.fields().iter().map(|field| {
            let name = on_one_line(field.name());
            Column {
                right_aligned: is_right_aligned(field.data_type()),
                width: width(&name),
                name,
                cells: Vec::new(),
            }
        });
        Self { style, destination, columns: columns.collect(), shown: 0, row_count: 0 }
    }

    /// Appends one line of texts, padded but for space at the line's end.
    fn push_line<'a>(&'a self, out: &mut String, text: impl Fn(&'a Column) -> &'a str) {
        let begin = out.len();
        for (index, column) in self.columns.iter().enumerate() {
            let text = text(column);
            let padding = " ".repeat(column.width - width(text));
            let separator = if index == 0 { " " } else { " | " };
            out.push_str(separator);
            if column.right_aligned {
                out.push_str(&padding);
                out.push_str(text);
            } else {
                out.push_str(text);
                out.push_str(&padding);
            }
        }
        let end = out[begin..].trim_end().len();
        out.truncate(begin + end);
        out.push('\n');
    }
}

impl ResultWriter for TableWriter {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        self.row_count += batch.num_rows();
        let formatters = formatters(batch, &FOR_PEOPLE)
            .map_err(|source| Failure::Encode { format: Format::Table, source })?;
        for row in 0..batch.num_rows() {
            if !self.style.shows_more(self.shown) {
                break;
            }
            for (column, formatter) in self.columns.iter_mut().zip(&formatters) {
                let text = formatter
                    .value(row)
                    .try_to_string()
                    .map_err(|source| Failure::Encode { format: Format::Table, source })?;
                let cell = lines(&text);
                let widest = cell.iter().map(|line| width(line)).max().unwrap_or(0);
                column.width = column.width.max(widest);
                column.cells.push(cell);
            }
            self.shown += 1;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), Failure> {
        let mut out = String::new();
        self.push_line(&mut out, |column| &column.name);
        for (index, column) in self.columns.iter().enumerate() {
            let separator = if index == 0 { "" } else { "+" };
            let _ = write!(out, "{separator}{}", "-".repeat(column.width + 2));
        }
        out.push('\n');
        for row in 0..self.shown {
            let height = self.columns.iter().map(|column| column.cells[row].len()).max();
            for line in 0..height.unwrap_or(1) {
                self.push_line(&mut out, |column| {
                    column.cells[row].get(line).map_or("", String::as_str)
                });
            }
        }
        out.push_str(&self.style.footer(self.row_count));
        self.destination.write_text(&out)
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::batch;
    use super::*;

    fn table(max_rows: usize, copies: usize) -> String {
        let (destination, memory) = Destination::memory();
        let style = TableStyle { max_rows, expanded: false };
        let batch = batch();
        let mut writer = TableWriter::new(style, &batch.schema(), destination.clone());
        for _ in 0..copies {
            assert!(writer.write(&batch).is_ok());
        }
        assert!(Box::new(writer).finish().is_ok());
        let mut destination = destination;
        assert!(destination.flush_all().is_ok());
        memory.text()
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_value() {
        let expected = [
            " name  | count | ratio | list",
            "-------+-------+-------+-----------",
            " a,\"b\" |     1 |   0.5 | [1, NULL]",
            " NULL  |   -20 |  NULL | NULL",
            " 日本  |  NULL |   NaN | []",
            " x     |       |       |",
            "(3 rows)",
            "",
        ];
        assert_eq!(table(0, 1), expected.join("\n"));
    }

    #[test]
    fn rows_past_the_limit_are_counted() {
        let shown = table(2, 2);
        assert_eq!(shown.lines().count(), 5, "{shown}");
        assert!(
            shown.ends_with("(2 of 6 rows shown; --max-rows N or \\set max_rows N shows more)\n")
        );
    }
}
