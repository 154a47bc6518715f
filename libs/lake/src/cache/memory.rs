//! Blocks in memory.

use bytes::Bytes;
use lru::LruCache;

use super::BlockKey;

/// The blocks used last, up to a bound.
#[derive(Debug)]
pub(super) struct Memory {
    blocks: LruCache<BlockKey, Bytes>,
    bytes: usize,
    bytes_max: usize,
}

impl Memory {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { blocks: LruCache::unbounded(), bytes: 0, bytes_max }
    }

    pub(super) fn get(&mut self, key: &BlockKey) -> Option<Bytes> {
        self.blocks.get(key).cloned()
    }

    pub(super) fn insert(&mut self, key: BlockKey, block: Bytes) {
        if block.len() > self.bytes_max {
            return;
        }
        self.bytes += block.len();
        if let Some((_, replaced)) = self.blocks.push(key, block) {
            self.bytes -= replaced.len();
        }
        while self.bytes > self.bytes_max {
            let Some((_, oldest)) = self.blocks.pop_lru() else { return };
            self.bytes -= oldest.len();
        }
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}
