//! Which bytes a scan that goes on as it began wants next.

use std::ops::Range;
use std::sync::Arc;

use datafusion::datasource::listing::FileRange;
use datafusion::parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};

/// The row groups of a file that one scan may read.
#[derive(Debug)]
pub(super) struct RowGroups {
    footer: Arc<ParquetMetaData>,
    /// The part of the file that the scan was given.
    range: Option<FileRange>,
}

/// Whole columns of one row group.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) row_group: usize,
    columns: Vec<usize>,
}

impl RowGroups {
    pub(super) fn new(footer: &Arc<ParquetMetaData>, range: Option<FileRange>) -> Self {
        Self { footer: Arc::clone(footer), range }
    }

    /// The columns that `ranges` are, in the order of the file, if they are that. The row group
    /// with number `likely` is looked at first.
    pub(super) fn columns(&self, ranges: &[Range<u64>], likely: usize) -> Option<Columns> {
        let first = ranges.first()?;
        let groups = self.footer.row_groups();
        let is_in = |number: &usize| groups.get(*number).is_some_and(|group| spans(group, first));
        let row_group = std::iter::once(likely).chain(0..groups.len()).find(is_in)?;
        let group = &groups[row_group];
        let mut rest = 0..group.num_columns();
        let columns =
            ranges.iter().map(|range| rest.find(|column| bytes_of(group, *column) == *range));
        Some(Columns { row_group, columns: columns.collect::<Option<_>>()? })
    }

    /// Where the same columns of another row group lie; `None` if the scan does not read it.
    pub(super) fn same_of(&self, columns: &Columns, row_group: usize) -> Option<Vec<Range<u64>>> {
        let group = self.footer.row_groups().get(row_group)?;
        if self.range.as_ref().is_some_and(|range| !begins_in(group, range)) {
            return None;
        }
        Some(columns.columns.iter().map(|column| bytes_of(group, *column)).collect())
    }
}

fn bytes_of(group: &RowGroupMetaData, column: usize) -> Range<u64> {
    let (start, length) = group.column(column).byte_range();
    start..start + length
}

fn spans(group: &RowGroupMetaData, range: &Range<u64>) -> bool {
    let Some(last) = group.num_columns().checked_sub(1) else { return false };
    bytes_of(group, 0).start <= range.start && range.end <= bytes_of(group, last).end
}

/// A scan of a part of a file reads the row groups whose first page begins in it.
fn begins_in(group: &RowGroupMetaData, range: &FileRange) -> bool {
    group.columns().first().is_some_and(|first| {
        let begin = first.dictionary_page_offset().unwrap_or_else(|| first.data_page_offset());
        range.contains(begin)
    })
}
