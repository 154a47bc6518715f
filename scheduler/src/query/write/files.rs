//! Running the query below a writer, and taking back what nobody may see.

use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use lakegate_engine::schema::canonical;
use lakegate_lake::write::{FileWrite, WrittenFile, remove_files, written_schema};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Sink;
use crate::query::registry::QueryGuard;
use crate::query::route::Tier;
use crate::query::service::QueryService;
use crate::query::statement::Planned;
use crate::query::{Error, Settings};

/// When files are looked for once more: tasks of a cancelled query may write on for so long, and
/// requests that were on their way may arrive.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Work that goes on when the statement that began it is gone.
#[derive(Debug)]
pub(in crate::query) struct Background {
    tasks: TaskTracker,
    stopping: CancellationToken,
    handle: Handle,
}

impl Background {
    /// On the runtime of the calling task.
    pub(in crate::query) fn new() -> Arc<Self> {
        Arc::new(Self {
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            handle: Handle::current(),
        })
    }

    /// Runs `work` to its end, whatever becomes of the caller.
    pub(in crate::query) async fn settle<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        self.tasks.spawn_on(work, &self.handle).await.map_err(|_| Error::TaskLost)?
    }

    /// Begins `work`.
    pub(super) fn begin(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn_on(work, &self.handle);
    }

    /// Waits for all that was begun.
    pub(in crate::query) async fn drain(&self) {
        self.stopping.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Files that a statement has written, and what becomes of them.
pub(super) struct Written {
    pub(super) files: Vec<WrittenFile>,
    pub(super) rows: u64,
    pub(super) unfinished: Unfinished,
}

impl Written {
    /// Files, rows, and what becomes of the files; none where nothing was written.
    pub(super) fn parts(written: Option<Self>) -> (Vec<WrittenFile>, u64, Option<Unfinished>) {
        match written {
            Some(Self { files, rows, unfinished }) => (files, rows, Some(unfinished)),
            None => (Vec::new(), 0, None),
        }
    }
}

/// Files that nobody may see yet. They are removed when this is dropped.
pub(super) struct Unfinished {
    store: Arc<dyn ObjectStore>,
    write: Arc<FileWrite>,
    background: Arc<Background>,
    /// The files that stay; `None` while none does.
    kept: Option<HashSet<String>>,
    /// Whether a part of the plan may have run twice and written files that are not told.
    is_distributed: bool,
}

impl Unfinished {
    /// Lets `files` stay.
    pub(super) fn keep(&mut self, files: impl Iterator<Item = String>) {
        self.kept = Some(files.collect());
    }

    /// Lets everything stay: it is not known whether somebody sees it.
    pub(super) fn leave(&mut self) {
        self.kept = Some(HashSet::new());
        self.is_distributed = false;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if self.kept.is_some() && !self.is_distributed {
            return;
        }
        let (store, write) = (Arc::clone(&self.store), Arc::clone(&self.write));
        let kept = self.kept.take().unwrap_or_default();
        let stopping = self.background.stopping.clone();
        self.background.begin(async move {
            remove(&store, &write, &kept).await;
            let _ = tokio::time::timeout(AGAIN_AFTER, stopping.cancelled()).await;
            remove(&store, &write, &kept).await;
        });
    }
}

async fn remove(store: &Arc<dyn ObjectStore>, write: &FileWrite, kept: &HashSet<String>) {
    if let Err(error) = remove_files(store, write, kept).await {
        tracing::warn!(folder = %write.root, %error, "files of an unfinished statement are left");
    }
}

impl QueryService {
    /// Runs `planned` with `sink` on top; the files are whole when this returns.
    pub(super) async fn write_files(
        &self,
        planned: Planned,
        sink: Sink,
        write: &Arc<FileWrite>,
        settings: Settings,
        guard: &QueryGuard,
    ) -> Result<Written, Error> {
        let store = self.runtime.object_store(write.root.object_store_url()?);
        let mut unfinished = Unfinished {
            store: store.map_err(Error::Running)?,
            write: Arc::clone(write),
            background: Arc::clone(&self.background),
            kept: None,
            is_distributed: false,
        };
        let planned = planned.onto(sink)?;
        let announced = canonical(planned.plan.schema().as_arrow());
        let physical = self.physical(&Arc::new(planned), &announced, settings).await?;
        unfinished.is_distributed = physical.tier() == Tier::Durable;
        let mut batches = self.run_physical(physical, &written_schema(), guard).await?;
        let (mut files, files_max) = (Vec::new(), self.config.written_files_max);
        while let Some(batch) = batches.try_next().await? {
            files.extend(WrittenFile::from_batch(&batch).map_err(Error::Running)?);
            if files.len() > files_max {
                return Err(Error::TooManyFiles { limit: files_max });
            }
        }
        if unfinished.is_distributed && write.root.url().scheme() == "file" {
            check_files_are_here(&unfinished.store, &files).await?;
        }
        let rows = files.iter().map(|file| file.rows).sum();
        Ok(Written { files, rows, unfinished })
    }
}

/// A folder that executors do not share with the server would swallow rows.
async fn check_files_are_here(
    store: &Arc<dyn ObjectStore>,
    files: &[WrittenFile],
) -> Result<(), Error> {
    for file in files {
        let found = match Path::parse(&file.path) {
            Ok(path) => store.head(&path).await,
            Err(error) => Err(error.into()),
        };
        if !found.is_ok_and(|found| found.size == file.bytes) {
            let path = format!("/{}", file.path);
            return Err(lakegate_lake::Error::FileMissing { path }.into());
        }
    }
    Ok(())
}
