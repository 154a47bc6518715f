//! Which blocks lie in which file, and which file goes next.

use std::collections::HashMap;
use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use lru::LruCache;

use super::BlockKey;
use super::segment::Place;

/// Files that are kept open at one time; past it the least recently used goes.
pub(super) const FILES_MAX: usize = 256;

/// The number of a file, which is its name.
pub(super) type FileNumber = u64;

/// A file of blocks.
#[derive(Debug)]
struct Segment {
    file: Arc<File>,
    bytes: u64,
    blocks: Vec<BlockKey>,
}

/// The files, the least recently used first, and where the blocks lie.
#[derive(Debug)]
pub(super) struct Index {
    blocks: HashMap<BlockKey, (FileNumber, Place)>,
    files: LruCache<FileNumber, Segment>,
    bytes: u64,
    bytes_max: u64,
}

impl Index {
    pub(super) fn new(bytes_max: u64) -> Self {
        Self { blocks: HashMap::new(), files: LruCache::unbounded(), bytes: 0, bytes_max }
    }

    pub(super) fn bytes_max(&self) -> u64 {
        self.bytes_max
    }

    /// Where a block lies, whose file now is the last used.
    pub(super) fn find(&mut self, key: &BlockKey) -> Option<(Arc<File>, Place)> {
        let (number, place) = *self.blocks.get(key)?;
        let segment = self.files.get(&number)?;
        Some((Arc::clone(&segment.file), place))
    }

    /// The bytes of the object that there are of a block.
    pub(super) fn range_of(&self, key: &BlockKey) -> Option<Range<u64>> {
        self.blocks.get(key).map(|(_, place)| place.begin..place.end())
    }

    /// Forgets files until there is room for so many bytes and one more file; those to remove.
    pub(super) fn make_room(&mut self, bytes: u64) -> Vec<FileNumber> {
        let mut evicted = Vec::new();
        while self.bytes.saturating_add(bytes) > self.bytes_max || self.files.len() >= FILES_MAX {
            let Some((number, segment)) = self.files.pop_lru() else { break };
            self.bytes -= segment.bytes;
            for key in segment.blocks {
                // A larger part of it may lie in a later file.
                if self.blocks.get(&key).is_some_and(|(of, _)| *of == number) {
                    self.blocks.remove(&key);
                }
            }
            evicted.push(number);
        }
        evicted
    }

    /// Whether a file is there still.
    pub(super) fn holds(&self, number: FileNumber) -> bool {
        self.files.contains(&number)
    }

    /// Notes a file without blocks.
    pub(super) fn add_file(&mut self, number: FileNumber, file: Arc<File>) {
        let segment = Segment { file, bytes: 0, blocks: Vec::new() };
        self.files.push(number, segment);
    }

    /// Notes blocks that were written to a file, with the bytes that it grew by.
    pub(super) fn add(&mut self, to: FileNumber, blocks: Vec<(BlockKey, Place)>, grown: u64) {
        let Some(segment) = self.files.get_mut(&to) else { return };
        segment.bytes += grown;
        self.bytes += grown;
        for (key, place) in blocks {
            segment.blocks.push(key);
            self.blocks.insert(key, (to, place));
        }
    }

    /// Forgets a block, not its file.
    pub(super) fn forget(&mut self, key: &BlockKey) {
        self.blocks.remove(key);
    }
}
