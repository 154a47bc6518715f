//! One file on its way to the store: whole if it is small, else in parts.

use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{
    MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload, PutPayloadMut, Result,
};
use tokio::task::{JoinError, JoinSet};

/// Bytes of a file that are kept before they are sent as a part.
pub(super) const PART_BYTES: usize = 10 << 20;
/// Parts of one file that are on their way at one time.
const PARTS_AT_ONCE: usize = 4;

/// A file that grows at its end. It is not there until it is finished, and never if it is dropped
/// before: what is at the store already is taken back there.
pub(super) struct Upload {
    store: Arc<dyn ObjectStore>,
    path: Path,
    kept: PutPayloadMut,
    /// What takes parts, once there are any.
    begun: Option<Box<dyn MultipartUpload>>,
    /// Parts on their way; each tells its bytes.
    parts: JoinSet<Result<usize>>,
    /// Bytes of these parts.
    sending: usize,
}

impl Upload {
    /// A file at `path`; nothing is asked of the store yet.
    pub(super) fn new(store: Arc<dyn ObjectStore>, path: Path) -> Self {
        Self {
            store,
            path,
            kept: PutPayloadMut::new(),
            begun: None,
            parts: JoinSet::new(),
            sending: 0,
        }
    }

    /// Where the file is to be.
    pub(super) fn place(&self) -> (Arc<dyn ObjectStore>, Path) {
        (Arc::clone(&self.store), self.path.clone())
    }

    /// Bytes in memory.
    pub(super) fn memory(&self) -> usize {
        self.kept.content_length() + self.sending
    }

    /// Appends bytes; parts that are full go out, and it waits while too many are on their way.
    pub(super) async fn write(&mut self, mut bytes: Vec<u8>) -> Result<()> {
        // What is kept is counted by its length.
        bytes.shrink_to_fit();
        let mut bytes = Bytes::from(bytes);
        while self.kept.content_length() + bytes.len() >= PART_BYTES {
            self.kept.push(bytes.split_to(PART_BYTES - self.kept.content_length()));
            self.send().await?;
        }
        if !bytes.is_empty() {
            self.kept.push(bytes);
        }
        self.note_ended()
    }

    /// Waits until a part has arrived; whether one was on its way.
    pub(super) async fn free(&mut self) -> Result<bool> {
        let Some(ended) = self.parts.join_next().await else { return Ok(false) };
        self.ended(ended)?;
        Ok(true)
    }

    /// Makes the file be there.
    pub(super) async fn finish(mut self) -> Result<()> {
        if self.begun.is_none() {
            let whole = std::mem::take(&mut self.kept).freeze();
            self.store.put(&self.path, whole).await?;
            return Ok(());
        }
        let done = self.complete().await;
        if done.is_err() {
            self.abort().await;
        }
        done
    }

    /// Gives the file up.
    pub(super) async fn abort(mut self) {
        self.parts.shutdown().await;
        let Some(mut begun) = self.begun.take() else { return };
        if let Err(error) = begun.abort().await {
            tracing::debug!(path = %self.path, %error, "parts of an unfinished file are left");
        }
    }

    async fn complete(&mut self) -> Result<()> {
        if self.kept.content_length() > 0 {
            self.send().await?;
        }
        while self.free().await? {}
        if let Some(begun) = &mut self.begun {
            begun.complete().await?;
        }
        Ok(())
    }

    /// Sends what is kept as a part.
    async fn send(&mut self) -> Result<()> {
        while self.parts.len() >= PARTS_AT_ONCE {
            self.free().await?;
        }
        let begun = match &mut self.begun {
            Some(begun) => begun,
            none => none.insert(self.store.put_multipart(&self.path).await?),
        };
        let part: PutPayload = std::mem::take(&mut self.kept).freeze();
        let bytes = part.content_length();
        self.sending += bytes;
        let sent = begun.put_part(part);
        self.parts.spawn(async move { sent.await.map(|()| bytes) });
        Ok(())
    }

    fn note_ended(&mut self) -> Result<()> {
        while let Some(ended) = self.parts.try_join_next() {
            self.ended(ended)?;
        }
        Ok(())
    }

    fn ended(&mut self, ended: std::result::Result<Result<usize>, JoinError>) -> Result<()> {
        self.sending -= ended??;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use futures::TryStreamExt;
    use object_store::local::LocalFileSystem;

    use super::*;

    fn upload(folder: &tempfile::TempDir) -> Upload {
        let store = LocalFileSystem::new_with_prefix(folder.path()).unwrap();
        Upload::new(Arc::new(store), Path::from("file"))
    }

    fn block() -> Bytes {
        Bytes::from((0..=250_u8).cycle().take(3 << 20).collect::<Vec<_>>())
    }

    #[tokio::test]
    async fn a_file_has_the_bytes_that_were_written_however_many_parts_it_has() {
        for blocks in [0, 1, 4, 40] {
            let folder = tempfile::tempdir().unwrap();
            let mut upload = upload(&folder);
            for _ in 0..blocks {
                upload.write(block().to_vec()).await.unwrap();
                assert!(upload.memory() <= (PARTS_AT_ONCE + 1) * PART_BYTES);
            }
            upload.finish().await.unwrap();
            let found = fs::read(folder.path().join("file")).unwrap();
            assert!(found == block().repeat(blocks), "{blocks} blocks");
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        }
    }

    #[tokio::test]
    async fn memory_is_free_again_when_parts_have_arrived() {
        let folder = tempfile::tempdir().unwrap();
        let mut upload = upload(&folder);
        for _ in 0..4 {
            upload.write(block().to_vec()).await.unwrap();
        }
        while upload.free().await.unwrap() {}
        assert_eq!(upload.memory(), 4 * block().len() - PART_BYTES);
        upload.abort().await;
    }

    #[tokio::test]
    async fn a_file_that_is_given_up_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut upload = upload(&folder);
        for _ in 0..4 {
            upload.write(block().to_vec()).await.unwrap();
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        upload.abort().await;
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let store = LocalFileSystem::new_with_prefix(folder.path()).unwrap();
        assert!(store.list(None).try_collect::<Vec<_>>().await.unwrap().is_empty());
    }
}
