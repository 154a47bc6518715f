//! What a query sees of objects that it reads through the cache.

use object_store::memory::InMemory;
use tempfile::TempDir;

use super::super::Used;
use super::*;
use crate::cache::CacheLimits;

const SIZE: usize = 3_000_000;
const BLOCKS: u64 = (SIZE as u64).div_ceil(BLOCK_BYTES);

struct Lake {
    store: Arc<InMemory>,
    cache: Arc<DataCache>,
    _folder: TempDir,
}

impl Lake {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let limits = CacheLimits { memory: 64 << 20, disk: 0 };
        let cache = DataCache::open(folder.path(), limits).unwrap().unwrap();
        Self { store: Arc::new(InMemory::new()), cache, _folder: folder }
    }

    /// Puts an object of bytes that begin to count at `first`.
    async fn put(&self, first: u8) -> Vec<u8> {
        let bytes: Vec<u8> =
            (0..SIZE).map(|n| first.wrapping_add(u8::try_from(n % 253).unwrap())).collect();
        self.store.put(&path(), bytes.clone().into()).await.unwrap();
        bytes
    }

    /// The store as a new query has it.
    fn query(&self) -> (Cached, Arc<Usage>) {
        let usage = Arc::new(Usage::default());
        let counted = Counted::new(Arc::clone(&self.store) as _, Arc::clone(&usage));
        let url = StoreUrl::parse("s3://lake").unwrap().unwrap();
        (Cached::new(counted, &url, &self.cache, Arc::clone(&usage)), usage)
    }
}

fn path() -> Path {
    Path::from("x.parquet")
}

#[tokio::test]
async fn any_range_is_what_the_store_has_and_comes_from_the_cache_afterwards() {
    let lake = Lake::new();
    let bytes = lake.put(7).await;
    let size = SIZE as u64;
    let ranges = [0..1, 1_048_575..1_048_577, size - 8..size, 0..size, 2_000_000..2_999_999];
    for round in 0..2 {
        let (query, usage) = lake.query();
        let read = query.get_ranges(&path(), &ranges).await.unwrap();
        for (range, part) in ranges.iter().zip(read) {
            let at = |place: u64| usize::try_from(place).unwrap();
            assert_eq!(part, bytes[at(range.start)..at(range.end)], "{range:?}");
        }
        assert_eq!(query.get(&path()).await.unwrap().bytes().await.unwrap(), bytes);
        let Used { requests, hits, misses, .. } = usage.take();
        // The first query looks at the object, fetches all blocks at once, and then has them; the
        // second only looks.
        let expected = if round == 0 { (2, BLOCKS, BLOCKS) } else { (1, 2 * BLOCKS, 0) };
        assert_eq!((requests, hits, misses), expected, "round {round}");
    }
}

#[tokio::test]
async fn no_more_is_fetched_than_was_asked_for_and_a_block_as_a_whole_the_second_time() {
    let lake = Lake::new();
    let bytes = lake.put(7).await;
    for (range, fetched) in
        [(10..20, 10), (12..18, 0), (18..30, BLOCK_BYTES), (0..BLOCK_BYTES, 0), (5..9, 0)]
    {
        let (query, usage) = lake.query();
        let read = query.get_range(&path(), range.clone()).await.unwrap();
        let at = |place: u64| usize::try_from(place).unwrap();
        assert_eq!(read, bytes[at(range.start)..at(range.end)], "{range:?}");
        assert_eq!(usage.take().bytes, fetched, "{range:?}");
    }
}

#[tokio::test]
async fn a_replaced_object_is_never_read_stale() {
    let lake = Lake::new();
    lake.put(1).await;
    let (before, _) = lake.query();
    before.get_range(&path(), 0..SIZE as u64).await.unwrap();
    let bytes = lake.put(2).await;
    let (after, _) = lake.query();
    let read = after.get_range(&path(), 0..SIZE as u64).await.unwrap();
    assert_eq!(read, bytes);
}

#[tokio::test]
async fn an_object_that_is_replaced_while_it_is_read_fails_the_query() {
    let lake = Lake::new();
    lake.put(1).await;
    let (query, _) = lake.query();
    query.get_range(&path(), 0..10).await.unwrap();
    lake.put(2).await;
    let error = query.get_range(&path(), 2_500_000..2_500_010).await.unwrap_err();
    assert!(error.to_string().contains("was replaced"), "{error}");
}

#[tokio::test]
async fn logs_of_tables_and_missing_objects_are_left_to_the_store() {
    let lake = Lake::new();
    let log = Path::from("t/_delta_log/00000000000000000000.json");
    lake.store.put(&log, "{}".into()).await.unwrap();
    let (query, usage) = lake.query();
    assert_eq!(query.get(&log).await.unwrap().bytes().await.unwrap(), "{}");
    assert_eq!(usage.take(), Used { requests: 1, bytes: 2, ..Used::default() });
    let missing = query.get(&Path::from("none")).await;
    assert!(matches!(missing, Err(object_store::Error::NotFound { .. })));
}
