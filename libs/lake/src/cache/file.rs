//! A block in a file: a header with its key, its place and a checksum, then the bytes.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use bytes::Bytes;

use super::{BlockKey, Part};

/// What every file begins with; another one for another layout.
const MAGIC: &[u8; 4] = b"LGB2";
/// Magic, key, where it begins in the object, checksum.
pub(super) const HEADER_BYTES: usize = 4 + 32 + 8 + 4;

/// Writes a block, first under another name, so that no reader sees a part of it.
pub(super) fn write(
    path: &Path,
    unfinished: &Path,
    key: &BlockKey,
    block: &Part,
) -> io::Result<()> {
    let mut file = fs::File::create(unfinished)?;
    file.write_all(MAGIC)?;
    file.write_all(key.as_bytes())?;
    file.write_all(&block.begin.to_le_bytes())?;
    file.write_all(&checksum(block.begin, &block.bytes).to_le_bytes())?;
    file.write_all(&block.bytes)?;
    drop(file);
    fs::rename(unfinished, path)
}

/// Reads a block; `None` for a file that is not what was written.
pub(super) fn read(path: &Path, key: &BlockKey) -> Option<Part> {
    let file = Bytes::from(fs::read(path).ok()?);
    let (header, block) = file.split_at_checked(HEADER_BYTES)?;
    let (magic, rest) = header.split_at_checked(MAGIC.len())?;
    let (of, rest) = rest.split_at_checked(key.as_bytes().len())?;
    let (begin, sum) = rest.split_first_chunk()?;
    let begin = u64::from_le_bytes(*begin);
    let is_whole =
        magic == MAGIC && of == key.as_bytes() && sum == checksum(begin, block).to_le_bytes();
    is_whole.then(|| Part { begin, bytes: file.slice(HEADER_BYTES..) })
}

fn checksum(begin: u64, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&begin.to_le_bytes());
    hasher.update(bytes);
    hasher.finalize()
}
