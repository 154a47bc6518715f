//! A server of a few statements that writes down what it was asked.

use std::pin::Pin;
use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_server::{FlightService, FlightServiceServer};
use arrow_flight::sql::{
    ActionClosePreparedStatementRequest, ActionCreatePreparedStatementRequest, Any,
    CommandPreparedStatementQuery, CommandPreparedStatementUpdate, DoPutUpdateResult,
};
use arrow_flight::{
    Action, ActionType, Criteria, Empty, FlightData, FlightDescriptor, FlightEndpoint, FlightInfo,
    HandshakeRequest, HandshakeResponse, PollInfo, PutResult, Result as ActionResult, SchemaResult,
    Ticket,
};
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt, TryStreamExt};
use parking_lot::Mutex;
use prost::Message;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tonic::metadata::MetadataValue;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, Streaming, async_trait};

/// What a prepared update says it changed.
pub(crate) const ROWS_AFFECTED: i64 = 7;

/// The answer to CreatePreparedStatement with `is_update`.
#[derive(Clone, PartialEq, prost::Message)]
struct CreateResult {
    #[prost(bytes = "bytes", tag = "1")]
    prepared_statement_handle: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    dataset_schema: Bytes,
    #[prost(bool, optional, tag = "4")]
    is_update: Option<bool>,
}

/// What the server was asked, and what it accepts.
#[derive(Default)]
pub(crate) struct Log {
    /// The number of the last token; older ones have expired.
    pub(crate) logins: Mutex<u32>,
    /// Calls in the order in which they came.
    pub(crate) calls: Mutex<Vec<String>>,
    /// Told when an endless stream has been dropped.
    pub(crate) dropped: Notify,
}

impl Log {
    /// Makes every token so far an expired one.
    pub(crate) fn expire_tokens(&self) {
        *self.logins.lock() += 1;
    }

    /// The calls so far.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.calls.lock().clone()
    }

    fn note(&self, call: impl Into<String>) {
        self.calls.lock().push(call.into());
    }
}

/// Starts a server on a free port; it ends with the test.
pub(crate) async fn start() -> (String, Arc<Log>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("grpc://{}", listener.local_addr().unwrap());
    let log = Arc::new(Log::default());
    let service = FlightServiceServer::new(Server { log: Arc::clone(&log) });
    let server = tonic::transport::Server::builder().add_service(service);
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    (url, log)
}

struct Server {
    log: Arc<Log>,
}

/// Tells when it is dropped.
struct Dropped(Arc<Log>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.dropped.notify_one();
    }
}

impl Server {
    /// Refuses what does not carry the newest token.
    fn check<T>(&self, request: &Request<T>) -> Result<(), Status> {
        let expected = format!("Bearer token-{}", *self.log.logins.lock());
        let given = request.metadata().get("authorization").map(|value| value.to_str().unwrap());
        if given == Some(expected.as_str()) {
            return Ok(());
        }
        Err(coded(Status::unauthenticated("token_expired: the token has expired"), "token_expired"))
    }
}

fn coded(mut status: Status, code: &'static str) -> Status {
    status.metadata_mut().insert("lakegate-error-code", MetadataValue::from_static(code));
    status
}

fn schema() -> Schema {
    Schema::new(vec![Field::new("n", DataType::Int64, false)])
}

fn batch() -> RecordBatch {
    let numbers = Int64Array::from(vec![1, 2, 3]);
    RecordBatch::try_new(Arc::new(schema()), vec![Arc::new(numbers)]).unwrap()
}

fn prepare(body: &[u8]) -> Result<Vec<u8>, Status> {
    let request: ActionCreatePreparedStatementRequest =
        Any::decode(body).unwrap().unpack().unwrap().unwrap();
    if request.query == "wrong" {
        let text = "syntax_error: no such word (hint: write SQL)";
        return Err(coded(Status::invalid_argument(text), "syntax_error"));
    }
    let result = CreateResult {
        is_update: Some(request.query.starts_with("update")),
        prepared_statement_handle: request.query.into(),
        dataset_schema: Bytes::new(),
    };
    let any = Any {
        type_url: "type.googleapis.com/arrow.flight.protocol.sql.\
                   ActionCreatePreparedStatementResult"
            .to_string(),
        value: result.encode_to_vec().into(),
    };
    Ok(any.encode_to_vec())
}

type Answers<T> = BoxStream<'static, Result<T, Status>>;

#[async_trait]
impl FlightService for Server {
    type HandshakeStream = Answers<HandshakeResponse>;
    type ListFlightsStream = Answers<FlightInfo>;
    type DoGetStream = Answers<FlightData>;
    type DoPutStream = Answers<PutResult>;
    type DoActionStream = Answers<ActionResult>;
    type ListActionsStream = Answers<ActionType>;
    type DoExchangeStream = Answers<FlightData>;

    async fn handshake(
        &self,
        request: Request<Streaming<HandshakeRequest>>,
    ) -> Result<Response<Self::HandshakeStream>, Status> {
        // admin:secret
        if request.metadata().get("authorization").unwrap() != "Basic YWRtaW46c2VjcmV0" {
            let status = Status::unauthenticated("unauthenticated: wrong user or password");
            return Err(coded(status, "unauthenticated"));
        }
        self.log.note("handshake");
        let mut logins = self.log.logins.lock();
        *logins += 1;
        let token = format!("Bearer token-{logins}");
        let mut response = Response::new(stream::empty().boxed());
        response.metadata_mut().insert("authorization", token.parse().unwrap());
        Ok(response)
    }

    async fn do_action(
        &self,
        request: Request<Action>,
    ) -> Result<Response<Self::DoActionStream>, Status> {
        self.check(&request)?;
        let action = request.into_inner();
        let body = match action.r#type.as_str() {
            "CreatePreparedStatement" => Some(prepare(&action.body)?),
            "ClosePreparedStatement" => {
                let request: ActionClosePreparedStatementRequest =
                    Any::decode(action.body).unwrap().unpack().unwrap().unwrap();
                let handle = String::from_utf8_lossy(&request.prepared_statement_handle);
                self.log.note(format!("close {handle}"));
                None
            }
            other => {
                self.log.note(other);
                None
            }
        };
        let answers = stream::iter(body.map(|body| Ok(ActionResult::new(body))));
        Ok(Response::new(answers.boxed()))
    }

    async fn get_flight_info(
        &self,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.check(&request)?;
        let command: CommandPreparedStatementQuery =
            Any::decode(request.into_inner().cmd).unwrap().unpack().unwrap().unwrap();
        let ticket = Ticket::new(command.prepared_statement_handle);
        let info = FlightInfo::new()
            .try_with_schema(&schema())
            .unwrap()
            .with_endpoint(FlightEndpoint::new().with_ticket(ticket))
            .with_app_metadata("0197-query");
        Ok(Response::new(info))
    }

    async fn do_get(
        &self,
        request: Request<Ticket>,
    ) -> Result<Response<Self::DoGetStream>, Status> {
        self.check(&request)?;
        let is_endless = request.into_inner().ticket == "endless";
        let guard = Dropped(Arc::clone(&self.log));
        let batches: Pin<Box<dyn Stream<Item = Result<RecordBatch, FlightError>> + Send>> =
            if is_endless {
                Box::pin(stream::repeat_with(move || {
                    let _guard = &guard;
                    Ok(batch())
                }))
            } else {
                Box::pin(stream::iter([Ok(batch())]))
            };
        let data = FlightDataEncoderBuilder::new().with_schema(Arc::new(schema())).build(batches);
        Ok(Response::new(data.map_err(Status::from).boxed()))
    }

    async fn do_put(
        &self,
        request: Request<Streaming<FlightData>>,
    ) -> Result<Response<Self::DoPutStream>, Status> {
        self.check(&request)?;
        let first = request.into_inner().message().await?.unwrap();
        let command: CommandPreparedStatementUpdate =
            Any::decode(first.flight_descriptor.unwrap().cmd).unwrap().unpack().unwrap().unwrap();
        self.log.note(String::from_utf8_lossy(&command.prepared_statement_handle));
        let result = DoPutUpdateResult { record_count: ROWS_AFFECTED };
        let answer = PutResult { app_metadata: result.encode_to_vec().into() };
        Ok(Response::new(stream::iter([Ok(answer)]).boxed()))
    }

    async fn list_flights(
        &self,
        _: Request<Criteria>,
    ) -> Result<Response<Self::ListFlightsStream>, Status> {
        Err(Status::unimplemented("list_flights"))
    }

    async fn poll_flight_info(
        &self,
        _: Request<FlightDescriptor>,
    ) -> Result<Response<PollInfo>, Status> {
        Err(Status::unimplemented("poll_flight_info"))
    }

    async fn get_schema(
        &self,
        _: Request<FlightDescriptor>,
    ) -> Result<Response<SchemaResult>, Status> {
        Err(Status::unimplemented("get_schema"))
    }

    async fn list_actions(
        &self,
        _: Request<Empty>,
    ) -> Result<Response<Self::ListActionsStream>, Status> {
        Err(Status::unimplemented("list_actions"))
    }

    async fn do_exchange(
        &self,
        _: Request<Streaming<FlightData>>,
    ) -> Result<Response<Self::DoExchangeStream>, Status> {
        Err(Status::unimplemented("do_exchange"))
    }
}
