//! Files that have all their rows and are on their way to the store.

use datafusion::common::{DataFusionError, Result};
use tokio::task::{JoinError, JoinSet};

use super::WrittenFile;
use super::rolling::Full;

/// The last steps of files, which take their time at a distant store, beside the rows of the next.
/// Those that are not there yet are given up when this is dropped.
#[derive(Default)]
pub(super) struct Outgoing {
    /// Each tells the memory that it gives back.
    finishing: JoinSet<Result<(WrittenFile, usize)>>,
    memory: usize,
    written: Vec<WrittenFile>,
}

impl Outgoing {
    /// Sends a file on its way.
    pub(super) fn begin(&mut self, full: Full) {
        let memory = full.memory();
        self.memory += memory;
        self.finishing.spawn(async move { full.finish().await.map(|file| (file, memory)) });
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
        Ok(self.written)
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
