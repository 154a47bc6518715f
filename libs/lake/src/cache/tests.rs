//! Bounds, and files that are not what was written.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::waiting::{BYTES_MAX, Job, Waiting};
use super::*;

const BLOCK: usize = 256 << 10;
/// A bound under which each block has a file of its own.
const SMALL: u64 = 8 * BLOCK_BYTES;

fn key(index: u64) -> BlockKey {
    BlockKey::new("s3://lake", "x.parquet", "tag", index)
}

fn block(index: u64) -> Part {
    let bytes = (0..BLOCK).map(|n| u8::try_from((n as u64 + index) % 251).unwrap());
    Part { begin: index * BLOCK_BYTES, bytes: bytes.collect() }
}

fn put(cache: &DataCache, index: u64) {
    cache.put(vec![(key(index), block(index))]);
}

async fn get(cache: &DataCache, index: u64) -> Option<Part> {
    let read = cache.read(&[(key(index), block(index).range())]).await;
    (read.there == [There::Enough]).then(|| read.parts[0].clone())
}

fn open(folder: &Path, memory: usize, disk: u64) -> Arc<DataCache> {
    DataCache::open(folder, CacheLimits { memory, disk }).unwrap().unwrap()
}

/// The files, the first written first.
fn files(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.collect();
    files.sort();
    files
}

fn bytes_in(folder: &Path) -> u64 {
    // A file may go while this looks.
    files(folder).iter().filter_map(|file| Some(fs::metadata(file).ok()?.len())).sum()
}

/// A folder in which a process left `count` blocks.
fn left_by_another(count: u64, disk: u64) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path(), 0, disk);
    for index in 0..count {
        put(&cache, index);
    }
    // Waits until all are written.
    drop(cache);
    folder
}

#[tokio::test]
async fn the_disk_keeps_its_bound() {
    let folder = tempfile::tempdir().unwrap();
    let disk = 5 * BLOCK_BYTES;
    let cache = open(folder.path(), 0, disk);
    for index in 0..40 {
        put(&cache, index);
        assert!(bytes_in(folder.path()) <= disk);
    }
    assert_eq!(get(&cache, 39).await.unwrap(), block(39));
    drop(cache);
    assert!(bytes_in(folder.path()) <= disk);
    let cache = open(folder.path(), 0, disk);
    assert!(get(&cache, 0).await.is_none());
    assert_eq!(get(&cache, 39).await.unwrap(), block(39));
}

#[tokio::test]
async fn memory_keeps_its_bound_and_what_was_read_last() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path(), 3 * BLOCK, 0);
    for index in 0..40 {
        put(&cache, index);
        assert!(cache.memory.lock().bytes() <= 3 * BLOCK);
    }
    assert!(get(&cache, 0).await.is_none());
    assert_eq!(get(&cache, 39).await.unwrap(), block(39));
    assert!(files(folder.path()).is_empty());
}

#[tokio::test]
async fn memory_takes_what_is_read_again_soon_and_no_scan_of_more_than_it() {
    let folder = left_by_another(6, SMALL);
    let cache = open(folder.path(), 4 * BLOCK, SMALL);
    for index in (0..6).chain(0..6) {
        assert_eq!(get(&cache, index).await.unwrap(), block(index));
    }
    assert_eq!(cache.memory.lock().bytes(), 0);
    for index in (0..4).chain(0..4) {
        assert_eq!(get(&cache, index).await.unwrap(), block(index));
    }
    assert_eq!(cache.memory.lock().bytes(), 4 * BLOCK);
    files(folder.path()).iter().for_each(|file| fs::write(file, "").unwrap());
    assert_eq!(get(&cache, 3).await.unwrap(), block(3));
}

#[tokio::test]
async fn blocks_outlive_the_process_as_far_as_the_bound_allows() {
    let folder = left_by_another(6, SMALL);
    fs::write(folder.path().join("unfinished"), "half").unwrap();
    fs::write(folder.path().join("stranger.blocks"), "none of ours").unwrap();
    fs::write(folder.path().join("00000000000000ff.blocks"), "none of ours either").unwrap();
    let bound = 3 * (BLOCK_BYTES + 100);
    let cache = open(folder.path(), BLOCK, bound);
    assert!(bytes_in(folder.path()) <= bound);
    let mut kept = 0;
    for index in 0..6 {
        if let Some(found) = get(&cache, index).await {
            assert_eq!(found, block(index));
            kept += 1;
        }
    }
    assert_eq!(kept, 3);
    // None is written over that is there.
    put(&cache, 9);
    drop(cache);
    let cache = open(folder.path(), BLOCK, bound);
    assert_eq!(get(&cache, 9).await.unwrap(), block(9));
}

#[tokio::test]
async fn parts_of_a_block_that_meet_become_one() {
    let whole = block(1);
    let part = |range: Range<usize>| Part {
        begin: whole.begin + range.start as u64,
        bytes: whole.bytes.slice(range),
    };
    for (parts, kept) in [
        (vec![0..100_000, 100_000..BLOCK], 0..BLOCK),
        (vec![100_000..BLOCK, 0..100_001], 0..BLOCK),
        (vec![0..70_000, 200_000..BLOCK, 70_000..200_000], 0..200_000),
        (vec![0..200_000, 100_000..150_000], 0..200_000),
        (vec![80_000..90_000, 70_000..BLOCK], 70_000..BLOCK),
        (vec![0..70_000, 100_000..250_000], 100_000..250_000),
    ] {
        let folder = tempfile::tempdir().unwrap();
        for range in &parts {
            let cache = open(folder.path(), 0, SMALL);
            cache.put(vec![(key(1), part(range.clone()))]);
            // Waits until it is written.
            drop(cache);
        }
        let cache = open(folder.path(), 0, SMALL);
        let kept = part(kept);
        let read = cache.read(&[(key(1), kept.range())]).await;
        assert_eq!(read.there, [There::Enough], "{parts:?}");
        assert_eq!(read.parts, [kept], "{parts:?}");
    }
}

#[tokio::test]
async fn blocks_that_are_not_what_was_written_are_read_no_more() {
    let folder = left_by_another(4, SMALL);
    let cache = open(folder.path(), 0, SMALL);
    let files = files(folder.path());
    let mut flipped = fs::read(&files[0]).unwrap();
    flipped[BLOCK / 2] ^= 1;
    fs::write(&files[0], flipped).unwrap();
    let whole = fs::read(&files[1]).unwrap();
    fs::write(&files[1], &whole[..whole.len() / 2]).unwrap();
    // The sound block of another key.
    fs::write(&files[2], fs::read(&files[3]).unwrap()).unwrap();
    for of in [Arc::clone(&cache), open(folder.path(), 0, SMALL)] {
        for index in 0..3 {
            assert!(get(&of, index).await.is_none(), "{index}");
        }
        assert_eq!(get(&of, 3).await.unwrap(), block(3));
    }
    put(&cache, 0);
    drop(cache);
    assert_eq!(get(&open(folder.path(), 0, SMALL), 0).await.unwrap(), block(0));
}

#[tokio::test]
async fn a_file_that_ends_within_a_record_gives_what_is_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path(), 0, 1 << 30);
    for of in [vec![0, 1], vec![2]] {
        cache.put(of.into_iter().map(|index| (key(index), block(index))).collect());
    }
    drop(cache);
    let [file] = files(folder.path()).try_into().unwrap();
    let whole = fs::read(&file).unwrap();
    for (end, kept) in [(whole.len(), 3), (whole.len() - 1, 2), (BLOCK, 0), (5, 0), (0, 0)] {
        fs::write(&file, &whole[..end]).unwrap();
        let cache = open(folder.path(), 0, 1 << 30);
        for index in 0..3 {
            let expected = (index < kept).then(|| block(index));
            assert_eq!(get(&cache, index).await, expected, "{index} of {end} bytes");
        }
    }
}

#[tokio::test]
async fn blocks_that_were_written_together_come_in_one_piece() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = || (0..5).map(|index| (key(index), block(index)));
    let cache = open(folder.path(), 0, 1 << 30);
    cache.put(blocks().collect());
    drop(cache);
    let cache = open(folder.path(), 0, 1 << 30);
    let wanted: Vec<_> = blocks().map(|(key, part)| (key, part.range())).collect();
    let read = cache.read(&wanted).await;
    assert_eq!(read.there, [There::Enough; 5]);
    let whole: Vec<u8> = blocks().flat_map(|(_, part)| part.bytes).collect();
    assert_eq!(read.parts, [Part { begin: 0, bytes: whole.into() }]);
}

#[tokio::test]
async fn more_of_a_block_takes_the_place_of_less_also_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let part = |range: std::ops::Range<usize>| Part {
        begin: range.start as u64,
        bytes: block(0).bytes.slice(range),
    };
    for range in [10..20, 5..40, 45..60] {
        let cache = open(folder.path(), 0, 1 << 30);
        cache.put(vec![(key(0), part(range))]);
    }
    let cache = open(folder.path(), 0, 1 << 30);
    let read = cache.read(&[(key(0), 6..39)]).await;
    assert_eq!((read.there, read.parts), (vec![There::Enough], vec![part(5..40)]));
    let read = cache.read(&[(key(0), 6..41), (key(1), 0..1)]).await;
    assert_eq!((read.there, read.parts), (vec![There::Less, There::Nothing], vec![]));
}

#[test]
fn what_waits_to_be_written_can_be_read_and_has_a_bound() {
    let waiting = Waiting::default();
    let job = |index| Job { blocks: vec![(key(index), block(index))], held: BYTES_MAX / 2 };
    for index in 0..3 {
        waiting.push(job(index));
    }
    assert_eq!(waiting.bytes(), BYTES_MAX);
    assert_eq!(waiting.get(&key(1)), Some(block(1)));
    assert_eq!(waiting.get(&key(2)), None);
    let first = waiting.next().unwrap();
    waiting.done(&first);
    assert_eq!((waiting.get(&key(0)), waiting.bytes()), (None, BYTES_MAX / 2));
    waiting.close();
    assert!(waiting.next().is_some());
    assert!(waiting.next().is_none());
}

#[test]
fn without_room_there_is_no_cache_and_nothing_is_left() {
    let folder = left_by_another(2, SMALL);
    let limits = CacheLimits { memory: 0, disk: 0 };
    assert!(DataCache::open(folder.path(), limits).unwrap().is_none());
    assert!(files(folder.path()).is_empty());
}
