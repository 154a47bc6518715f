//! What stores say when they refuse or fail, made fit for users.
//!
//! A store's own words name its endpoint, and hold documents of many lines; some repeat what was
//! signed and with which key. The whole goes to the log of the process, and one line without that to
//! whoever asked.

use std::fmt;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryFutureExt, TryStreamExt};
use lakegate_common::secret::without_secrets_of_urls;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    UploadPart,
};

/// Characters of a store's reason that are told.
const REASON_CHARS_MAX: usize = 200;

/// How a store's client begins to tell of a request, and what stands before the reason.
const REQUEST: &str = "Error performing ";
const BEFORE_REASON: &str = " - ";
/// How it tells the status of an answer, before its body.
const STATUS: &str = "Server returned non-2xx status code: ";
/// How it tells of an answer that is one of success, and whose body tells otherwise.
const BODY: &str = "Server returned error response: ";

/// A store whose errors hold a line that users may read.
#[derive(Debug)]
pub(super) struct Answers<S> {
    inner: S,
}

impl<S> Answers<S> {
    pub(super) fn of(inner: S) -> Self {
        Self { inner }
    }
}

/// A store's reason in one line.
#[derive(Debug, thiserror::Error)]
#[error("{line}")]
struct Reason {
    line: String,
}

/// The error as users may read it; what it says besides goes to the log.
fn told(error: Error) -> Error {
    let text = error.to_string();
    if !text.contains(REQUEST) && !text.contains('<') && !text.contains('\n') {
        return error;
    }
    let reason = || Box::new(Reason { line: reason_of(&text) });
    let logged = |error: Error| {
        tracing::warn!(error = %without_secrets_of_urls(&text), "an object store refused or failed");
        error
    };
    match error {
        Error::NotFound { path, .. } => Error::NotFound { path, source: reason() },
        Error::AlreadyExists { path, .. } => Error::AlreadyExists { path, source: reason() },
        Error::Precondition { path, .. } => Error::Precondition { path, source: reason() },
        Error::NotModified { path, .. } => Error::NotModified { path, source: reason() },
        Error::NotSupported { .. } => Error::NotSupported { source: reason() },
        Error::PermissionDenied { path, .. } => {
            logged(Error::PermissionDenied { path, source: reason() })
        }
        Error::Unauthenticated { path, .. } => {
            logged(Error::Unauthenticated { path, source: reason() })
        }
        // Listings tell no status but in their text.
        Error::Generic { store, .. } => logged(match status_of(&text) {
            Some("403") => Error::PermissionDenied { path: String::new(), source: reason() },
            Some("401") => Error::Unauthenticated { path: String::new(), source: reason() },
            _ => Error::Generic { store, source: reason() },
        }),
        other => other,
    }
}

/// The number of the status in a store's words.
fn status_of(text: &str) -> Option<&str> {
    let (_, after) = text.split_once(STATUS)?;
    after.get(..3)
}

/// The reason in a store's words, in one line without endpoint, documents and keys.
fn reason_of(text: &str) -> String {
    let after = match text.split_once(REQUEST) {
        Some((_, request)) => request.split_once(BEFORE_REASON).map_or(request, |(_, why)| why),
        None => text,
    };
    let (status, body) = match (after.split_once(STATUS), after.split_once(BODY)) {
        (Some((_, answer)), _) => answer.split_once(": ").unwrap_or((answer, "")),
        (None, Some((_, body))) => ("", body),
        (None, None) => return format!("the store was not reached: {}", first_line(after)),
    };
    let code = element(body, "Code").or_else(|| member(body, "code")).unwrap_or_default();
    let message = element(body, "Message").or_else(|| member(body, "message")).unwrap_or_default();
    let parts = [first_line(status), first_line(code), first_line(message)];
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    format!("the store answered {}", parts.join(", "))
}

/// The text of an element of XML.
fn element<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = body.split_once(&format!("<{name}>"))?;
    after.split_once('<').map(|(text, _)| text)
}

/// The value of a member of JSON, as far as it is plain.
fn member<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = body.split_once(&format!("\"{name}\""))?;
    let value = after.trim_start().strip_prefix(':')?.trim_start();
    let value = value.strip_prefix('"').unwrap_or(value);
    value.split(['"', ',', '\n', '}']).next()
}

/// The first line, without what is secret or names the place of a store, and not too long.
fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let line = line.split('<').next().unwrap_or_default().trim();
    let words = line.split(' ').filter(|word| !word.contains("://"));
    let line: String = words.collect::<Vec<_>>().join(" ");
    line.chars().take(REASON_CHARS_MAX).collect()
}

impl<S: fmt::Display> fmt::Display for Answers<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl<S: ObjectStore> ObjectStore for Answers<S> {
    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.inner.put_opts(path, payload, options).await.map_err(told)
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let inner = self.inner.put_multipart_opts(path, options).await.map_err(told)?;
        Ok(Box::new(Upload { inner }))
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let mut result = self.inner.get_opts(path, options).await.map_err(told)?;
        result.payload = match result.payload {
            GetResultPayload::Stream(stream) => {
                GetResultPayload::Stream(stream.map_err(told).boxed())
            }
            file => file,
        };
        Ok(result)
    }

    async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(path, ranges).await.map_err(told)
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(paths).map_err(told).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix).map_err(told).boxed()
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset).map_err(told).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await.map_err(told)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await.map_err(told)
    }
}

#[derive(Debug)]
struct Upload {
    inner: Box<dyn MultipartUpload>,
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.inner.put_part(data).map_err(told).boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.inner.complete().await.map_err(told)
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await.map_err(told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the client of a store says of an answer.
    fn generic(answer: &str) -> Error {
        let source = format!(
            "Error performing GET http://127.0.0.1:9000/lake?prefix=x&sig=hidden in 12ms - {answer}"
        );
        Error::Generic { store: "S3", source: source.into() }
    }

    const WRONG_KEY: &str = "Server returned non-2xx status code: 403 Forbidden: <?xml version=\"1.0\"?>\n<Error><Code>SignatureDoesNotMatch</Code><Message>The signature does not match.\nhidden</Message><AWSAccessKeyId>hidden</AWSAccessKeyId><StringToSign>hidden</StringToSign></Error>";

    #[test]
    fn a_user_reads_one_line_without_endpoint_document_and_keys() {
        for (answer, reason) in [
            (
                WRONG_KEY,
                "the store answered 403 Forbidden, SignatureDoesNotMatch, The signature does not match.",
            ),
            (
                "Server returned non-2xx status code: 503 Service Unavailable: <Error><Code>SlowDown</Code></Error>",
                "the store answered 503 Service Unavailable, SlowDown",
            ),
            (
                "Server returned non-2xx status code: 404 Not Found: ",
                "the store answered 404 Not Found",
            ),
            (
                "Server returned error response: <Error><Code>InternalError</Code></Error>",
                "the store answered InternalError",
            ),
            (
                "Server returned non-2xx status code: 400 Bad Request: {\n \"error\": {\n \"code\": 400,\n \"message\": \"Bad bucket\"}}",
                "the store answered 400 Bad Request, 400, Bad bucket",
            ),
            (
                "HTTP error: error sending request for http://hidden/",
                "the store was not reached: HTTP error: error sending request for",
            ),
        ] {
            let text = told(generic(answer)).to_string();
            assert!(text.ends_with(reason), "{text}");
            assert!(!text.contains("hidden") && !text.contains("127.0.0.1"), "{text}");
        }
    }

    #[test]
    fn what_is_refused_is_told_from_what_fails() {
        assert!(matches!(told(generic(WRONG_KEY)), Error::PermissionDenied { .. }));
        let unknown = generic("Server returned non-2xx status code: 401 Unauthorized: ");
        assert!(matches!(told(unknown), Error::Unauthenticated { .. }));
        let slow = generic("Server returned non-2xx status code: 503 Service Unavailable: ");
        assert!(matches!(told(slow), Error::Generic { .. }));
        let absent = Error::NotFound { path: "x".into(), source: "no such file".into() };
        assert_eq!(told(absent).to_string(), "Object at location x not found: no such file");
    }
}
