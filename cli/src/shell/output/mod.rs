//! Writing a result: one file for each format behind one trait.

mod arrow_stream;
mod cells;
mod csv;
mod expanded;
mod json;
mod parquet_file;
mod table;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use crate::args::Format;

use super::destination::Destination;
use super::failure::Failure;

/// Writes the batches of one result.
pub(crate) trait ResultWriter: Send {
    /// Writes one batch, or keeps what the end needs.
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Failure>;

    /// Writes what is left once all batches were given.
    fn finish(self: Box<Self>) -> Result<(), Failure>;
}

/// How tables are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TableStyle {
    /// Rows shown at most, 0 for all.
    pub(crate) max_rows: usize,
    /// One line for each value instead of one for each row.
    pub(crate) expanded: bool,
}

impl TableStyle {
    /// Whether one more row is shown after `count` rows.
    fn shows_more(self, count: usize) -> bool {
        self.max_rows == 0 || count < self.max_rows
    }

    /// The line below a table: how many rows there are, and how many of them were shown.
    fn footer(self, row_count: usize) -> String {
        if self.max_rows != 0 && row_count > self.max_rows {
            return format!(
                "({} of {row_count} rows shown; --max-rows N or \\set max_rows N shows more)\n",
                self.max_rows
            );
        }
        format!("({row_count} row{})\n", if row_count == 1 { "" } else { "s" })
    }
}

/// The writer of a format for rows of that schema.
pub(crate) fn writer(
    format: Format,
    style: TableStyle,
    schema: SchemaRef,
    destination: Destination,
) -> Result<Box<dyn ResultWriter>, Failure> {
    Ok(match format {
        Format::Table if style.expanded => {
            Box::new(expanded::ExpandedWriter::new(style, destination))
        }
        Format::Table => Box::new(table::TableWriter::new(style, &schema, destination)),
        Format::Csv => Box::new(csv::CsvWriter::begin(&schema, destination)?),
        Format::Json => Box::new(json::JsonWriter::new(destination)),
        Format::Arrow => Box::new(arrow_stream::ArrowWriter::begin(&schema, destination)?),
        Format::Parquet => Box::new(parquet_file::ParquetWriter::begin(schema, destination)?),
    })
}

#[cfg(test)]
mod samples {
    //! A result that every writer is tried on.

    use std::sync::Arc;

    use arrow::array::{Float64Array, Int64Array, ListArray, RecordBatch, StringArray};
    use arrow::datatypes::Int32Type;

    /// Three rows with nulls, quotes, a line break, wide characters and a nested column.
    pub(super) fn batch() -> RecordBatch {
        let names = StringArray::from(vec![Some("a,\"b\""), None, Some("日本\nx")]);
        let counts = Int64Array::from(vec![Some(1), Some(-20), None]);
        let ratios = Float64Array::from(vec![Some(0.5), None, Some(f64::NAN)]);
        let lists = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![
            Some(vec![Some(1), None]),
            None,
            Some(vec![]),
        ]);
        RecordBatch::try_from_iter_with_nullable(vec![
            ("name", Arc::new(names) as _, true),
            ("count", Arc::new(counts) as _, true),
            ("ratio", Arc::new(ratios) as _, true),
            ("list", Arc::new(lists) as _, true),
        ])
        .unwrap()
    }
}
