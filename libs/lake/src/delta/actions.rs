//! Reads the JSON files of a log: often thousands, of a few kilobytes each.
//!
//! The kernel's reader makes room for a thousand rows a file, for a thousand files at once, and
//! decodes them one after the other. Here many files share a decoder of the size that they need,
//! and several such parts are decoded at a time.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef as ArrowSchemaRef;
use arrow::json::ReaderBuilder;
use arrow::json::reader::Decoder;
use bytes::Bytes;
use delta_kernel::cancellation::CancellationTokenRef;
use delta_kernel::engine::arrow_data::ArrowEngineData;
use delta_kernel::engine::arrow_utils::{
    ReorderIndex, build_json_reorder_indices, fixup_json_read, json_arrow_schema,
};
use delta_kernel::engine_data::FilteredEngineData;
use delta_kernel::expressions::PredicateRef;
use delta_kernel::schema::{SchemaRef, StructType};
use delta_kernel::{
    EngineData, FileDataReadResultIterator, FileMeta, FileSize, JsonHandler, KernelError,
    KernelResult, KernelResultIterator,
};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use memchr::memmem::Finder;
use object_store::path::Path;
use object_store::{GetResult, GetResultPayload, ObjectStore, ObjectStoreExt};
use tokio::runtime::Handle;
use tokio::task::block_in_place;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

/// Files of one part at most.
const PART_FILES_MAX: usize = 256;
/// Bytes of one part at most. A file with more is left to the kernel's reader, which does not hold
/// the whole of it.
const PART_BYTES_MAX: u64 = 4 << 20;
/// Parts that are read at a time.
const PARTS_AT_ONCE: usize = 4;
/// Files of a part that are opened at a time.
const OPENED_AT_ONCE: usize = 32;
/// The same on this machine's disk, where each takes a thread and no time.
const OPENED_AT_ONCE_HERE: usize = 4;

/// Reads JSON files in parts, several at a time.
pub(super) struct ActionFiles {
    inner: Arc<dyn JsonHandler>,
    store: Arc<dyn ObjectStore>,
    runtime: Handle,
}

impl ActionFiles {
    /// On the runtime of the calling task; `inner` does what is not done here.
    pub(super) fn new(inner: Arc<dyn JsonHandler>, store: Arc<dyn ObjectStore>) -> Self {
        Self { inner, store, runtime: Handle::current() }
    }
}

impl JsonHandler for ActionFiles {
    fn parse_json(
        &self,
        json_strings: Box<dyn EngineData>,
        output_schema: SchemaRef,
    ) -> KernelResult<Box<dyn EngineData>> {
        self.inner.parse_json(json_strings, output_schema)
    }

    fn read_json_files(
        &self,
        files: &[FileMeta],
        physical_schema: SchemaRef,
        predicate: Option<PredicateRef>,
    ) -> KernelResult<FileDataReadResultIterator> {
        self.read_json_files_with_cancellation(files, physical_schema, predicate, None)
    }

    fn read_json_files_with_cancellation(
        &self,
        files: &[FileMeta],
        physical_schema: SchemaRef,
        predicate: Option<PredicateRef>,
        cancellation_token: Option<CancellationTokenRef>,
    ) -> KernelResult<FileDataReadResultIterator> {
        if files.len() < 2 {
            return self.inner.read_json_files_with_cancellation(
                files,
                physical_schema,
                predicate,
                cancellation_token,
            );
        }
        let reader = PartReader {
            store: Arc::clone(&self.store),
            runtime: self.runtime.clone(),
            wanted: Arc::new(Wanted::new(&physical_schema)?),
            cancellation_token: cancellation_token.clone(),
        };
        let inner = Arc::clone(&self.inner);
        let rows = parts(files).into_iter().flat_map(move |run| match run {
            Run::Small(parts) => reader.rows(parts),
            Run::Large(file) => inner
                .read_json_files_with_cancellation(
                    &[file],
                    Arc::clone(&physical_schema),
                    predicate.clone(),
                    cancellation_token.clone(),
                )
                .unwrap_or_else(|error| Box::new(std::iter::once(Err(error)))),
        });
        Ok(Box::new(rows))
    }

    fn write_json_file(
        &self,
        path: &Url,
        data: KernelResultIterator<'_, FilteredEngineData>,
        overwrite: bool,
    ) -> KernelResult<FileSize> {
        self.inner.write_json_file(path, data, overwrite)
    }
}

/// Neighbours in the order of reading.
enum Run {
    Small(Vec<Vec<FileMeta>>),
    Large(FileMeta),
}

fn parts(files: &[FileMeta]) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut bytes = 0;
    for file in files {
        if file.size > PART_BYTES_MAX {
            runs.push(Run::Large(file.clone()));
            continue;
        }
        if !matches!(runs.last(), Some(Run::Small(_))) {
            runs.push(Run::Small(Vec::new()));
        }
        let Some(Run::Small(parts)) = runs.last_mut() else { continue };
        bytes += file.size;
        match parts.last_mut() {
            Some(part) if part.len() < PART_FILES_MAX && bytes <= PART_BYTES_MAX => {
                part.push(file.clone());
            }
            _ => {
                bytes = file.size;
                parts.push(vec![file.clone()]);
            }
        }
    }
    runs
}

#[derive(Clone)]
struct PartReader {
    store: Arc<dyn ObjectStore>,
    runtime: Handle,
    wanted: Arc<Wanted>,
    cancellation_token: Option<CancellationTokenRef>,
}

impl PartReader {
    fn rows(&self, parts: Vec<Vec<FileMeta>>) -> FileDataReadResultIterator {
        let reader = self.clone();
        let read = stream::iter(parts).map(move |part| {
            let part = reader.clone().part(part);
            let part = AbortOnDropHandle::new(reader.runtime.spawn(part));
            async move { part.await.map_err(KernelError::join_failure)? }
        });
        Box::new(PartRows {
            parts: read.buffered(PARTS_AT_ONCE).boxed(),
            ready: VecDeque::new(),
            runtime: self.runtime.clone(),
            cancellation_token: self.cancellation_token.clone(),
        })
    }

    async fn part(self, files: Vec<FileMeta>) -> KernelResult<Vec<FileRows>> {
        let is_here = files.iter().all(|file| file.location.scheme() == "file");
        let at_once = if is_here { OPENED_AT_ONCE_HERE } else { OPENED_AT_ONCE };
        let opened = stream::iter(files)
            .map(|file| opened(Arc::clone(&self.store), file))
            .buffered(at_once)
            .collect::<Vec<_>>()
            .await;
        let wanted = Arc::clone(&self.wanted);
        let rows = self.runtime.spawn_blocking(move || wanted.rows(opened));
        rows.await.map_err(KernelError::join_failure)
    }
}

/// Rows of one file, or why there are none.
type FileRows = KernelResult<ArrowEngineData>;

/// A file of the log.
struct Opened {
    url: Url,
    content: Content,
}

/// A file's content, or where it is to be read.
enum Content {
    File(File),
    Bytes(Bytes),
}

impl Content {
    fn bytes(self) -> KernelResult<Bytes> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::File(mut file) => {
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes)?;
                Ok(bytes.into())
            }
        }
    }
}

async fn opened(store: Arc<dyn ObjectStore>, file: FileMeta) -> KernelResult<Opened> {
    let path = Path::from_url_path(file.location.path())?;
    let found = store.get(&path).await?;
    let content = match found.payload {
        GetResultPayload::File(file, _) => Content::File(file),
        payload => Content::Bytes(GetResult { payload, ..found }.bytes().await?),
    };
    Ok(Opened { url: file.location, content })
}

/// The rows of parts, in their order.
struct PartRows {
    parts: BoxStream<'static, KernelResult<Vec<FileRows>>>,
    ready: VecDeque<FileRows>,
    runtime: Handle,
    cancellation_token: Option<CancellationTokenRef>,
}

impl Iterator for PartRows {
    type Item = KernelResult<Box<dyn EngineData>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.cancellation_token.as_ref().is_some_and(|token| token.is_cancelled()) {
                return Some(Err(KernelError::Cancelled));
            }
            if let Some(rows) = self.ready.pop_front() {
                return Some(rows.map(|rows| Box::new(rows) as Box<dyn EngineData>));
            }
            let parts = &mut self.parts;
            match block_in_place(|| self.runtime.block_on(parts.next()))? {
                Ok(rows) => self.ready = rows.into(),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// The columns that are read, which are kinds of actions.
struct Wanted {
    schema: ArrowSchemaRef,
    /// How columns that are not in files, such as the file's name, are added.
    added: Option<Vec<ReorderIndex>>,
    names: Vec<Finder<'static>>,
    escape: Finder<'static>,
}

impl Wanted {
    fn new(physical_schema: &StructType) -> KernelResult<Self> {
        let schema = Arc::new(json_arrow_schema(physical_schema)?);
        let all_in_files = schema.fields().len() == physical_schema.num_fields();
        let added = match all_in_files {
            true => None,
            false => Some(build_json_reorder_indices(physical_schema)?),
        };
        let name = |name: &str| Finder::new(&format!("\"{name}\"")).into_owned();
        let names = schema.fields().iter().map(|field| name(field.name())).collect();
        Ok(Self { schema, added, names, escape: Finder::new("\\u").into_owned() })
    }

    /// Whether a line may hold such an action, or is no action at all, which decoding then tells.
    /// Looking costs a tenth of decoding. An escape could stand in the name itself.
    fn may_be_in(&self, line: &[u8]) -> bool {
        !(line.starts_with(b"{") && line.ends_with(b"}"))
            || self.names.iter().chain([&self.escape]).any(|name| name.find(line).is_some())
    }

    fn lines(&self, file: &Bytes) -> Vec<Bytes> {
        let ends = memchr::memchr_iter(b'\n', file).chain([file.len()]);
        let mut start = 0;
        let lines = ends.map(|end| std::mem::replace(&mut start, end + 1)..end);
        let lines = lines.filter(|line| {
            let line = file[line.clone()].trim_ascii();
            !line.is_empty() && self.may_be_in(line)
        });
        lines.map(|line| file.slice(line)).collect()
    }

    /// The actions of some files up to the first that cannot be read. Who looks for the newest of
    /// a kind does not come to the files behind it.
    fn rows(&self, files: Vec<KernelResult<Opened>>) -> Vec<FileRows> {
        let lines = |file: KernelResult<Opened>| -> KernelResult<(Url, Vec<Bytes>)> {
            let file = file?;
            let lines = self.lines(&file.content.bytes()?);
            Ok((file.url, lines))
        };
        let mut read = Vec::with_capacity(files.len());
        let mut fault = None;
        for file in files.into_iter().map(lines) {
            match file {
                Ok(file) => read.push(file),
                Err(error) => {
                    fault = Some(Err(error));
                    break;
                }
            }
        }
        let mut rows = match self.decode(&read) {
            Ok(rows) => rows.into_iter().map(Ok).collect(),
            Err(_) => self.decode_each(&read),
        };
        rows.extend(fault);
        rows
    }

    fn decode_each(&self, files: &[(Url, Vec<Bytes>)]) -> Vec<FileRows> {
        let mut rows = Vec::new();
        for file in files.chunks(1) {
            match self.decode(file) {
                Ok(found) => rows.extend(found.into_iter().map(Ok)),
                Err(error) => {
                    rows.push(Err(error));
                    break;
                }
            }
        }
        rows
    }

    /// The actions of some files. No batch has those of two files: the kernel relies on it.
    fn decode(&self, files: &[(Url, Vec<Bytes>)]) -> KernelResult<Vec<ArrowEngineData>> {
        let rows = files.iter().map(|(_, lines)| lines.len()).sum::<usize>();
        let builder = ReaderBuilder::new(Arc::clone(&self.schema))
            .with_batch_size(rows.max(1))
            .with_coerce_primitive(true);
        let mut rows = Rows::new(builder.build_decoder()?);
        for (_, lines) in files {
            for line in lines {
                rows.take(line)?;
                rows.take(b"\n")?;
            }
            rows.end_file()?;
        }
        let whole = |(file, rows): (usize, RecordBatch)| match &self.added {
            Some(added) => fixup_json_read(rows, added, files[file].0.as_str()),
            None => Ok(ArrowEngineData::new(rows)),
        };
        rows.finish()?.into_iter().map(whole).collect()
    }
}

/// Rows that are being decoded.
struct Rows {
    decoder: Decoder,
    /// Files that have ended before those whose ends are known.
    ended: usize,
    /// Rows of the decoder after each of the files since.
    ends: Vec<usize>,
    /// Rows with the file that they are of, by its place.
    done: Vec<(usize, RecordBatch)>,
}

impl Rows {
    fn new(decoder: Decoder) -> Self {
        Self { decoder, ended: 0, ends: Vec::new(), done: Vec::new() }
    }

    fn take(&mut self, mut bytes: &[u8]) -> KernelResult<()> {
        while !bytes.is_empty() {
            let read = self.decoder.decode(bytes)?;
            bytes = &bytes[read..];
            // It is full where a line holds several objects.
            if !bytes.is_empty() {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn end_file(&mut self) -> KernelResult<()> {
        if self.decoder.has_partial_record() {
            return Err(KernelError::generic("a file of the log ends within an action"));
        }
        self.ends.push(self.decoder.len());
        Ok(())
    }

    fn flush(&mut self) -> KernelResult<()> {
        let Some(rows) = self.decoder.flush()? else { return Ok(()) };
        let ends = std::mem::take(&mut self.ends);
        let mut start = 0;
        for (place, end) in ends.iter().copied().chain([rows.num_rows()]).enumerate() {
            if end > start {
                self.done.push((self.ended + place, rows.slice(start, end - start)));
                start = end;
            }
        }
        self.ended += ends.len();
        Ok(())
    }

    fn finish(mut self) -> KernelResult<Vec<(usize, RecordBatch)>> {
        self.flush()?;
        Ok(self.done)
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, AsArray};
    use arrow::datatypes::{DataType as ArrowType, Int64Type};
    use delta_kernel::Engine;
    use delta_kernel::engine::arrow_data::EngineDataArrowExt;
    use delta_kernel::schema::{DataType, MetadataColumnSpec, StructField};
    use delta_kernel_default_engine::DefaultEngineBuilder;
    use object_store::memory::InMemory;

    use super::*;
    use crate::delta::blocking::{CallersRuntime, blocking};

    /// The numbers of the actions of kind `a` in each batch.
    type Numbers = Vec<Vec<Option<i64>>>;

    fn numbers(rows: FileDataReadResultIterator) -> KernelResult<Numbers> {
        let batches = rows.map(|batch| {
            let batch = batch?.try_into_record_batch()?;
            let actions = batch.column(0).as_struct();
            let numbers = actions.column(0).as_primitive::<Int64Type>();
            let number = |row| actions.is_valid(row).then(|| numbers.value(row));
            Ok((0..batch.num_rows()).map(number).collect())
        });
        batches.collect()
    }

    async fn store_of(contents: &[String]) -> (Arc<dyn ObjectStore>, Vec<FileMeta>) {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let mut files = Vec::new();
        for (number, content) in contents.iter().enumerate() {
            let location = Url::parse(&format!("memory:///log/{number}.json")).unwrap();
            let path = Path::from_url_path(location.path()).unwrap();
            store.put(&path, content.clone().into()).await.unwrap();
            files.push(FileMeta { location, last_modified: 0, size: content.len() as u64 });
        }
        (store, files)
    }

    /// What is read here, and what the kernel's reader reads.
    async fn read(contents: &[String]) -> (KernelResult<Numbers>, KernelResult<Numbers>) {
        let (store, files) = store_of(contents).await;
        let engine = DefaultEngineBuilder::new(Arc::clone(&store))
            .with_task_executor(Arc::new(CallersRuntime::current()))
            .build();
        let theirs = engine.json_handler();
        let ours = ActionFiles::new(engine.json_handler(), store);
        let number = StructField::nullable("n", DataType::LONG);
        let kind = DataType::from(StructType::try_new([number]).unwrap());
        let schema = StructType::try_new([StructField::nullable("a", kind)]).unwrap();
        let schema = Arc::new(schema);
        let both = blocking(move |token| {
            let of = |reader: &dyn JsonHandler| {
                let schema = Arc::clone(&schema);
                let token = Some(Arc::clone(&token));
                numbers(reader.read_json_files_with_cancellation(&files, schema, None, token)?)
            };
            Ok((of(&ours), of(theirs.as_ref())))
        });
        both.await.unwrap()
    }

    fn named(numbers: Numbers) -> Vec<i64> {
        numbers.into_iter().flatten().flatten().collect()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn actions_come_in_order_and_no_batch_is_of_two_files() {
        let mut contents: Vec<String> = (0..3 * PART_FILES_MAX)
            .map(|n| format!("{{\"b\":{{}}}}\n{{\"a\":{{\"n\":{n}}}}}\n{{\"a\":{{\"n\":-1}}}}\n"))
            .collect();
        let padding = " ".repeat(usize::try_from(PART_BYTES_MAX).unwrap());
        contents[300] = format!("{padding}\n{{\"a\":{{\"n\":300}}}}");
        contents[301] = "{\"a\":{\"n\":301}}{\"a\":{\"n\":302}} {\"a\":{\"n\":303}}".to_string();
        contents[302] = "\r\n\n{\"\\u0061\":{\"n\":304}}\r\n\n".to_string();
        contents[303] = String::new();
        let (ours, theirs) = read(&contents).await;
        let ours = ours.unwrap();
        let first = |n: usize| Some(i64::try_from(n).unwrap());
        for n in (0..300).chain(304..contents.len()) {
            assert!(ours.contains(&vec![first(n), Some(-1)]), "{n}");
        }
        assert_eq!(named(ours), named(theirs.unwrap()));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn actions_know_their_file() {
        let contents = ["{\"b\":1}\n{\"a\":1}\n{\"a\":2}", "{\"b\":2}", "{\"a\":3}{\"a\":4}"];
        let (store, files) = store_of(&contents.map(String::from)).await;
        let engine = DefaultEngineBuilder::new(Arc::clone(&store))
            .with_task_executor(Arc::new(CallersRuntime::current()))
            .build();
        let reader = ActionFiles::new(engine.json_handler(), store);
        let name = StructField::create_metadata_column("file", MetadataColumnSpec::FilePath);
        let number = StructField::nullable("a", DataType::LONG);
        let schema = Arc::new(StructType::try_new([name, number]).unwrap());
        let read = blocking(move |_| {
            let mut found = Vec::new();
            for rows in reader.read_json_files(&files, schema, None)? {
                let rows = rows?.try_into_record_batch()?;
                let file = arrow::compute::cast(rows.column(0), &ArrowType::Utf8)?;
                let number = rows.column(1).as_primitive::<Int64Type>();
                for row in 0..rows.num_rows() {
                    found.push((file.as_string::<i32>().value(row).to_string(), number.value(row)));
                }
            }
            Ok(found)
        });
        let of = |file: i32, number| (format!("memory:///log/{file}.json"), number);
        assert_eq!(read.await.unwrap(), [of(0, 1), of(0, 2), of(2, 3), of(2, 4)]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_file_that_ends_within_an_action_does_not_go_on_in_the_next() {
        let contents = ["{\"a\":{\"n\":1}", "}", "{\"a\":{\"n\":2}}"];
        let (ours, theirs) = read(&contents.map(String::from)).await;
        assert!(ours.is_err() && theirs.is_err());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_comes_before_a_fault_is_read() {
        let contents = ["{\"a\":{\"n\":1}}", "{\"a\":", "{\"a\":{\"n\":2}}"];
        let (store, files) = store_of(&contents.map(String::from)).await;
        let engine = DefaultEngineBuilder::new(Arc::clone(&store))
            .with_task_executor(Arc::new(CallersRuntime::current()))
            .build();
        let reader = ActionFiles::new(engine.json_handler(), store);
        let number = StructField::nullable("n", DataType::LONG);
        let kind = DataType::from(StructType::try_new([number]).unwrap());
        let schema = StructType::try_new([StructField::nullable("a", kind)]).unwrap();
        let read = blocking(move |_| {
            let mut rows = reader.read_json_files(&files, Arc::new(schema), None)?;
            Ok((rows.next().map(|rows| rows.is_ok()), rows.next().map(|rows| rows.is_ok())))
        });
        assert_eq!(read.await.unwrap(), (Some(true), Some(false)));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_file_that_is_gone_is_named() {
        let (store, mut files) = store_of(&["{}".to_string(), "{}".to_string()]).await;
        files[1].location = Url::parse("memory:///log/gone.json").unwrap();
        let gone = opened(store, files.swap_remove(1)).await;
        assert!(matches!(gone, Err(KernelError::FileNotFound(path)) if path.contains("gone")));
    }
}
