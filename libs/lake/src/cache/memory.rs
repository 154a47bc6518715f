//! Blocks in memory.

use std::num::NonZeroUsize;

use lru::LruCache;

use super::{BLOCK_BYTES, BlockKey, Part};

/// The blocks used last, up to a bound.
///
/// A block that lies on disk comes here when it is read again soon: within as many others as there is
/// room for. So a scan of more than that takes nobody's place, and makes no copies for nothing.
#[derive(Debug)]
pub(super) struct Memory {
    blocks: LruCache<BlockKey, Part>,
    bytes: usize,
    bytes_max: usize,
    /// Blocks that were read lately and are not here.
    seen: LruCache<BlockKey, ()>,
}

impl Memory {
    pub(super) fn new(bytes_max: usize) -> Self {
        let seen_max = usize::try_from(bytes_max as u64 / BLOCK_BYTES).unwrap_or_default();
        let seen_max = NonZeroUsize::new(seen_max).unwrap_or(NonZeroUsize::MIN);
        Self { blocks: LruCache::unbounded(), bytes: 0, bytes_max, seen: LruCache::new(seen_max) }
    }

    pub(super) fn get(&mut self, key: &BlockKey) -> Option<Part> {
        self.blocks.get(key).cloned()
    }

    /// Notes a read; whether it is the second lately.
    pub(super) fn is_seen_again(&mut self, key: BlockKey) -> bool {
        self.seen.push(key, ()).is_some_and(|(earlier, ())| earlier == key)
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
