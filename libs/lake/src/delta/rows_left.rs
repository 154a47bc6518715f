//! Which rows of a file a deletion vector leaves.

use std::ops::Range;

use arrow::array::{BooleanArray, Int64Array};
use arrow::buffer::{BooleanBuffer, Buffer};
use datafusion::datasource::physical_plan::parquet::ParquetRowSelection;
use datafusion::parquet::arrow::arrow_reader::RowSelection;

/// Deleted rows in one run from which on the reader steps over them. It decodes shorter runs: to
/// step over a row costs it as much, in each column, as to decode some ten to a hundred.
const STEPPED_OVER_MIN: usize = 1_024;
/// Rows of a file that may be deleted: the first two thousand million, a bit each.
const ROWS_MAX: u64 = 1 << 31;

/// The rows of one file that are not deleted.
#[derive(Debug)]
pub(super) struct RowsLeft {
    /// A bit a row up to the last deleted one, set where the row is left.
    rows: BooleanBuffer,
    /// What the reader steps over, if anything.
    selection: Option<ParquetRowSelection>,
}

impl RowsLeft {
    /// The rows of a file with `rows` rows that are not in `deleted`, which ascends.
    ///
    /// # Errors
    /// A deleted row that the file does not have, or beyond [`ROWS_MAX`].
    pub(super) fn without(deleted: impl Iterator<Item = u64>, rows: u64) -> Result<Self, String> {
        let mut left: Vec<u8> = Vec::new();
        let mut runs = LongRuns::default();
        for row in deleted {
            let place = match usize::try_from(row) {
                Ok(place) if row < rows.min(ROWS_MAX) => place,
                Ok(_) if row < rows => {
                    return Err(format!(
                        "a deletion vector names row {row}, over the limit ROWS_MAX ({ROWS_MAX})"
                    ));
                }
                _ => {
                    return Err(format!(
                        "a deletion vector names row {row} of a file with {rows} rows"
                    ));
                }
            };
            let (byte, bit) = (place / 8, place % 8);
            if byte >= left.len() {
                left.resize(byte + 1, u8::MAX);
            }
            left[byte] &= !(1 << bit);
            runs.add(place);
        }
        let last = runs.current.end;
        let selection = runs.stepped_over(usize::try_from(rows).unwrap_or(usize::MAX));
        Ok(Self {
            rows: BooleanBuffer::new(Buffer::from_vec(left), 0, last),
            selection: selection.map(ParquetRowSelection::new),
        })
    }

    /// The rows that the reader has to read, deleted ones among them; `None` for all.
    pub(super) fn selection(&self) -> Option<&ParquetRowSelection> {
        self.selection.as_ref()
    }

    /// Whether each of the rows with these numbers is left. Numbers ascend within a batch.
    pub(super) fn among(&self, numbers: &Int64Array) -> BooleanArray {
        let numbers = numbers.values();
        let place = |number: i64| usize::try_from(number).unwrap_or(usize::MAX);
        if let [first, .., last] = **numbers
            && place(last) < self.rows.len()
            && last.checked_sub(first).map(place) == Some(numbers.len() - 1)
        {
            // By far the most batches are a part of the file without gaps.
            return BooleanArray::new(self.rows.slice(place(first), numbers.len()), None);
        }
        let is_left = |number: &i64| {
            let place = place(*number);
            place >= self.rows.len() || self.rows.value(place)
        };
        BooleanArray::new(numbers.iter().map(is_left).collect(), None)
    }
}

/// The long runs among deleted rows.
#[derive(Debug, Default)]
struct LongRuns {
    ended: Vec<Range<usize>>,
    /// The run that the last deleted row belongs to.
    current: Range<usize>,
}

impl LongRuns {
    /// Adds a deleted row, which comes after all others.
    fn add(&mut self, row: usize) {
        if row == self.current.end {
            self.current.end = row + 1;
            return;
        }
        self.end();
        self.current = row..row + 1;
    }

    fn end(&mut self) {
        if self.current.len() >= STEPPED_OVER_MIN {
            self.ended.push(self.current.clone());
        }
    }

    /// All of the `rows` rows but these runs; `None` where there is none, and a row is left.
    fn stepped_over(mut self, rows: usize) -> Option<RowSelection> {
        if self.current == (0..rows) {
            return Some(RowSelection::from_consecutive_ranges(std::iter::empty(), rows));
        }
        self.end();
        if self.ended.is_empty() {
            return None;
        }
        let starts = std::iter::once(0).chain(self.ended.iter().map(|run| run.end));
        let ends = self.ended.iter().map(|run| run.start).chain([rows]);
        let read = starts.zip(ends).map(|(start, end)| start..end).filter(|read| !read.is_empty());
        Some(RowSelection::from_consecutive_ranges(read, rows))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::parquet::arrow::arrow_reader::RowSelector;

    use super::*;

    fn among(left: &RowsLeft, numbers: impl IntoIterator<Item = i64>) -> Vec<bool> {
        let numbers: Int64Array = numbers.into_iter().collect();
        left.among(&numbers).values().iter().collect()
    }

    #[test]
    fn rows_are_known_by_their_numbers() {
        let left = RowsLeft::without([0, 1, 5, 9].into_iter(), 20).unwrap();
        let all: Vec<bool> = (0..20).map(|row| ![0, 1, 5, 9].contains(&row)).collect();
        assert_eq!(among(&left, 0..20), all);
        assert_eq!(among(&left, 4..8), [true, false, true, true]);
        assert_eq!(among(&left, [1, 2, 5, 6, 9, 19]), [false, true, false, true, false, true]);
        assert_eq!(among(&left, [9]), [false]);
        assert_eq!(among(&left, 12..14), [true, true]);
        assert!(among(&left, []).is_empty());
    }

    #[test]
    fn only_long_runs_are_stepped_over() {
        let scattered = RowsLeft::without((0..100_000).step_by(100), 100_000).unwrap();
        assert_eq!(scattered.selection(), None);
        let run = 2_000..2_000 + STEPPED_OVER_MIN as u64;
        let deleted = [7, 1_000].into_iter().chain(run.clone());
        let one_run = RowsLeft::without(deleted, 9_000).unwrap();
        let selectors: Vec<RowSelector> = one_run.selection().unwrap().selection().clone().into();
        assert_eq!(
            selectors,
            [
                RowSelector::select(2_000),
                RowSelector::skip(STEPPED_OVER_MIN),
                RowSelector::select(7_000 - STEPPED_OVER_MIN),
            ]
        );
    }

    #[test]
    fn a_file_without_a_row_left_is_not_read() {
        for rows in [10, 10_000] {
            let none = RowsLeft::without(0..rows, rows).unwrap();
            let selection = none.selection().unwrap().selection();
            assert_eq!((selection.row_count(), selection.skipped_row_count() as u64), (0, rows));
        }
    }

    #[test]
    fn a_row_that_the_file_does_not_have_is_refused() {
        assert!(RowsLeft::without([3].into_iter(), 3).is_err());
        assert!(RowsLeft::without([ROWS_MAX].into_iter(), u64::MAX).is_err());
    }
}
