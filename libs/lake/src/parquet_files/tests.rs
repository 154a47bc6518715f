//! Which footers are read again, and what is read before it is asked for.

use arrow::array::{Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::datasource::listing::FileRange;
use datafusion::execution::cache::cache_manager::FileMetadataCache;
use datafusion::execution::memory_pool::MemoryLimit;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::file::properties::WriterProperties;
use datafusion::prelude::SessionContext;
use object_store::memory::InMemory;
use object_store::path::Path;
use parking_lot::Mutex;

use super::row_groups::RowGroups;
use super::*;

const ROW_GROUPS: usize = 10;
const ROWS: i64 = 100;

/// A file of two columns whose values begin at `first`.
fn file(first: i64) -> Bytes {
    let fields = ["a", "b"].map(|name| Field::new(name, DataType::Int64, false));
    let schema = Arc::new(Schema::new(fields.to_vec()));
    let column = Arc::new(Int64Array::from_iter_values(first..first + ROWS));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![column.clone(), column]).unwrap();
    let rows = usize::try_from(ROWS).unwrap() / ROW_GROUPS;
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(rows)).build();
    let mut file = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut file, schema, Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    file.into()
}

/// A store that notes the ranges it was asked for.
#[derive(Debug, Clone, Default)]
struct Noting {
    inner: Arc<InMemory>,
    asked: Arc<Mutex<Vec<Vec<Range<u64>>>>>,
}

impl std::fmt::Display for Noting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("noting")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Noting {
    async fn put_opts(
        &self,
        path: &Path,
        payload: object_store::PutPayload,
        options: object_store::PutOptions,
    ) -> object_store::Result<object_store::PutResult> {
        self.inner.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: object_store::PutMultipartOptions,
    ) -> object_store::Result<Box<dyn object_store::MultipartUpload>> {
        self.inner.put_multipart_opts(path, options).await
    }

    async fn get_opts(
        &self,
        path: &Path,
        options: object_store::GetOptions,
    ) -> object_store::Result<object_store::GetResult> {
        self.inner.get_opts(path, options).await
    }

    async fn get_ranges(
        &self,
        path: &Path,
        ranges: &[Range<u64>],
    ) -> object_store::Result<Vec<Bytes>> {
        self.asked.lock().push(ranges.to_vec());
        self.inner.get_ranges(path, ranges).await
    }

    fn delete_stream(
        &self,
        paths: futures::stream::BoxStream<'static, object_store::Result<Path>>,
    ) -> futures::stream::BoxStream<'static, object_store::Result<Path>> {
        self.inner.delete_stream(paths)
    }

    fn list(
        &self,
        prefix: Option<&Path>,
    ) -> futures::stream::BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(
        &self,
        prefix: Option<&Path>,
    ) -> object_store::Result<object_store::ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(
        &self,
        from: &Path,
        to: &Path,
        options: object_store::CopyOptions,
    ) -> object_store::Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

struct Lake {
    store: Noting,
    footers: Arc<FileMetadataCache>,
}

impl Lake {
    fn new() -> Self {
        let runtime = SessionContext::new().runtime_env();
        Self { store: Noting::default(), footers: runtime.cache_manager.get_file_metadata_cache() }
    }

    async fn put(&self, first: i64) -> Bytes {
        let file = file(first);
        self.store.put(&path(), file.clone().into()).await.unwrap();
        file
    }

    /// A reader as it is made of a plan that has travelled: without a tag, and with an old time.
    fn reader(&self, file: &Bytes) -> Box<dyn AsyncFileReader + Send> {
        self.reader_with(file, u64::MAX)
    }

    /// The same, which has no more than so many bytes ahead.
    fn reader_with(&self, file: &Bytes, bytes_ahead: u64) -> Box<dyn AsyncFileReader + Send> {
        let readers = FileReaders {
            store: Arc::new(self.store.clone()),
            footers: Arc::clone(&self.footers),
            is_local: false,
            bytes_ahead,
        };
        let file = PartitionedFile::new(path().to_string(), file.len() as u64);
        readers.create_reader(0, file, None, &ExecutionPlanMetricsSet::new()).unwrap()
    }

    fn take_asked(&self) -> Vec<Vec<Range<u64>>> {
        std::mem::take(&mut self.store.asked.lock())
    }
}

fn path() -> Path {
    Path::from("x.parquet")
}

fn least(footer: &ParquetMetaData) -> &[u8] {
    footer.row_group(0).column(0).statistics().unwrap().min_bytes_opt().unwrap()
}

/// Where columns of a row group lie.
fn chunks(footer: &ParquetMetaData, row_group: usize, columns: &[usize]) -> Vec<Range<u64>> {
    let of = |column: &usize| footer.row_group(row_group).column(*column).byte_range();
    columns.iter().map(of).map(|(start, length)| start..start + length).collect()
}

#[tokio::test]
async fn a_footer_is_read_once_a_version_of_its_object() {
    let lake = Lake::new();
    for first in [1, 2, 1] {
        // Of one size, and within one second.
        let file = lake.put(first).await;
        let read = lake.reader(&file).get_metadata(None).await.unwrap();
        assert_eq!(least(&read), first.to_le_bytes(), "{first}");
        assert!(!lake.take_asked().is_empty());
        let again = lake.reader(&file).get_metadata(None).await.unwrap();
        assert_eq!(least(&again), first.to_le_bytes(), "{first}");
        assert!(lake.take_asked().is_empty());
    }
}

#[tokio::test]
async fn row_groups_are_read_ahead_once_they_are_read_in_order() {
    let lake = Lake::new();
    let file = lake.put(0).await;
    let mut reader = lake.reader(&file);
    let footer = reader.get_metadata(None).await.unwrap();
    lake.take_asked();
    for row_group in 0..ROW_GROUPS {
        let ranges = chunks(&footer, row_group, &[1]);
        let expected = file.slice(
            usize::try_from(ranges[0].start).unwrap()..usize::try_from(ranges[0].end).unwrap(),
        );
        assert_eq!(reader.get_byte_ranges(ranges).await.unwrap(), [expected]);
        if row_group == 0 {
            assert_eq!(lake.take_asked(), [chunks(&footer, 0, &[1])]);
        }
    }
    // Each was read once, and nothing else.
    let expected: Vec<_> = (1..ROW_GROUPS).map(|number| chunks(&footer, number, &[1])).collect();
    let mut asked = lake.take_asked();
    asked.sort_by_key(|ranges| ranges[0].start);
    assert_eq!(asked, expected);
}

#[tokio::test]
async fn no_more_is_read_ahead_than_may_be() {
    let lake = Lake::new();
    let file = lake.put(0).await;
    let footer = lake.reader(&file).get_metadata(None).await.unwrap();
    let longest = (0..ROW_GROUPS).map(|number| chunks(&footer, number, &[0])[0].clone());
    let longest = longest.map(|range| range.end - range.start).max().unwrap();
    for (bytes_ahead, groups_ahead) in [(0, 0), (longest, 1), (3 * longest, 3)] {
        let mut reader = lake.reader_with(&file, bytes_ahead);
        reader.get_metadata(None).await.unwrap();
        lake.take_asked();
        let mut most = 0;
        for row_group in 0..ROW_GROUPS {
            reader.get_byte_ranges(chunks(&footer, row_group, &[0])).await.unwrap();
            // What was begun runs before this goes on.
            tokio::task::yield_now().await;
            most = most.max(lake.store.asked.lock().len() - (row_group + 1));
        }
        assert_eq!(most, groups_ahead, "{bytes_ahead}");
    }
}

#[test]
fn what_is_read_ahead_is_a_share_of_the_memory_that_queries_have() {
    for (memory, bytes) in [(1 << 20, 8 << 20), (1 << 30, 16 << 20), (1 << 40, 64 << 20)] {
        assert_eq!(bytes_ahead(&MemoryLimit::Finite(memory)), bytes);
    }
}

#[tokio::test]
async fn what_was_read_ahead_in_vain_is_never_given_for_something_else() {
    let lake = Lake::new();
    let file = lake.put(0).await;
    let mut reader = lake.reader(&file);
    let footer = reader.get_metadata(None).await.unwrap();
    for (row_group, columns) in
        [(0, &[0][..]), (1, &[0]), (2, &[0]), (7, &[0]), (8, &[0, 1]), (9, &[0, 1]), (3, &[1])]
    {
        let ranges = chunks(&footer, row_group, columns);
        let expected = ranges.iter().map(|range| {
            let at = |place: u64| usize::try_from(place).unwrap();
            file.slice(at(range.start)..at(range.end))
        });
        let expected: Vec<_> = expected.collect();
        assert_eq!(reader.get_byte_ranges(ranges).await.unwrap(), expected, "{row_group}");
    }
}

#[tokio::test]
async fn no_row_group_is_guessed_that_another_scan_of_the_file_reads() {
    let lake = Lake::new();
    let file = lake.put(0).await;
    let footer = lake.reader(&file).get_metadata(None).await.unwrap();
    let end = i64::try_from(chunks(&footer, 5, &[0])[0].start).unwrap();
    let groups = RowGroups::new(&footer, Some(FileRange { start: 0, end }));
    let columns = groups.columns(&chunks(&footer, 3, &[0, 1]), 0).unwrap();
    assert_eq!(columns.row_group, 3);
    assert_eq!(groups.same_of(&columns, 4), Some(chunks(&footer, 4, &[0, 1])));
    assert_eq!(groups.same_of(&columns, 5), None);
    let whole = RowGroups::new(&footer, None);
    assert_eq!(whole.same_of(&columns, ROW_GROUPS), None);
    // Pages of a column, or what is no column at all.
    let chunk = chunks(&footer, 3, &[0])[0].clone();
    for part in [chunk.start..chunk.end - 1, 1..2] {
        assert_eq!(whole.columns(std::slice::from_ref(&part), 0), None);
    }
}
