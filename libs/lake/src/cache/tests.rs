//! Bounds, and files that are not what was written.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;

const BLOCK: usize = 256 << 10;

fn key(index: u64) -> BlockKey {
    BlockKey::new("s3://lake", "x.parquet", "tag", index)
}

fn block(index: u64) -> Part {
    let bytes = Bytes::from(vec![u8::try_from(index % 251).unwrap(); BLOCK]);
    Part { begin: index * BLOCK_BYTES, bytes }
}

fn put(cache: &DataCache, index: u64) {
    cache.put(key(index), index * BLOCK_BYTES, &block(index).bytes);
}

fn open(folder: &Path, memory: usize, disk: u64) -> Arc<DataCache> {
    DataCache::open(folder, CacheLimits { memory, disk }).unwrap().unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn bytes_in(folder: &Path) -> u64 {
    // A file may go while this looks.
    files(folder).iter().filter_map(|file| Some(fs::metadata(file).ok()?.len())).sum()
}

/// A folder in which a process left `count` blocks.
fn left_by_another(count: u64) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path(), 0, 1 << 30);
    for index in 0..count {
        put(&cache, index);
    }
    // Waits until all are written.
    drop(cache);
    folder
}

#[tokio::test]
async fn memory_and_disk_keep_their_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let disk = 5 * BLOCK_BYTES;
    let cache = open(folder.path(), 3 * BLOCK, disk);
    for index in 0..40 {
        put(&cache, index);
        assert!(cache.memory.lock().bytes() <= 3 * BLOCK);
        assert!(bytes_in(folder.path()) <= disk);
    }
    assert_eq!(cache.get(&key(39)).await.unwrap(), block(39));
    assert!(cache.get(&key(0)).await.is_none());
    drop(cache);
    assert!(bytes_in(folder.path()) <= disk);
    assert!(!files(folder.path()).is_empty());
}

#[tokio::test]
async fn blocks_outlive_the_process_as_far_as_the_bound_allows() {
    let folder = left_by_another(6);
    fs::write(folder.path().join("unfinished"), "half").unwrap();
    fs::write(folder.path().join("stranger.block"), "none of ours").unwrap();
    let bound = 3 * (BLOCK_BYTES + 100);
    let cache = open(folder.path(), BLOCK, bound);
    assert!(bytes_in(folder.path()) <= bound);
    assert_eq!(files(folder.path()).len(), 3);
    let mut kept = 0;
    for index in 0..6 {
        if let Some(found) = cache.get(&key(index)).await {
            assert_eq!(found, block(index));
            kept += 1;
        }
    }
    assert_eq!(kept, 3);
}

#[tokio::test]
async fn files_that_are_not_what_was_written_are_read_no_more() {
    let folder = left_by_another(4);
    let cache = open(folder.path(), 0, 1 << 30);
    let path = |index| folder.path().join(format!("{}.block", key(index)));
    let mut flipped = fs::read(path(0)).unwrap();
    flipped[BLOCK / 2] ^= 1;
    fs::write(path(0), flipped).unwrap();
    let whole = fs::read(path(1)).unwrap();
    fs::write(path(1), &whole[..whole.len() / 2]).unwrap();
    // The sound block of another key.
    fs::copy(path(3), path(2)).unwrap();
    for index in 0..3 {
        assert!(cache.get(&key(index)).await.is_none(), "{index}");
        assert!(!path(index).exists(), "{index}");
    }
    assert_eq!(cache.get(&key(3)).await.unwrap(), block(3));
    put(&cache, 0);
    drop(cache);
    assert!(path(0).exists());
}

#[tokio::test]
async fn more_of_a_block_takes_the_place_of_less_also_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let part = |range: std::ops::Range<usize>| Part {
        begin: range.start as u64,
        bytes: block(0).bytes.slice(range),
    };
    for range in [10..20, 5..40, 30..50] {
        let cache = open(folder.path(), 0, 1 << 30);
        cache.put(key(0), range.start as u64, &part(range).bytes);
    }
    let cache = open(folder.path(), 0, 1 << 30);
    assert_eq!(cache.get(&key(0)).await.unwrap(), part(5..40));
}

#[test]
fn without_room_there_is_no_cache_and_nothing_is_left() {
    let folder = left_by_another(2);
    let limits = CacheLimits { memory: 0, disk: 0 };
    assert!(DataCache::open(folder.path(), limits).unwrap().is_none());
    assert!(files(folder.path()).is_empty());
}
