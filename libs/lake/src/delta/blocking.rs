//! The log reader blocks; here it gets threads of its own and learns when nobody waits any more.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use delta_kernel::cancellation::{CancellationToken, CancellationTokenRef, CancelledFuture};
use delta_kernel::{KernelError, KernelResult};
use delta_kernel_default_engine::executor::TaskExecutor;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::runtime::{EnterGuard, Handle};
use tokio::sync::Notify;
use tokio::task::{block_in_place, spawn_blocking};

/// Runs the reader's asynchronous parts on the runtime that the caller is on.
#[derive(Debug)]
pub(super) struct CallersRuntime(Handle);

impl CallersRuntime {
    /// The runtime of the calling task.
    pub(super) fn current() -> Self {
        Self(Handle::current())
    }
}

impl TaskExecutor for CallersRuntime {
    type Guard<'a> = EnterGuard<'a>;

    /// From threads that may block, such as those of [`blocking`], or from a task of a runtime with
    /// several threads, as the writer of a checkpoint does.
    fn block_on<T>(&self, task: T) -> T::Output
    where
        T: Future + Send + 'static,
        T::Output: Send + 'static,
    {
        block_in_place(|| self.0.block_on(task))
    }

    fn spawn<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        drop(self.0.spawn(task));
    }

    fn spawn_blocking<T, R>(&self, task: T) -> BoxFuture<'_, KernelResult<R>>
    where
        T: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let task = self.0.spawn_blocking(task);
        async move { task.await.map_err(KernelError::join_failure) }.boxed()
    }

    fn enter(&self) -> EnterGuard<'_> {
        self.0.enter()
    }
}

/// Runs `work` on a thread that may block. When the future is dropped, the token given to `work`
/// fires: the reader then stops before its next request to the store.
pub(super) async fn blocking<R, F>(work: F) -> KernelResult<R>
where
    R: Send + 'static,
    F: FnOnce(CancellationTokenRef) -> KernelResult<R> + Send + 'static,
{
    let token = Arc::new(Token::default());
    let _fires = FiresOnDrop(Arc::clone(&token));
    spawn_blocking(move || work(token)).await.map_err(KernelError::join_failure)?
}

#[derive(Default)]
struct Token {
    cancelled: AtomicBool,
    notify: Notify,
}

impl CancellationToken for Token {
    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    fn cancelled_future(&self) -> CancelledFuture<'_> {
        Box::pin(async move {
            let notified = self.notify.notified();
            tokio::pin!(notified);
            // Registered before the flag is read, so that a cancel in between is not missed.
            notified.as_mut().enable();
            if !self.is_cancelled() {
                notified.await;
            }
        })
    }
}

struct FiresOnDrop(Arc<Token>);

impl Drop for FiresOnDrop {
    fn drop(&mut self) {
        self.0.cancelled.store(true, Ordering::Release);
        self.0.notify.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn work_that_nobody_waits_for_is_told() {
        let (told, hears) = tokio::sync::oneshot::channel();
        let work = blocking(move |token| {
            let waiting = Handle::current();
            waiting.block_on(token.cancelled_future());
            told.send(token.is_cancelled()).unwrap();
            Ok(())
        });
        assert!(tokio::time::timeout(Duration::from_millis(50), work).await.is_err());
        assert!(hears.await.unwrap());
    }
}
