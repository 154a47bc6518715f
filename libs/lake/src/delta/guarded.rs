//! The log reader, kept inside the table's folder.
//!
//! A log names files: parts of checkpoints, deletion vectors, change data. Whoever writes a log
//! could name a file of another table, or an address that the reader would dial.

use std::sync::Arc;

use bytes::Bytes;
use delta_kernel::cancellation::CancellationTokenRef;
use delta_kernel::expressions::PredicateRef;
use delta_kernel::schema::SchemaRef;
use delta_kernel::{
    Engine, EngineData, EvaluationHandler, FileDataReadResultIterator, FileMeta, FileSize,
    FileSlice, JsonHandler, KernelError, KernelResult, KernelResultIteratorStatic, ParquetFooter,
    ParquetHandler, Snapshot, StorageHandler,
};
use delta_kernel_default_engine::{DefaultEngine, DefaultEngineBuilder};
use object_store::ObjectStore;
use url::Url;

use super::TableRoot;
use super::actions::ActionFiles;
use super::blocking::CallersRuntime;

/// Reads a table's log and files, those in its folder alone, and writes nothing but commits.
pub(super) struct LogEngine {
    inner: DefaultEngine<CallersRuntime>,
    actions: Arc<ActionFiles>,
    root: Arc<TableRoot>,
    known: Option<Arc<KnownCommits>>,
}

/// Commits that need not be listed again. Commits never change, and listing ten thousand of them
/// takes longer than reading the new one.
pub(super) struct KnownCommits {
    commits: Vec<FileMeta>,
    folder: Url,
    version: u64,
    /// What the next commit's name begins with.
    next: Url,
}

impl KnownCommits {
    /// Those that a snapshot names.
    pub(super) fn of(snapshot: &Snapshot) -> KernelResult<Self> {
        let folder = snapshot.table_root().join("_delta_log/")?;
        let next = folder.join(&format!("{:020}", snapshot.version().saturating_add(1)))?;
        let commits = &snapshot.log_segment().listed.ascending_commit_files;
        let commits = commits.iter().map(|commit| commit.location.clone()).collect();
        Ok(Self { commits, folder, version: snapshot.version(), next })
    }

    /// Whether a listing from `path` on is one of the log that reaches into what is known.
    fn reaches(&self, path: &Url) -> bool {
        path.as_str().starts_with(self.folder.as_str()) && path.as_str() < self.next.as_str()
    }

    fn from(&self, path: &Url) -> Vec<KernelResult<FileMeta>> {
        let known = self.commits.iter().filter(|file| file.location.as_str() >= path.as_str());
        known.cloned().map(Ok).collect()
    }

    /// The commits that came since, asked for one by one.
    fn since(&self, store: &dyn StorageHandler) -> KernelResult<Vec<KernelResult<FileMeta>>> {
        let mut found = Vec::new();
        for version in self.version.saturating_add(1).. {
            match store.head(&self.folder.join(&format!("{version:020}.json"))?) {
                Ok(commit) => found.push(Ok(commit)),
                Err(KernelError::FileNotFound(_)) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }
}

impl LogEngine {
    /// For threads that may block, on the runtime of the calling task.
    pub(super) fn new(store: Arc<dyn ObjectStore>, root: &TableRoot) -> Self {
        let inner = DefaultEngineBuilder::new(Arc::clone(&store))
            .with_task_executor(Arc::new(CallersRuntime::current()))
            .build();
        let actions = Arc::new(ActionFiles::new(inner.json_handler(), store));
        Self { inner, actions, root: Arc::new(root.clone()), known: None }
    }

    /// The same for writing a checkpoint, whose name the reader itself makes up.
    pub(super) fn unguarded(&self) -> &dyn Engine {
        &self.inner
    }

    /// The same, listing only what came after the known commits.
    pub(super) fn knowing(self, known: KnownCommits) -> Self {
        Self { known: Some(Arc::new(known)), ..self }
    }
}

impl Engine for LogEngine {
    fn evaluation_handler(&self) -> Arc<dyn EvaluationHandler> {
        self.inner.evaluation_handler()
    }

    fn storage_handler(&self) -> Arc<dyn StorageHandler> {
        let root = Arc::clone(&self.root);
        let known = self.known.clone();
        Arc::new(InFolder { inner: self.inner.storage_handler(), root, known })
    }

    fn json_handler(&self) -> Arc<dyn JsonHandler> {
        Arc::clone(&self.actions) as _
    }

    fn parquet_handler(&self) -> Arc<dyn ParquetHandler> {
        let root = Arc::clone(&self.root);
        Arc::new(InFolder { inner: self.inner.parquet_handler(), root, known: None })
    }
}

struct InFolder<H: ?Sized> {
    inner: Arc<H>,
    root: Arc<TableRoot>,
    known: Option<Arc<KnownCommits>>,
}

impl<H: ?Sized> InFolder<H> {
    fn check(&self, file: &Url) -> KernelResult<()> {
        self.root.file(file.as_str()).map(drop).map_err(|_| {
            KernelError::unsupported(format!("files outside the table's folder: {file}"))
        })
    }

    fn check_all(&self, files: &[FileMeta]) -> KernelResult<()> {
        files.iter().try_for_each(|file| self.check(&file.location))
    }
}

fn refused<T>() -> KernelResult<T> {
    Err(KernelError::unsupported("writing"))
}

impl StorageHandler for InFolder<dyn StorageHandler> {
    fn list_from(&self, path: &Url) -> KernelResult<KernelResultIteratorStatic<FileMeta>> {
        self.list_from_with_cancellation(path, None)
    }

    fn list_from_with_cancellation(
        &self,
        path: &Url,
        cancellation_token: Option<CancellationTokenRef>,
    ) -> KernelResult<KernelResultIteratorStatic<FileMeta>> {
        self.check(path)?;
        match &self.known {
            // A folder of this machine is listed as a whole, whatever the first name asked for.
            Some(known) if known.reaches(path) && path.scheme() == "file" => {
                let new = known.since(self.inner.as_ref())?;
                Ok(Box::new(known.from(path).into_iter().chain(new)))
            }
            Some(known) if known.reaches(path) => {
                let new =
                    self.inner.list_from_with_cancellation(&known.next, cancellation_token)?;
                Ok(Box::new(known.from(path).into_iter().chain(new)))
            }
            _ => self.inner.list_from_with_cancellation(path, cancellation_token),
        }
    }

    fn read_files(&self, files: Vec<FileSlice>) -> KernelResult<KernelResultIteratorStatic<Bytes>> {
        files.iter().try_for_each(|(file, _)| self.check(file))?;
        self.inner.read_files(files)
    }

    fn read_files_with_cancellation(
        &self,
        files: Vec<FileSlice>,
        cancellation_token: Option<CancellationTokenRef>,
    ) -> KernelResult<KernelResultIteratorStatic<Bytes>> {
        files.iter().try_for_each(|(file, _)| self.check(file))?;
        self.inner.read_files_with_cancellation(files, cancellation_token)
    }

    fn head(&self, path: &Url) -> KernelResult<FileMeta> {
        self.check(path)?;
        self.inner.head(path)
    }

    fn copy_atomic(&self, _source: &Url, _target: &Url) -> KernelResult<()> {
        refused()
    }

    fn put(&self, _path: &Url, _data: Bytes, _overwrite: bool) -> KernelResult<()> {
        refused()
    }

    fn delete(&self, _path: &Url) -> KernelResult<()> {
        refused()
    }
}

impl ParquetHandler for InFolder<dyn ParquetHandler> {
    fn read_parquet_files(
        &self,
        files: &[FileMeta],
        physical_schema: SchemaRef,
        predicate: Option<PredicateRef>,
    ) -> KernelResult<FileDataReadResultIterator> {
        self.check_all(files)?;
        self.inner.read_parquet_files(files, physical_schema, predicate)
    }

    fn read_parquet_files_with_cancellation(
        &self,
        files: &[FileMeta],
        physical_schema: SchemaRef,
        predicate: Option<PredicateRef>,
        cancellation_token: Option<CancellationTokenRef>,
    ) -> KernelResult<FileDataReadResultIterator> {
        self.check_all(files)?;
        let inner = &self.inner;
        inner.read_parquet_files_with_cancellation(
            files,
            physical_schema,
            predicate,
            cancellation_token,
        )
    }

    fn read_parquet_footer(&self, file: &FileMeta) -> KernelResult<ParquetFooter> {
        self.check(&file.location)?;
        self.inner.read_parquet_footer(file)
    }

    fn read_parquet_footer_with_cancellation(
        &self,
        file: &FileMeta,
        cancellation_token: Option<CancellationTokenRef>,
    ) -> KernelResult<ParquetFooter> {
        self.check(&file.location)?;
        self.inner.read_parquet_footer_with_cancellation(file, cancellation_token)
    }

    fn write_parquet_file(
        &self,
        _location: Url,
        _data: KernelResultIteratorStatic<Box<dyn EngineData>>,
    ) -> KernelResult<FileSize> {
        refused()
    }
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;

    use super::*;

    #[tokio::test]
    async fn no_file_outside_the_folder_is_opened_and_no_host_dialled() {
        let root = TableRoot::from_url(Url::parse("file:///lake/t/").unwrap()).unwrap();
        let engine = LogEngine::new(Arc::new(InMemory::new()), &root);
        for outside in [
            "file:///lake/u/x.parquet",
            "s3://bucket/lake/t/x.parquet",
            "https://host.test/x.parquet?X-Amz-Signature=1",
        ] {
            let location = Url::parse(outside).unwrap();
            let file = FileMeta { location: location.clone(), last_modified: 0, size: 9 };
            let read = engine.storage_handler().read_files(vec![(location, None)]);
            assert!(matches!(read, Err(KernelError::Unsupported(_))), "{outside}");
            let footer = engine.parquet_handler().read_parquet_footer(&file);
            assert!(matches!(footer, Err(KernelError::Unsupported(_))), "{outside}");
        }
    }
}
