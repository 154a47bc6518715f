//! What a writer tells of the files that it has written.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, StringArray};
use arrow::array::{AsArray, ListBuilder, RecordBatch, StringBuilder, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, UInt64Type};
use datafusion::common::{Result, exec_err};

/// One file that was written and is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenFile {
    /// Its place in the store.
    pub path: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its rows.
    pub rows: u64,
    /// The values of the partition columns as the Delta protocol writes them, in their order;
    /// `None` for null.
    pub partition_values: Vec<Option<String>>,
    /// Smallest and largest values and counts as the Delta protocol writes them, in JSON; only of
    /// Parquet files.
    pub statistics: Option<String>,
}

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let values = DataType::List(Arc::new(Field::new("item", DataType::Utf8, true)));
    Arc::new(Schema::new(vec![
        Field::new("path", DataType::Utf8, false),
        Field::new("bytes", DataType::UInt64, false),
        Field::new("rows", DataType::UInt64, false),
        Field::new("partition_values", values, false),
        Field::new("statistics", DataType::Utf8, true),
    ]))
});

/// The columns of a [`WrittenFile`] as a row.
pub fn written_schema() -> SchemaRef {
    Arc::clone(&SCHEMA)
}

impl WrittenFile {
    /// Files as rows.
    ///
    /// # Errors
    /// Arrow's own.
    pub(super) fn to_batch(files: &[Self]) -> Result<RecordBatch> {
        let mut values = ListBuilder::new(StringBuilder::new());
        for file in files {
            for value in &file.partition_values {
                values.values().append_option(value.as_deref());
            }
            values.append(true);
        }
        let count = |of: fn(&Self) -> u64| files.iter().map(of).collect::<UInt64Array>();
        let columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from_iter_values(files.iter().map(|file| &file.path))),
            Arc::new(count(|file| file.bytes)),
            Arc::new(count(|file| file.rows)),
            Arc::new(values.finish()),
            Arc::new(files.iter().map(|file| file.statistics.as_deref()).collect::<StringArray>()),
        ];
        Ok(RecordBatch::try_new(written_schema(), columns)?)
    }

    /// Reads rows of files.
    ///
    /// # Errors
    /// The rows have other columns.
    pub fn from_batch(batch: &RecordBatch) -> Result<Vec<Self>> {
        if batch.schema() != written_schema() {
            return exec_err!("rows that tell no written files");
        }
        let paths = batch.column(0).as_string::<i32>();
        let bytes = batch.column(1).as_primitive::<UInt64Type>();
        let rows = batch.column(2).as_primitive::<UInt64Type>();
        let values = batch.column(3).as_list::<i32>();
        let statistics = batch.column(4).as_string::<i32>();
        Ok((0..batch.num_rows())
            .map(|row| Self {
                path: paths.value(row).to_string(),
                bytes: bytes.value(row),
                rows: rows.value(row),
                partition_values: texts(values.value(row).as_string::<i32>()),
                statistics: texts(&statistics.slice(row, 1)).pop().flatten(),
            })
            .collect())
    }
}

fn texts(array: &StringArray) -> Vec<Option<String>> {
    array.iter().map(|text| text.map(str::to_string)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_back_from_rows_as_they_were() {
        let file = |partition_values: &[Option<&str>], statistics: Option<&str>| WrittenFile {
            path: "t/stem/part-0.parquet".to_string(),
            bytes: 7,
            rows: 3,
            partition_values: partition_values
                .iter()
                .map(|value| value.map(str::to_string))
                .collect(),
            statistics: statistics.map(str::to_string),
        };
        let files = vec![file(&[Some("a"), None], Some("{}")), file(&[], None)];
        let batch = WrittenFile::to_batch(&files).unwrap();
        assert_eq!(WrittenFile::from_batch(&batch).unwrap(), files);
        assert!(WrittenFile::from_batch(&batch.project(&[0]).unwrap()).is_err());
    }
}
