//! Row groups of an object, read while those before them are decoded.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::common::runtime::SpawnedTask;
use datafusion::datasource::listing::FileRange;
use datafusion::execution::memory_pool::MemoryLimit;
use datafusion::parquet::file::metadata::ParquetMetaData;
use object_store::path::Path;
use object_store::{ObjectStore, Result};

use super::row_groups::{Columns, RowGroups};

/// Row groups that one reader has ahead at most.
const ROW_GROUPS_MAX: usize = 4;
/// Bytes of them at least and at most; between that, a share of the memory that queries have. With
/// more in one row group the next waits until that is wanted.
const BYTES_MIN: u64 = 8 << 20;
const BYTES_MAX: u64 = 64 << 20;
/// One part in so many of the memory that queries have.
const SHARE_OF_MEMORY: u64 = 64;

/// Bytes that one reader has ahead at most, where queries have so much memory.
pub(super) fn bytes_ahead(memory: &MemoryLimit) -> u64 {
    match memory {
        MemoryLimit::Finite(bytes) => {
            let bytes = u64::try_from(*bytes).unwrap_or(u64::MAX);
            (bytes / SHARE_OF_MEMORY).clamp(BYTES_MIN, BYTES_MAX)
        }
        MemoryLimit::Infinite | MemoryLimit::Unknown => BYTES_MAX,
    }
}

/// Reads of one scan of one file.
///
/// Once two row groups were read one after the other the next is begun, and with each that was
/// guessed right one more, so no more is ever read in vain than was read before.
#[derive(Debug)]
pub(super) struct Ahead {
    store: Arc<dyn ObjectStore>,
    path: Path,
    range: Option<FileRange>,
    bytes_max: u64,
    row_groups: Option<RowGroups>,
    /// The last row group that was asked for, and how many there were without a gap.
    last: Option<usize>,
    in_order: usize,
    begun: VecDeque<Begun>,
}

/// A read that nobody has asked for yet.
#[derive(Debug)]
struct Begun {
    ranges: Vec<Range<u64>>,
    bytes: u64,
    /// It ends when this is dropped.
    task: SpawnedTask<Result<Vec<Bytes>>>,
}

impl Ahead {
    pub(super) fn new(
        store: Arc<dyn ObjectStore>,
        path: Path,
        range: &Option<FileRange>,
        bytes_max: u64,
    ) -> Self {
        Self {
            store,
            path,
            range: range.clone(),
            bytes_max,
            row_groups: None,
            last: None,
            in_order: 0,
            begun: VecDeque::new(),
        }
    }

    /// From now on goes by this footer.
    pub(super) fn follow(&mut self, footer: &Arc<ParquetMetaData>) {
        self.row_groups = Some(RowGroups::new(footer, self.range.clone()));
    }

    /// Reads ranges, or gives what was read of them already.
    pub(super) async fn read(&mut self, ranges: Vec<Range<u64>>) -> Result<Vec<Bytes>> {
        let begun = self.begun.pop_front().filter(|begun| begun.ranges == ranges);
        if begun.is_none() {
            self.begun.clear();
        }
        self.begin_next(&ranges);
        match begun {
            Some(begun) => begun.task.join().await.map_err(|source| {
                object_store::Error::Generic { store: "reading ahead", source: Box::new(source) }
            })?,
            None => self.store.get_ranges(&self.path, &ranges).await,
        }
    }

    /// Begins to read what comes after `ranges`.
    fn begin_next(&mut self, ranges: &[Range<u64>]) {
        let likely = self.last.map_or(0, |last| last + 1);
        let groups = self.row_groups.as_ref();
        let Some(columns) = groups.and_then(|groups| groups.columns(ranges, likely)) else {
            // A part of a row group, or none: the next cannot be told.
            self.in_order = 0;
            return;
        };
        let follows = self.last.is_some() && columns.row_group == likely;
        self.in_order = if follows { self.in_order + 1 } else { 0 };
        self.last = Some(columns.row_group);
        while let Some(ranges) = self.next(&columns) {
            let bytes = ranges.iter().map(|range| range.end - range.start).sum();
            let waiting: u64 = self.begun.iter().map(|begun| begun.bytes).sum();
            if waiting + bytes > self.bytes_max {
                return;
            }
            let (store, path, wanted) =
                (Arc::clone(&self.store), self.path.clone(), ranges.clone());
            let task = SpawnedTask::spawn(async move { store.get_ranges(&path, &wanted).await });
            self.begun.push_back(Begun { ranges, bytes, task });
        }
    }

    /// The next ranges to begin with, if it is time for more.
    fn next(&self, columns: &Columns) -> Option<Vec<Range<u64>>> {
        let count = self.begun.len();
        if count >= self.in_order.min(ROW_GROUPS_MAX) {
            return None;
        }
        self.row_groups.as_ref()?.same_of(columns, columns.row_group + 1 + count)
    }
}
