//! Files on their way in parts: what becomes of those that nobody finishes.
//!
//! A store keeps the parts of an unfinished file, out of sight and at a price, until it is told to
//! give them up. Statements are cancelled at any point, so that is done here and not by writers.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use object_store::{MultipartUpload, ObjectStore, PutMultipartOptions, PutPayload, PutResult};
use object_store::{Result, UploadPart, path::Path};
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

/// How long giving one file up may take.
const ABORT_TIME: Duration = Duration::from_secs(30);

/// The uploads of a process; what they leave behind is known here until it is done.
#[derive(Debug, Clone, Default)]
pub(super) struct Uploads {
    left: TaskTracker,
}

impl Uploads {
    /// An upload to `store` that is given up there when it is dropped before its end, also while
    /// the store is still asked to begin it.
    pub(super) async fn begin(
        &self,
        store: Arc<dyn ObjectStore>,
        path: Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let uploads = self.clone();
        let begun = self.left.spawn(async move {
            let inner = store.put_multipart_opts(&path, options).await?;
            let left = Left { path, uploads, runtime: Handle::current() };
            Ok(Tracked { inner: Some(inner), left })
        });
        let tracked: Result<Tracked> = begun.await?;
        Ok(Box::new(tracked?))
    }

    /// Waits, no longer than `limit`, until all that was dropped is given up.
    pub(super) async fn settled(&self, limit: Duration) {
        self.left.close();
        if timeout(limit, self.left.wait()).await.is_err() {
            tracing::warn!(files = self.left.len(), "parts of unfinished files are left at stores");
        }
    }
}

/// Where an upload belongs.
struct Left {
    path: Path,
    uploads: Uploads,
    runtime: Handle,
}

impl Left {
    fn run(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.uploads.left.spawn_on(work, &self.runtime);
    }
}

/// An upload that is given up when it is dropped.
struct Tracked {
    /// `None` once it has ended.
    inner: Option<Box<dyn MultipartUpload>>,
    left: Left,
}

impl fmt::Debug for Tracked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracked").field("path", &self.left.path).finish_non_exhaustive()
    }
}

fn ended() -> object_store::Error {
    object_store::Error::Generic { store: "lakegate", source: "the upload has ended".into() }
}

#[async_trait]
impl MultipartUpload for Tracked {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        match &mut self.inner {
            Some(inner) => inner.put_part(data),
            None => Box::pin(std::future::ready(Err(ended()))),
        }
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let done = self.inner.as_mut().ok_or_else(ended)?.complete().await?;
        self.inner = None;
        Ok(done)
    }

    async fn abort(&mut self) -> Result<()> {
        let done = self.inner.as_mut().ok_or_else(ended)?.abort().await;
        self.inner = None;
        done
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        let Some(mut inner) = self.inner.take() else { return };
        let path = self.left.path.clone();
        self.left.run(async move {
            match timeout(ABORT_TIME, inner.abort()).await {
                Ok(Ok(())) => tracing::debug!(%path, "an unfinished file was given up"),
                Ok(Err(error)) => {
                    tracing::debug!(%path, %error, "parts of an unfinished file are left");
                }
                Err(_) => tracing::warn!(%path, "parts of an unfinished file are left"),
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use object_store::PutPayload;
    use parking_lot::Mutex;

    use super::*;

    /// Takes parts and notes how it ended.
    #[derive(Debug, Clone, Default)]
    struct Noting {
        ends: Arc<Mutex<Vec<&'static str>>>,
    }

    #[async_trait]
    impl MultipartUpload for Noting {
        fn put_part(&mut self, _: PutPayload) -> UploadPart {
            Box::pin(std::future::ready(Ok(())))
        }

        async fn complete(&mut self) -> Result<PutResult> {
            self.ends.lock().push("completed");
            Ok(PutResult { e_tag: None, version: None })
        }

        async fn abort(&mut self) -> Result<()> {
            self.ends.lock().push("given up");
            Ok(())
        }
    }

    fn tracked(uploads: &Uploads, noting: &Noting) -> Tracked {
        let left =
            Left { path: Path::from("file"), uploads: uploads.clone(), runtime: Handle::current() };
        Tracked { inner: Some(Box::new(noting.clone())), left }
    }

    #[tokio::test]
    async fn a_dropped_upload_is_given_up_once_and_waited_for() {
        let (uploads, noting) = (Uploads::default(), Noting::default());
        let mut upload = tracked(&uploads, &noting);
        upload.put_part("part".into()).await.unwrap();
        drop(upload);
        uploads.settled(ABORT_TIME).await;
        assert_eq!(*noting.ends.lock(), ["given up"]);
    }

    #[tokio::test]
    async fn an_upload_that_has_ended_is_left_alone() {
        let (uploads, noting) = (Uploads::default(), Noting::default());
        let mut upload = tracked(&uploads, &noting);
        upload.complete().await.unwrap();
        assert!(upload.abort().await.is_err());
        drop(upload);
        let mut upload = tracked(&uploads, &noting);
        upload.abort().await.unwrap();
        drop(upload);
        uploads.settled(ABORT_TIME).await;
        assert_eq!(*noting.ends.lock(), ["completed", "given up"]);
    }
}
