//! Parts rows where the values of their partition columns change.

use std::ops::Range;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::partition;
use arrow::datatypes::{DataType, TimeUnit};
use arrow::row::{OwnedRow, RowConverter, SortField};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::{Result, exec_err};

use super::FileWrite;

/// How times stand in partition values: with a zone as an instant, without one as on a clock.
const TIMESTAMP_UTC: &str = "%Y-%m-%dT%H:%M:%S%.6fZ";
const TIMESTAMP: &str = "%Y-%m-%d %H:%M:%S%.6f";
/// What a folder is named whose value is null, as Hive names it.
const HIVE_NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// Rows of one partition value that follow each other.
pub(super) struct Part {
    /// What tells the value from others.
    pub(super) key: OwnedRow,
    /// The values as a log writes them.
    pub(super) values: Vec<Option<String>>,
    /// The rows, without the partition columns.
    pub(super) rows: RecordBatch,
}

/// Parts batches of the same columns.
pub(super) struct Parting {
    converter: RowConverter,
    partitions: Vec<usize>,
    file_columns: Vec<usize>,
}

impl Parting {
    pub(super) fn new(write: &FileWrite) -> Result<Self> {
        let fields = write.partitions.iter().map(|column| write.columns.field(*column));
        let fields = fields.map(|field| SortField::new(field.data_type().clone()));
        Ok(Self {
            converter: RowConverter::new(fields.collect())?,
            partitions: write.partitions.clone(),
            file_columns: write.file_columns(),
        })
    }

    /// The parts of `rows`, each with at least one row, in their order. Rows of one value that do
    /// not follow each other are several parts.
    pub(super) fn part(&self, rows: &RecordBatch) -> Result<Vec<Part>> {
        let columns: Vec<ArrayRef> =
            self.partitions.iter().map(|column| rows.column(*column).clone()).collect();
        let in_files = rows.project(&self.file_columns)?;
        let ranges = partition(&columns)?.ranges().into_iter();
        ranges.map(|range| self.of_range(&columns, &in_files, range)).collect()
    }

    fn of_range(
        &self,
        columns: &[ArrayRef],
        in_files: &RecordBatch,
        range: Range<usize>,
    ) -> Result<Part> {
        let first: Vec<ArrayRef> = columns.iter().map(|c| c.slice(range.start, 1)).collect();
        let key = self.converter.convert_columns(&first)?.row(0).owned();
        let values = columns.iter().map(|column| value_of(column, range.start));
        let values = values.collect::<Result<_>>()?;
        Ok(Part { key, values, rows: in_files.slice(range.start, range.len()) })
    }
}

/// Whether columns of a type can part files: their values have a text that is read back as the value.
pub fn parts_files(data_type: &DataType) -> bool {
    use DataType::{Binary, BinaryView, FixedSizeBinary, LargeBinary, Null};
    !data_type.is_nested()
        && !matches!(data_type, Binary | BinaryView | FixedSizeBinary(_) | LargeBinary | Null)
}

/// The value in a row as the Delta protocol writes it ("Partition Value Serialization"): an empty
/// text is null there.
fn value_of(column: &ArrayRef, row: usize) -> Result<Option<String>> {
    if column.is_null(row) {
        return Ok(None);
    }
    if !parts_files(column.data_type()) {
        return exec_err!("a column of type {} parts no files", column.data_type());
    }
    let format = match column.data_type() {
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => TIMESTAMP_UTC,
        _ => TIMESTAMP,
    };
    let options = FormatOptions::new()
        .with_timestamp_format(Some(format))
        .with_timestamp_tz_format(Some(format));
    let text = ArrayFormatter::try_new(column.as_ref(), &options)?.value(row).to_string();
    Ok((!text.is_empty()).then_some(text))
}

/// The folder of a partition value, `column=value`; what a path cannot hold is percent-encoded.
pub(super) fn hive_folder(column: &str, value: Option<&str>) -> String {
    format!("{}={}", encoded(column), value.map_or_else(|| HIVE_NULL.to_string(), encoded))
}

fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '/' | '\\' | ':' | '=' | '%' | '?' | '#' | '*' | '"' | '<' | '>' | '|' => {
                encoded.push_str(&format!("%{:02X}", u32::from(character)));
            }
            other if other.is_control() => {
                encoded.push_str(&format!("%{:02X}", u32::from(other)));
            }
            other => encoded.push(other),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Date32Array, Int64Array, StringArray, TimestampMicrosecondArray};

    use super::*;
    use crate::delta::TableRoot;
    use crate::write::{FileFormat, FileLayout, WriteLimits};

    fn write(rows: &RecordBatch, partitions: &[usize]) -> FileWrite {
        FileWrite {
            root: TableRoot::parse("/lake/t/").unwrap(),
            stem: "s".to_string(),
            layout: FileLayout::Own,
            columns: rows.schema(),
            partitions: partitions.to_vec(),
            format: FileFormat::PARQUET,
            limits: WriteLimits::default(),
        }
    }

    #[test]
    fn rows_are_parted_where_their_value_changes() {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("p", Arc::new(StringArray::from(vec![Some("a"), Some("b"), Some("b"), None]))),
            ("n", Arc::new(Int64Array::from(vec![1, 2, 3, 4]))),
        ];
        let rows = RecordBatch::try_from_iter_with_nullable(
            columns.into_iter().map(|(name, column)| (name, column, true)),
        )
        .unwrap();
        let parts = Parting::new(&write(&rows, &[0])).unwrap().part(&rows).unwrap();
        let found: Vec<_> = parts
            .iter()
            .map(|part| (part.values[0].as_deref(), part.rows.num_rows(), part.rows.num_columns()))
            .collect();
        assert_eq!(found, [(Some("a"), 1, 1), (Some("b"), 2, 1), (None, 1, 1)]);
    }

    #[test]
    fn values_are_written_as_the_protocol_says() {
        let text = |column: ArrayRef| value_of(&column, 0).unwrap();
        let time = TimestampMicrosecondArray::from(vec![1_000_001]);
        assert_eq!(text(Arc::new(Date32Array::from(vec![365]))).as_deref(), Some("1971-01-01"));
        assert_eq!(text(Arc::new(time.clone())).as_deref(), Some("1970-01-01 00:00:01.000001"));
        assert_eq!(
            text(Arc::new(time.with_timezone("UTC"))).as_deref(),
            Some("1970-01-01T00:00:01.000001Z")
        );
        assert_eq!(text(Arc::new(StringArray::from(vec![""]))), None);
    }

    #[test]
    fn a_value_never_leaves_its_folder() {
        assert_eq!(hive_folder("p", Some("a/../b=c")), "p=a%2F..%2Fb%3Dc");
        assert_eq!(hive_folder("p", None), "p=__HIVE_DEFAULT_PARTITION__");
    }
}
