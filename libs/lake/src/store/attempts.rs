//! Every attempt of a request to a store, counted by what came of it.

use async_trait::async_trait;
use http::StatusCode;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};
use tokio::runtime::Handle;

use super::StoreKind;
use super::apart::Apart;

/// Connects as stores do by themselves, and counts into the metrics of the process. Repeats are
/// made above this, so each is an attempt of its own.
#[derive(Debug)]
pub(super) struct Attempts {
    kind: StoreKind,
    runtime: Option<Handle>,
}

impl Attempts {
    /// Attempts on the threads of `runtime`; without one, where they are asked for.
    pub(super) fn of(kind: StoreKind, runtime: Option<Handle>) -> Self {
        Self { kind, runtime }
    }
}

impl HttpConnector for Attempts {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let mut inner = ReqwestConnector::default().connect(options)?;
        if let Some(runtime) = self.runtime.clone() {
            inner = HttpClient::new(Apart { inner, runtime });
        }
        Ok(HttpClient::new(Counting { inner, kind: self.kind }))
    }
}

#[derive(Debug)]
struct Counting {
    inner: HttpClient,
    kind: StoreKind,
}

#[async_trait]
impl HttpService for Counting {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let answer = self.inner.execute(request).await;
        let outcome = outcome(answer.as_ref().ok().map(HttpResponse::status));
        metrics::counter!("lakegate_store_attempts_total", "store" => self.kind.as_str(), "outcome" => outcome)
            .increment(1);
        answer
    }
}

/// What came of an attempt; no status where nothing was answered.
fn outcome(status: Option<StatusCode>) -> &'static str {
    match status {
        None => "unanswered",
        Some(StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) => "throttled",
        Some(status) if status.is_server_error() => "failed",
        Some(status) if status.is_client_error() => "refused",
        Some(_) => "served",
    }
}
