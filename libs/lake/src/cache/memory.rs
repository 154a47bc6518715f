//! Blocks in memory.

use lru::LruCache;

use super::{BlockKey, Part};

/// The blocks used last, up to a bound.
#[derive(Debug)]
pub(super) struct Memory {
    blocks: LruCache<BlockKey, Part>,
    bytes: usize,
    bytes_max: usize,
}

impl Memory {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { blocks: LruCache::unbounded(), bytes: 0, bytes_max }
    }

    pub(super) fn get(&mut self, key: &BlockKey) -> Option<Part> {
        self.blocks.get(key).cloned()
    }

    pub(super) fn insert(&mut self, key: BlockKey, part: Part) {
        if part.bytes.len() > self.bytes_max {
            return;
        }
        self.bytes += part.bytes.len();
        if let Some((_, replaced)) = self.blocks.push(key, part) {
            self.bytes -= replaced.bytes.len();
        }
        while self.bytes > self.bytes_max {
            let Some((_, oldest)) = self.blocks.pop_lru() else { return };
            self.bytes -= oldest.bytes.len();
        }
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}
