//! Requests to stores, apart from the threads that compute.
//!
//! A thread that decodes and adds up does not look at its connections meanwhile: what comes waits,
//! and once the system's buffers are full the store waits, too. So requests are made on the threads
//! that the process has for its own connections, which also put small answers together.

use async_trait::async_trait;
use http::header::CONTENT_LENGTH;
use object_store::client::{
    HttpClient, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;

/// Bytes of an answer up to which it is handed over as a whole. Larger ones flow as they are taken.
const WHOLE_BYTES_MAX: u64 = 8 << 20;

/// Makes requests on the threads of a runtime.
#[derive(Debug)]
pub(super) struct Apart {
    pub(super) inner: HttpClient,
    pub(super) runtime: Handle,
}

#[async_trait]
impl HttpService for Apart {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let inner = self.inner.clone();
        // It ends with whoever asked.
        let answer = AbortOnDropHandle::new(self.runtime.spawn(async move {
            let answer = inner.execute(request).await?;
            if length(&answer).is_none_or(|bytes| bytes > WHOLE_BYTES_MAX) {
                return Ok(answer);
            }
            let (head, body) = answer.into_parts();
            // Whoever reads a stream goes on where it was cut off, whatever cut it off; here the
            // request is repeated.
            let cut_off = |error| HttpError::new(HttpErrorKind::Interrupted, error);
            Ok(HttpResponse::from_parts(head, body.bytes().await.map_err(cut_off)?.into()))
        }));
        answer.await.unwrap_or_else(|gone| Err(HttpError::new(HttpErrorKind::Interrupted, gone)))
    }
}

fn length(answer: &HttpResponse) -> Option<u64> {
    answer.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use bytes::Bytes;
    use parking_lot::Mutex;
    use tokio::runtime::Builder;

    use super::*;

    /// Answers with so many bytes, and notes the thread that asked; without bytes, never answers.
    #[derive(Debug, Default, Clone)]
    struct Answering {
        bytes: usize,
        asked_on: Arc<Mutex<Option<thread::ThreadId>>>,
        waiting: Arc<AtomicUsize>,
    }

    struct Waiting(Arc<AtomicUsize>);

    impl Drop for Waiting {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }

    #[async_trait]
    impl HttpService for Answering {
        async fn call(&self, _request: HttpRequest) -> Result<HttpResponse, HttpError> {
            *self.asked_on.lock() = Some(thread::current().id());
            if self.bytes == 0 {
                self.waiting.fetch_add(1, Ordering::SeqCst);
                let _waiting = Waiting(Arc::clone(&self.waiting));
                std::future::pending::<()>().await;
            }
            let body = Bytes::from(vec![7; self.bytes]);
            let answer = http::Response::builder().header(CONTENT_LENGTH, self.bytes);
            Ok(answer.body(body.into()).unwrap())
        }
    }

    fn request() -> HttpRequest {
        http::Request::builder().uri("http://store.test/x").body(Bytes::new().into()).unwrap()
    }

    #[tokio::test]
    async fn answers_of_any_size_come_from_the_other_threads() {
        let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let large = usize::try_from(WHOLE_BYTES_MAX).unwrap() + 1;
        for bytes in [5, large] {
            let answering = Answering { bytes, ..Answering::default() };
            let inner = HttpClient::new(answering.clone());
            let apart = Apart { inner, runtime: runtime.handle().clone() };
            let answer = apart.call(request()).await.unwrap();
            assert_eq!(answer.into_body().bytes().await.unwrap(), vec![7; bytes]);
            let asked_on = answering.asked_on.lock().unwrap();
            assert_ne!(asked_on, thread::current().id());
        }
        runtime.shutdown_background();
    }

    #[tokio::test]
    async fn a_request_that_nobody_waits_for_ends_and_one_of_an_ended_process_fails() {
        let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let answering = Answering::default();
        let inner = HttpClient::new(answering.clone());
        let apart = Arc::new(Apart { inner, runtime: runtime.handle().clone() });
        let waiting = async |count| {
            while answering.waiting.load(Ordering::SeqCst) != count {
                tokio::task::yield_now().await;
            }
        };
        let asked = Arc::clone(&apart);
        let asking = tokio::spawn(async move { asked.call(request()).await });
        waiting(1).await;
        asking.abort();
        waiting(0).await;
        let asking = tokio::spawn(async move { apart.call(request()).await });
        waiting(1).await;
        runtime.shutdown_background();
        let error = asking.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), HttpErrorKind::Interrupted);
    }
}
