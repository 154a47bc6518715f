//! A running statement: its batches, watched for cancelling, time and rows.

use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use tokio::time::Instant;

use super::registry::QueryGuard;
use super::{Error, QueryId, SentBytes};

/// Batches of a result as they come.
pub(super) type Batches = BoxStream<'static, Result<RecordBatch, Error>>;

/// A statement that was started. Dropping its batches stops it and frees what it holds.
pub struct RunningQuery {
    /// Its identity.
    pub id: QueryId,
    /// The schema of every batch; no fields for a statement without rows.
    pub schema: SchemaRef,
    /// Rows that a statement without rows has changed.
    pub rows_affected: Option<i64>,
    /// Where the bytes that go to the client are counted by who sends them.
    pub sent: SentBytes,
    /// The rows; no batch is empty, and nothing follows an error.
    pub batches: BoxStream<'static, Result<RecordBatch, Error>>,
}

impl std::fmt::Debug for RunningQuery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunningQuery").field("id", &self.id).finish_non_exhaustive()
    }
}

struct Watched {
    batches: Batches,
    guard: QueryGuard,
    deadline: Option<Deadline>,
}

/// When a query must have ended, and the limit to name when it has not.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    at: Instant,
    limit: Duration,
}

impl Deadline {
    /// The deadline of a query that starts now.
    pub(super) fn after(limit: Duration) -> Self {
        Self { at: Instant::now() + limit, limit }
    }

    /// Resolves when the time is over, never for `None`.
    pub(super) async fn over(deadline: Option<Self>) -> Error {
        match deadline {
            Some(Self { at, limit }) => {
                tokio::time::sleep_until(at).await;
                Error::Timeout { limit }
            }
            None => std::future::pending().await,
        }
    }
}

/// `batches` until their end, an error, the deadline or a cancel, each told to the registry.
pub(super) fn watch(batches: Batches, guard: QueryGuard, deadline: Option<Deadline>) -> Batches {
    let watched = Watched { batches, guard, deadline };
    stream::unfold(Some(watched), |watched| async move {
        let mut watched = watched?;
        let record = watched.guard.record().clone();
        let next = tokio::select! {
            biased;
            () = record.cancel_token().cancelled() => Some(Err(Error::Cancelled)),
            error = Deadline::over(watched.deadline) => Some(Err(error)),
            next = watched.batches.next() => next,
        };
        match next {
            Some(Ok(batch)) => {
                record.add_rows(batch.num_rows());
                Some((Ok(batch), Some(watched)))
            }
            Some(Err(error)) => {
                watched.guard.failed(&error);
                Some((Err(error), None))
            }
            None => {
                watched.guard.finished();
                None
            }
        }
    })
    .boxed()
}
