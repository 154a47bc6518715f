//! Parts of objects that were read, kept in memory and on disk for the next query.
//!
//! What is kept is a block of an object *at one version*, or the part of it that was asked for: the
//! key says which object, with the tag that its store gave it, so another version is another key and
//! nothing must ever be taken back.
//! Whoever asks has looked at the object first ([`crate::store`]), hence no block is served that
//! the caller could not read, or that the object no longer has.
//!
//! Memory and disk have bounds; the least recently used goes first. Files carry a checksum, and
//! one that is not what was written counts as absent.

mod block;
mod disk;
mod index;
mod memory;
mod segment;
mod waiting;

#[cfg(test)]
mod tests;

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream;
use parking_lot::Mutex;

pub(crate) use block::{BLOCK_BYTES, BlockKey, Part};

use disk::{Disk, Found};
use memory::Memory;

/// Pieces that one read has under way.
const AT_ONCE: usize = 8;
/// Bytes that are read from disk into one piece at most.
const PIECE_BYTES: u64 = 8 << 20;
/// An answer smaller than this is copied: it may lie in a larger buffer of the connection.
const SHARED_BYTES_MIN: usize = 64 << 10;

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

    /// Reads what is here of blocks, of each of which a range is wanted.
    ///
    /// Blocks that meet in the object and on disk come as one part.
    pub(crate) async fn read(&self, wanted: &[(BlockKey, Range<u64>)]) -> Read {
        let mut read = Read { there: Vec::with_capacity(wanted.len()), parts: Vec::new() };
        let mut pieces: Vec<Vec<(usize, Found)>> = Vec::new();
        for (place, (key, range)) in wanted.iter().enumerate() {
            let there = match self.look(key) {
                Some(Look::Part(part)) if part.holds(range) => {
                    read.parts.push(part);
                    There::Enough
                }
                Some(Look::OnDisk(found)) if holds(&found, range) => {
                    join(&mut pieces, place, found);
                    There::Enough
                }
                Some(_) => There::Less,
                None => There::Nothing,
            };
            read.there.push(there);
        }
        let reads = pieces.into_iter().map(|piece| async {
            let (places, blocks): (Vec<_>, Vec<_>) = piece.into_iter().unzip();
            (places, self.read_piece(blocks).await)
        });
        let pieces: Vec<_> = stream::iter(reads).buffered(AT_ONCE).collect().await;
        for (places, part) in pieces {
            match part {
                Some(part) => read.parts.push(part),
                None => places.into_iter().for_each(|at| read.there[at] = There::Nothing),
            }
        }
        read
    }

    fn look(&self, key: &BlockKey) -> Option<Look> {
        let kept = self.memory.lock().get(key);
        let kept = kept.or_else(|| self.disk.waiting(key)).map(Look::Part);
        kept.or_else(|| self.disk.find(key).map(Look::OnDisk))
    }

    async fn read_piece(&self, blocks: Vec<Found>) -> Option<Part> {
        let begin = blocks.first().map(|(_, _, place)| place.begin)?;
        let keys: Vec<_> = blocks.iter().map(|(key, _, place)| (*key, *place)).collect();
        let bytes = self.disk.read(blocks).await?;
        let mut memory = self.memory.lock();
        let mut at = 0;
        for (key, place) in keys {
            let end = at + place.bytes as usize;
            if memory.is_seen_again(key) {
                let bytes = Bytes::copy_from_slice(&bytes[at..end]);
                memory.insert(key, Part { begin: place.begin, bytes });
            }
            at = end;
        }
        drop(memory);
        Some(Part { begin, bytes })
    }

    /// Keeps blocks, or what was read of them, out of one answer of a store. Writing them to disk
    /// happens later, or not where the disk is behind.
    pub(crate) fn put(&self, blocks: Vec<(BlockKey, Part)>) {
        let bytes: usize = blocks.iter().map(|(_, part)| part.bytes.len()).sum();
        let copied = |(key, Part { begin, bytes })| {
            (key, Part { begin, bytes: Bytes::copy_from_slice(&bytes) })
        };
        if self.disk.is_used() {
            let mut memory = self.memory.lock();
            for (key, _) in &blocks {
                memory.is_seen_again(*key);
            }
            drop(memory);
            self.disk.write(match bytes < SHARED_BYTES_MIN {
                true => blocks.into_iter().map(copied).collect(),
                false => blocks,
            });
        } else {
            let mut memory = self.memory.lock();
            for (key, part) in blocks.into_iter().map(copied) {
                memory.insert(key, part);
            }
        }
    }
}

/// What was found of some blocks.
#[derive(Debug)]
pub(crate) struct Read {
    /// For each block that was wanted, in the same order.
    pub(crate) there: Vec<There>,
    /// All that was found, in no order.
    pub(crate) parts: Vec<Part>,
}

/// What there is of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum There {
    /// What was wanted of it.
    Enough,
    /// Another part of it.
    Less,
    /// None of it.
    Nothing,
}

/// Where a block was found.
enum Look {
    Part(Part),
    OnDisk(Found),
}

fn holds((_, _, place): &Found, range: &Range<u64>) -> bool {
    place.begin <= range.start && range.end <= place.end()
}

/// Adds a block to the last piece, if it follows there, or begins another one.
fn join(pieces: &mut Vec<Vec<(usize, Found)>>, at: usize, found: Found) {
    let (_, file, place) = &found;
    if let Some(piece) = pieces.last_mut()
        && let (Some((_, (_, _, first))), Some((_, (_, of, last)))) = (piece.first(), piece.last())
        && Arc::ptr_eq(of, file)
        && last.meets(place)
        && place.end() - first.begin <= PIECE_BYTES
    {
        piece.push((at, found));
        return;
    }
    pieces.push(vec![(at, found)]);
}
