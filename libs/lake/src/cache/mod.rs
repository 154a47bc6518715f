//! Parts of objects that were read, kept in memory and on disk for the next query.
//!
//! What is kept is a block of an object *at one version*, or the part of it that was asked for: the
//! key says which object, with the tag that its store gave it, so another version is another key and nothing must ever be taken back.
//! Whoever asks has looked at the object first ([`crate::store`]), hence no block is served that
//! the caller could not read, or that the object no longer has.
//!
//! Memory and disk have bounds; the least recently used goes first. Files carry a checksum, and
//! one that is not what was written counts as absent.

mod block;
mod disk;
mod file;
mod memory;

#[cfg(test)]
mod tests;

use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

pub(crate) use block::{BLOCK_BYTES, BlockKey, Part};

use disk::Disk;
use memory::Memory;

/// How much a cache may hold, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheLimits {
    /// In memory.
    pub memory: usize,
    /// In files.
    pub disk: u64,
}

/// The cache of a process.
#[derive(Debug)]
pub struct DataCache {
    memory: Mutex<Memory>,
    disk: Disk,
}

impl DataCache {
    /// Takes over the blocks that an earlier process left in `folder`, as many as may stay; nothing
    /// else there is left. `None` where the limits allow nothing.
    ///
    /// # Errors
    /// The folder cannot be made or read.
    pub fn open(folder: &Path, limits: CacheLimits) -> io::Result<Option<Arc<Self>>> {
        let disk = Disk::open(folder, limits.disk)?;
        if limits.memory == 0 && limits.disk == 0 {
            return Ok(None);
        }
        Ok(Some(Arc::new(Self { memory: Mutex::new(Memory::new(limits.memory)), disk })))
    }

    /// What is here of a block.
    pub(crate) async fn get(&self, key: &BlockKey) -> Option<Part> {
        let kept = self.memory.lock().get(key);
        if kept.is_some() {
            return kept;
        }
        let part = self.disk.read(*key).await?;
        self.memory.lock().insert(*key, part.clone());
        Some(part)
    }

    /// Keeps a block, or what was read of it. Writing it to disk happens later, or not where the
    /// disk is behind.
    pub(crate) fn put(&self, key: BlockKey, begin: u64, bytes: &[u8]) {
        // It may lie in a larger answer, which it would hold as a whole.
        let part = Part { begin, bytes: Bytes::copy_from_slice(bytes) };
        self.memory.lock().insert(key, part.clone());
        self.disk.write(key, part);
    }
}
