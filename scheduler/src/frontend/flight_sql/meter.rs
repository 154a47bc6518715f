//! Counts and times the calls of Flight SQL.

use std::time::Instant;

use tonic::{Code, Response, Status};

/// One call on its way. Dropping it before its end counts as cancelled: the client is gone.
pub(super) struct Meter {
    rpc: &'static str,
    started_at: Instant,
    is_settled: bool,
}

impl Meter {
    /// A call of the procedure `rpc` begins.
    pub(super) fn start(rpc: &'static str) -> Self {
        Self { rpc, started_at: Instant::now(), is_settled: false }
    }

    /// The call has its answer, or the beginning of it.
    pub(super) fn settle<T>(
        mut self,
        answer: Result<Response<T>, Status>,
    ) -> Result<Response<T>, Status> {
        self.is_settled = true;
        let code = answer.as_ref().map_or_else(Status::code, |_| Code::Ok);
        self.count(code);
        answer
    }

    fn count(&self, code: Code) {
        metrics::counter!("lakegate_frontend_requests_total", "rpc" => self.rpc, "code" => name_of(code))
            .increment(1);
        metrics::histogram!("lakegate_frontend_request_seconds", "rpc" => self.rpc)
            .record(self.started_at.elapsed().as_secs_f64());
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if !self.is_settled {
            self.count(Code::Cancelled);
        }
    }
}

/// The name of a gRPC code, as the protocol writes it.
const fn name_of(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
