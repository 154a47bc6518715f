//! A block in a file: a header with its key and a checksum, then the bytes.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use bytes::Bytes;

use super::BlockKey;

/// What every file begins with; another one for another layout.
const MAGIC: &[u8; 4] = b"LGB1";
/// Magic, key, checksum.
pub(super) const HEADER_BYTES: usize = 4 + 32 + 4;

/// Writes a block, first under another name, so that no reader sees a part of it.
pub(super) fn write(
    path: &Path,
    unfinished: &Path,
    key: &BlockKey,
    block: &[u8],
) -> io::Result<()> {
    let mut file = fs::File::create(unfinished)?;
    file.write_all(MAGIC)?;
    file.write_all(key.as_bytes())?;
    file.write_all(&crc32fast::hash(block).to_le_bytes())?;
    file.write_all(block)?;
    drop(file);
    fs::rename(unfinished, path)
}

/// Reads a block; `None` for a file that is not what was written.
pub(super) fn read(path: &Path, key: &BlockKey) -> Option<Bytes> {
    let file = Bytes::from(fs::read(path).ok()?);
    let (header, block) = file.split_at_checked(HEADER_BYTES)?;
    let (magic, rest) = header.split_at_checked(MAGIC.len())?;
    let (of, checksum) = rest.split_at_checked(key.as_bytes().len())?;
    let is_whole =
        magic == MAGIC && of == key.as_bytes() && checksum == crc32fast::hash(block).to_le_bytes();
    is_whole.then(|| file.slice(HEADER_BYTES..))
}
