//! Serves shuffle files to other executors and results to the scheduler.
//!
//! Ballista's own service reads the files; here only the two calls that members make come through,
//! and only for names that stay in the work folder.

use arrow_flight::flight_service_server::FlightService;
use arrow_flight::{
    Action, ActionType, Criteria, Empty, FlightData, FlightDescriptor, FlightInfo,
    HandshakeRequest, HandshakeResponse, PollInfo, PutResult, SchemaResult, Ticket,
};
use ballista_core::serde::decode_protobuf;
use ballista_core::serde::scheduler::Action as Fetch;
use ballista_executor::flight_service::BallistaFlightService;
use futures::stream::BoxStream;
use tonic::{Request, Response, Status, Streaming};

use crate::scratch::is_job_id;

type Answer<T> = Result<Response<BoxStream<'static, Result<T, Status>>>, Status>;

/// Reads files below the work folder.
pub(crate) struct FileService(BallistaFlightService);

impl FileService {
    /// For files below this folder.
    pub(crate) fn new(work: String) -> Self {
        Self(BallistaFlightService::new(work))
    }
}

/// Checks that a request stays in the work folder.
fn check(message: &[u8]) -> Result<(), Status> {
    let Fetch::FetchPartition { job_id, .. } = decode_protobuf(message)
        .map_err(|_| Status::invalid_argument("not a request for a partition"))?;
    if is_job_id(job_id.as_str()) {
        Ok(())
    } else {
        Err(Status::invalid_argument("not a job identifier"))
    }
}

fn not_served<T>() -> Result<T, Status> {
    Err(Status::unimplemented("executors serve partitions only"))
}

#[tonic::async_trait]
impl FlightService for FileService {
    type DoActionStream = BoxStream<'static, Result<arrow_flight::Result, Status>>;
    type DoExchangeStream = BoxStream<'static, Result<FlightData, Status>>;
    type DoGetStream = BoxStream<'static, Result<FlightData, Status>>;
    type DoPutStream = BoxStream<'static, Result<PutResult, Status>>;
    type HandshakeStream = BoxStream<'static, Result<HandshakeResponse, Status>>;
    type ListActionsStream = BoxStream<'static, Result<ActionType, Status>>;
    type ListFlightsStream = BoxStream<'static, Result<FlightInfo, Status>>;

    async fn do_get(&self, request: Request<Ticket>) -> Answer<FlightData> {
        check(&request.get_ref().ticket)?;
        self.0.do_get(request).await
    }

    async fn do_action(&self, request: Request<Action>) -> Answer<arrow_flight::Result> {
        check(&request.get_ref().body)?;
        self.0.do_action(request).await
    }

    async fn get_schema(
        &self,
        _request: Request<FlightDescriptor>,
    ) -> Result<Response<SchemaResult>, Status> {
        not_served()
    }

    async fn get_flight_info(
        &self,
        _request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        not_served()
    }

    async fn poll_flight_info(
        &self,
        _request: Request<FlightDescriptor>,
    ) -> Result<Response<PollInfo>, Status> {
        not_served()
    }

    async fn handshake(
        &self,
        _request: Request<Streaming<HandshakeRequest>>,
    ) -> Answer<HandshakeResponse> {
        not_served()
    }

    async fn list_flights(&self, _request: Request<Criteria>) -> Answer<FlightInfo> {
        not_served()
    }

    async fn do_put(&self, _request: Request<Streaming<FlightData>>) -> Answer<PutResult> {
        not_served()
    }

    async fn list_actions(&self, _request: Request<Empty>) -> Answer<ActionType> {
        not_served()
    }

    async fn do_exchange(&self, _request: Request<Streaming<FlightData>>) -> Answer<FlightData> {
        not_served()
    }
}
