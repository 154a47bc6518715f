//! Files that have all their rows and are on their way to the store.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use datafusion::common::{DataFusionError, Result};
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::rolling::Full;
use super::unfinished::remove_late;
use super::{FileWrite, WrittenFile};

/// How long a file that was given up may still take to come, so that it can be taken away. A store
/// may have it whether it is waited for or not.
const LATE_MAX: Duration = Duration::from_secs(5);

/// The last steps of files, which take their time at a distant store, beside the rows of the next.
/// Those that are not there yet are given up when this is dropped, and are taken away if they come.
pub(super) struct Outgoing {
    write: Arc<FileWrite>,
    /// Each tells the memory that it gives back.
    finishing: JoinSet<Result<(WrittenFile, usize)>>,
    given_up: CancellationToken,
    memory: usize,
    written: Vec<WrittenFile>,
}

impl Outgoing {
    /// No file of `write` yet.
    pub(super) fn new(write: Arc<FileWrite>) -> Self {
        Self {
            write,
            finishing: JoinSet::new(),
            given_up: CancellationToken::new(),
            memory: 0,
            written: Vec::new(),
        }
    }

    /// Sends a file on its way.
    pub(super) fn begin(&mut self, full: Full) {
        let memory = full.memory();
        self.memory += memory;
        let (write, given_up) = (Arc::clone(&self.write), self.given_up.clone());
        self.finishing.spawn(finished(full, memory, write, given_up));
    }

    /// Files that are not there yet.
    pub(super) fn len(&self) -> usize {
        self.finishing.len()
    }

    /// Bytes in memory.
    pub(super) fn memory(&self) -> usize {
        self.memory
    }

    /// Waits until one more file is there; whether one was on its way.
    pub(super) async fn free(&mut self) -> Result<bool> {
        let Some(ended) = self.finishing.join_next().await else { return Ok(false) };
        self.ended(ended)?;
        Ok(true)
    }

    /// Takes note of the files that are there, and waits for none.
    pub(super) fn note_ended(&mut self) -> Result<()> {
        while let Some(ended) = self.finishing.try_join_next() {
            self.ended(ended)?;
        }
        Ok(())
    }

    /// All files, when all are there.
    pub(super) async fn finish(mut self) -> Result<Vec<WrittenFile>> {
        while self.free().await? {}
        Ok(std::mem::take(&mut self.written))
    }

    /// Waits until no file is on its way any more, whatever becomes of each: who removes the
    /// statement's files then finds them all.
    pub(super) async fn ended_all(mut self) {
        while self.finishing.join_next().await.is_some() {}
    }

    fn ended(
        &mut self,
        ended: std::result::Result<Result<(WrittenFile, usize)>, JoinError>,
    ) -> Result<()> {
        let (file, memory) =
            ended.map_err(|error| DataFusionError::ExecutionJoin(Box::new(error)))??;
        self.memory -= memory;
        self.written.push(file);
        Ok(())
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        self.given_up.cancel();
        self.finishing.detach_all();
    }
}

/// The file, once it is there, and the memory that it had.
async fn finished(
    full: Full,
    memory: usize,
    write: Arc<FileWrite>,
    given_up: CancellationToken,
) -> Result<(WrittenFile, usize)> {
    let was_given_up = || DataFusionError::Execution("the file was given up".to_string());
    if given_up.is_cancelled() {
        return Err(was_given_up());
    }
    let (store, path) = full.place();
    let mut finishing = pin!(full.finish());
    tokio::select! {
        biased;
        file = &mut finishing => return Ok((file?, memory)),
        () = given_up.cancelled() => {}
    }
    if timeout(LATE_MAX, finishing).await.is_ok_and(|late| late.is_ok())
        && let Err(error) = remove_late(&*store, &path, &write).await
    {
        tracing::debug!(%path, %error, "a file that was given up is left");
    }
    Err(was_given_up())
}
