//! Which columns of a file are better written without a dictionary.
//!
//! A dictionary that grows too large is given up in the midst of a row group, and begun anew in the
//! next one. Until then each of its values was looked up in a table that no longer fits a
//! processor's cache, which takes longer than all else that is done to the column, for files that
//! are larger than without. So files that follow a first one leave out what was given up there.

use std::collections::HashMap;

use datafusion::parquet::basic::{Encoding, PageType};
use datafusion::parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use datafusion::parquet::schema::types::ColumnPath;

/// Of the pages of a column, one in so many at least came after its dictionary was given up.
const GIVEN_UP_ONE_OF: i64 = 3;

/// Pages of values.
#[derive(Debug, Default)]
struct Pages {
    all: i64,
    without_dictionary: i64,
}

/// The columns whose dictionaries were given up early in the file.
pub(super) fn given_up(footer: &ParquetMetaData) -> Vec<ColumnPath> {
    let mut columns: HashMap<&ColumnPath, Pages> = HashMap::new();
    for group in footer.row_groups() {
        for column in group.columns().iter().filter(|column| has_dictionary(column)) {
            let pages = columns.entry(column.column_path()).or_default();
            for of_one_kind in column.page_encoding_stats().into_iter().flatten() {
                if matches!(of_one_kind.page_type, PageType::DATA_PAGE | PageType::DATA_PAGE_V2) {
                    let count = i64::from(of_one_kind.count);
                    pages.all += count;
                    if of_one_kind.encoding != Encoding::RLE_DICTIONARY {
                        pages.without_dictionary += count;
                    }
                }
            }
        }
    }
    let is_given_up = |pages: &Pages| {
        pages.without_dictionary > 0 && pages.without_dictionary * GIVEN_UP_ONE_OF >= pages.all
    };
    let columns = columns.into_iter().filter(|(_, pages)| is_given_up(pages));
    columns.map(|(column, _)| column.clone()).collect()
}

fn has_dictionary(column: &ColumnChunkMetaData) -> bool {
    column.dictionary_page_offset().is_some()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, RecordBatch};
    use datafusion::parquet::arrow::ArrowWriter;
    use datafusion::parquet::file::properties::WriterProperties;

    use super::*;

    #[test]
    fn a_column_of_many_values_does_without_a_dictionary() {
        const ROWS: i64 = 10_000;
        let column = |value: fn(i64) -> i64| -> ArrayRef {
            Arc::new((0..ROWS).map(value).collect::<Int64Array>())
        };
        let columns = [
            ("each_once", column(|row| row)),
            ("few", column(|row| row % 10)),
            // Its dictionary is given up as well, but near the end.
            ("few_at_first", column(|row| if row < 9_000 { 0 } else { row })),
        ];
        let rows = RecordBatch::try_from_iter(columns).unwrap();
        let properties = WriterProperties::builder()
            .set_dictionary_page_size_limit(4_000)
            .set_data_page_row_count_limit(100)
            .set_write_batch_size(100);
        let mut writer =
            ArrowWriter::try_new(Vec::new(), rows.schema(), Some(properties.build())).unwrap();
        writer.write(&rows).unwrap();
        let footer = writer.finish().unwrap();
        assert_eq!(given_up(&footer), [ColumnPath::from("each_once")]);
    }
}
