//! Blocks of objects and their names.

use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use sha2::{Digest, Sha256};

/// The size of a block, but for the last of an object.
pub(crate) const BLOCK_BYTES: u64 = 256 << 10;

/// What is kept of a block: all of it, or what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// Where it begins in the object.
    pub(crate) begin: u64,
    pub(crate) bytes: Bytes,
}

impl Part {
    /// The bytes of the object that this is.
    pub(crate) fn range(&self) -> Range<u64> {
        self.begin..self.begin + self.bytes.len() as u64
    }

    /// Whether a range of the object is in it.
    pub(super) fn holds(&self, range: &Range<u64>) -> bool {
        self.begin <= range.start && range.end <= self.range().end
    }
}

/// The name of one block of one version of one object.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct BlockKey([u8; 32]);

impl BlockKey {
    /// The block with number `index` of the object at `path` in `bucket`, as it is under `tag`.
    pub(crate) fn new(bucket: &str, path: &str, tag: &str, index: u64) -> Self {
        let mut hash = Sha256::new();
        for part in [bucket, path, tag] {
            // With its length, so that no two lists of parts are one text.
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hash.update(BLOCK_BYTES.to_le_bytes());
        hash.update(index.to_le_bytes());
        Self(hash.finalize().into())
    }

    pub(super) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key that these bytes are.
    pub(super) fn of_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for BlockKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for BlockKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
