//! A file of blocks: records one after another, never changed once written.
//!
//! A record has a header, which lists its blocks with a checksum each and has one of its own, and
//! then their bytes without a gap: blocks that were read together are read again in one go.

use std::fs::File;
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt;

use bytes::Bytes;

use super::{BlockKey, Part};

/// What every record begins with; another one for another layout.
const MAGIC: &[u8; 4] = b"LGB3";
/// Magic, number of blocks, checksum of the list.
const FIXED_BYTES: usize = 4 + 4 + 4;
/// Key, where it begins in the object, bytes, checksum.
const ENTRY_BYTES: usize = 32 + 8 + 4 + 4;
/// Blocks of one record; a header that tells of more is none of ours.
pub(super) const BLOCKS_MAX: usize = 64;

/// Where a block lies in its file, and what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Of its bytes in the file.
    pub(super) at: u64,
    /// Of the block in the object.
    pub(super) begin: u64,
    pub(super) bytes: u32,
    checksum: u32,
}

impl Place {
    pub(super) fn end(&self) -> u64 {
        self.begin + u64::from(self.bytes)
    }

    /// Whether `next` follows in the object and in the file.
    pub(super) fn meets(&self, next: &Self) -> bool {
        self.end() == next.begin && self.at + u64::from(self.bytes) == next.at
    }

    /// Whether these are the bytes that were written for `key`.
    pub(super) fn is_sound(&self, key: &BlockKey, bytes: &[u8]) -> bool {
        checksum(key, self.begin, bytes) == self.checksum
    }
}

/// Bytes of a record of so many blocks with so many bytes together.
pub(super) fn record_bytes(blocks: usize, bytes: usize) -> u64 {
    (FIXED_BYTES + blocks * ENTRY_BYTES + bytes) as u64
}

/// Writes a record at the end of a file, which is at `at`; where each block came to lie.
pub(super) fn append(
    file: &File,
    at: u64,
    blocks: &[(BlockKey, Part)],
) -> io::Result<Vec<(BlockKey, Place)>> {
    let mut places = Vec::with_capacity(blocks.len());
    let mut entries = Vec::with_capacity(blocks.len() * ENTRY_BYTES);
    let mut next = at + record_bytes(blocks.len(), 0);
    for (key, part) in blocks {
        let bytes = u32::try_from(part.bytes.len()).map_err(io::Error::other)?;
        let checksum = checksum(key, part.begin, &part.bytes);
        entries.extend_from_slice(key.as_bytes());
        entries.extend_from_slice(&part.begin.to_le_bytes());
        entries.extend_from_slice(&bytes.to_le_bytes());
        entries.extend_from_slice(&checksum.to_le_bytes());
        places.push((*key, Place { at: next, begin: part.begin, bytes, checksum }));
        next += u64::from(bytes);
    }
    let count = u32::try_from(blocks.len()).map_err(io::Error::other)?;
    let mut header = Vec::with_capacity(FIXED_BYTES + entries.len());
    header.extend_from_slice(MAGIC);
    header.extend_from_slice(&count.to_le_bytes());
    header.extend_from_slice(&crc32fast::hash(&entries).to_le_bytes());
    header.extend_from_slice(&entries);
    let mut slices = vec![IoSlice::new(&header)];
    slices.extend(blocks.iter().map(|(_, part)| IoSlice::new(&part.bytes)));
    write_all(file, at, &mut slices)?;
    Ok(places)
}

fn write_all(file: &File, mut at: u64, mut slices: &mut [IoSlice<'_>]) -> io::Result<()> {
    while !slices.is_empty() {
        let written = rustix::io::pwritev(file, slices, at)?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        at += written as u64;
        IoSlice::advance_slices(&mut slices, written);
    }
    Ok(())
}

/// What a file holds, as far as its records are whole. Their blocks may still be damaged.
pub(super) fn blocks_of(file: &File) -> io::Result<Vec<(BlockKey, Place)>> {
    let size = file.metadata()?.len();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(places) = record(file, at, size)? {
        let Some((_, last)) = places.last() else { break };
        at = last.at + u64::from(last.bytes);
        found.extend(places);
    }
    Ok(found)
}

fn record(file: &File, at: u64, size: u64) -> io::Result<Option<Vec<(BlockKey, Place)>>> {
    let mut fixed = [0; FIXED_BYTES];
    if at + FIXED_BYTES as u64 > size {
        return Ok(None);
    }
    file.read_exact_at(&mut fixed, at)?;
    let Some((count, sum)) = counted(&fixed) else { return Ok(None) };
    if at + record_bytes(count, 0) > size {
        return Ok(None);
    }
    let mut entries = vec![0; count * ENTRY_BYTES];
    file.read_exact_at(&mut entries, at + FIXED_BYTES as u64)?;
    if crc32fast::hash(&entries) != sum {
        return Ok(None);
    }
    let mut next = at + record_bytes(count, 0);
    let mut places = Vec::with_capacity(count);
    for entry in entries.chunks_exact(ENTRY_BYTES) {
        let Some((key, place)) = placed(entry, next) else { return Ok(None) };
        next += u64::from(place.bytes);
        places.push((key, place));
    }
    Ok((next <= size).then_some(places))
}

/// The number of blocks and the checksum of their list.
fn counted(fixed: &[u8]) -> Option<(usize, u32)> {
    let rest = fixed.strip_prefix(MAGIC)?;
    let (count, rest) = rest.split_first_chunk()?;
    let count = usize::try_from(u32::from_le_bytes(*count)).ok()?;
    let (sum, _) = rest.split_first_chunk()?;
    (1..=BLOCKS_MAX).contains(&count).then_some((count, u32::from_le_bytes(*sum)))
}

fn placed(entry: &[u8], at: u64) -> Option<(BlockKey, Place)> {
    let (key, rest) = entry.split_first_chunk()?;
    let (begin, rest) = rest.split_first_chunk()?;
    let (bytes, rest) = rest.split_first_chunk()?;
    let (checksum, _) = rest.split_first_chunk()?;
    let place = Place {
        at,
        begin: u64::from_le_bytes(*begin),
        bytes: u32::from_le_bytes(*bytes),
        checksum: u32::from_le_bytes(*checksum),
    };
    Some((BlockKey::of_bytes(*key), place))
}

/// Reads blocks that meet, into one piece.
pub(super) fn read(file: &File, places: &[Place]) -> io::Result<Bytes> {
    let Some(first) = places.first() else { return Ok(Bytes::new()) };
    let count: usize = places.iter().map(|place| place.bytes as usize).sum();
    let mut bytes = Vec::with_capacity(count);
    while bytes.len() < count {
        let at = first.at + bytes.len() as u64;
        let spare = rustix::buffer::spare_capacity(&mut bytes);
        if rustix::io::pread(file, spare, at)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    // There may have been room for more than was asked for.
    bytes.truncate(count);
    Ok(bytes.into())
}

fn checksum(key: &BlockKey, begin: u64, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key.as_bytes());
    hasher.update(&begin.to_le_bytes());
    hasher.update(bytes);
    hasher.finalize()
}
