//! DoGet over HTTP: the one call that carries rows, answered without a generic encoder between the
//! rows and the network (`row_message`).

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use arrow_flight::Ticket;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, Response};
use futures::Stream;
use http_body::Frame;
use http_body_util::{BodyExt, Limited};
use prost::Message;
use tonic::metadata::MetadataMap;
use tonic::{Extensions, Status};

use super::egress::RowStream;
use super::service::FlightSql;
use crate::frontend::Error;
use crate::frontend::status::status_of;

/// The content type of every gRPC answer.
const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
/// What stands before a message: whether it is compressed, and its length.
const PREFIX_BYTES: usize = 5;

/// Answers one call of DoGet.
pub(crate) async fn do_get(
    State(flight): State<Arc<FlightSql>>,
    request: Request,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let answer = match ticket(&flight, body).await {
        Ok(ticket) => {
            let metadata = MetadataMap::from_headers(head.headers);
            flight.get(tonic::Request::from_parts(metadata, Extensions::default(), ticket)).await
        }
        Err(error) => Err(status_of(&error)),
    };
    match answer {
        Ok(rows) => {
            let mut response = Response::new(Body::new(RowBody::new(rows)));
            response.headers_mut().insert(CONTENT_TYPE, GRPC);
            response
        }
        Err(status) => status.into_http(),
    }
}

/// The one message of the request.
async fn ticket(flight: &FlightSql, body: Body) -> Result<Ticket, Error> {
    let limits = &flight.services.limits;
    let invalid = |reason: &str| Error::InvalidCommand { reason: reason.to_string() };
    let read = Limited::new(body, limits.message_bytes.saturating_add(PREFIX_BYTES)).collect();
    let bytes = tokio::time::timeout(limits.request_time, read)
        .await
        .map_err(|_| invalid("the ticket did not come in time"))?
        .map_err(|error| Error::InvalidCommand { reason: error.to_string() })?
        .to_bytes();
    let Some((prefix, message)) = bytes.split_first_chunk::<PREFIX_BYTES>() else {
        return Err(invalid("a ticket is missing"));
    };
    let [compressed, length @ ..] = *prefix;
    if compressed != 0 {
        return Err(Error::Unsupported { what: "compressed requests".to_string() });
    }
    if u32::from_be_bytes(length) as usize != message.len() {
        return Err(invalid("DoGet takes one ticket"));
    }
    Ticket::decode(message).map_err(|_| invalid("the ticket is no message of Flight"))
}

/// Rows as the body of an answer, and how it ended as its trailers.
struct RowBody {
    rows: RowStream,
    /// What is left of the message that is being sent.
    chunks: VecDeque<Bytes>,
    has_ended: bool,
}

impl RowBody {
    fn new(rows: RowStream) -> Self {
        Self { rows, chunks: VecDeque::new(), has_ended: false }
    }

    fn end(&mut self, status: &Status) -> Frame<Bytes> {
        self.has_ended = true;
        let mut trailers = HeaderMap::new();
        // Only metadata that the server itself put into a status can fail here; none is put there.
        if status.add_header(&mut trailers).is_err() {
            trailers.insert(Status::GRPC_STATUS, HeaderValue::from_static("13"));
        }
        Frame::trailers(trailers)
    }
}

impl http_body::Body for RowBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        loop {
            if let Some(chunk) = self.chunks.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(chunk))));
            }
            if self.has_ended {
                return Poll::Ready(None);
            }
            let next = ready!(Pin::new(&mut self.rows).poll_next(context));
            let chunks = match next {
                Some(Ok(message)) => {
                    message.chunks().map_err(|source| status_of(&Error::Answer { source }))
                }
                Some(Err(status)) => Err(status),
                None => Err(Status::ok("")),
            };
            match chunks {
                Ok(chunks) => self.chunks = chunks,
                Err(status) => return Poll::Ready(Some(Ok(self.end(&status)))),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.has_ended
    }
}
