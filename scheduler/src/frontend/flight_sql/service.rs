//! The Flight service: each call is decoded once, given to the module of its subject, and its error
//! becomes a status here.

use std::sync::Arc;

use arrow_flight::flight_service_server::{FlightService, FlightServiceServer};
use arrow_flight::{
    Action, ActionType, Criteria, Empty, FlightData, FlightDescriptor, FlightEndpoint, FlightInfo,
    HandshakeRequest, IpcMessage, PollInfo, SchemaAsIpc, SchemaResult, Ticket as WireTicket,
};
use bytes::Bytes;
use datafusion::arrow::datatypes::Schema;
use datafusion::arrow::ipc::writer::IpcWriteOptions;
use futures::StreamExt;
use futures::stream::BoxStream;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};

use super::command::Command;
use super::egress::{self, RowStream};
use super::handshake::HandshakeStream;
use super::meter::Meter;
use super::put::PutStream;
use super::ticket::{Ticket, expiry};
use super::{actions, catalog_metadata};
use crate::frontend::status::status_of;
use crate::frontend::{Error, Services};
use crate::identity::Credential;
use crate::session::Session;

/// The Flight SQL service.
pub(crate) struct FlightSql {
    pub(super) services: Arc<Services>,
}

impl FlightSql {
    /// The service over what the frontends share.
    pub(crate) fn new(services: Arc<Services>) -> Arc<Self> {
        Arc::new(Self { services })
    }

    /// All calls but DoGet as a gRPC server takes them, with their message limits.
    pub(crate) fn server(self: &Arc<Self>) -> FlightServiceServer<Self> {
        let message_bytes = self.services.limits.message_bytes;
        FlightServiceServer::from_arc(Arc::clone(self))
            .max_decoding_message_size(message_bytes)
            .max_encoding_message_size(usize::MAX)
    }

    async fn session(&self, metadata: &MetadataMap) -> Result<Arc<Session>, Error> {
        let credential = Credential::of_headers(metadata.as_ref());
        Ok(self.services.authenticator.session(credential).await?)
    }

    async fn info(&self, request: Request<FlightDescriptor>) -> Result<FlightInfo, Error> {
        let session = self.session(request.metadata()).await?;
        let descriptor = request.into_inner();
        let command = Command::of_descriptor(&descriptor)?;
        tracing::debug!(command = command.name(), "flight info");
        match command {
            Command::Statement { sql } | Command::Update { sql } => {
                self.announce_sql(&session, &sql, descriptor).await
            }
            Command::Prepared { handle } | Command::PreparedUpdate { handle } => {
                self.announce_prepared(&session, &handle, descriptor).await
            }
            Command::Metadata(command) => {
                let schema = catalog_metadata::schema(&command);
                let ticket = Ticket::Metadata(descriptor.cmd.clone());
                self.flight_info(&session, &schema, &ticket, descriptor)
            }
            Command::Ingest => {
                Err(Error::InvalidCommand { reason: "rows are uploaded with DoPut".into() })
            }
        }
    }

    /// A FlightInfo with one endpoint here: a single endpoint keeps the order of rows with every
    /// client, and no location means the connection that asked.
    pub(super) fn flight_info(
        &self,
        session: &Session,
        schema: &Schema,
        ticket: &Ticket,
        descriptor: FlightDescriptor,
    ) -> Result<FlightInfo, Error> {
        let expires = expiry(self.services.limits.ticket_lifetime);
        let ticket = ticket.seal(&self.services.signer, session, expires);
        let endpoint = FlightEndpoint::new()
            .with_ticket(WireTicket { ticket })
            .with_expiration_time(expires.into());
        let mut info = FlightInfo::new().with_endpoint(endpoint).with_descriptor(descriptor);
        info.schema = schema_message(schema)?;
        info.total_records = -1;
        info.total_bytes = -1;
        Ok(info)
    }

    async fn schema(&self, request: Request<FlightDescriptor>) -> Result<SchemaResult, Error> {
        let session = self.session(request.metadata()).await?;
        let schema = match Command::of_descriptor(request.get_ref())? {
            Command::Statement { sql } | Command::Update { sql } => {
                Arc::clone(&self.services.query.prepare(&session, &sql).await?.schema)
            }
            Command::Prepared { handle } | Command::PreparedUpdate { handle } => {
                Arc::clone(&self.find_prepared(&session, &handle)?.schema)
            }
            Command::Metadata(command) => catalog_metadata::schema(&command),
            Command::Ingest => {
                return Err(Error::InvalidCommand { reason: "an upload has no result".into() });
            }
        };
        Ok(SchemaResult { schema: schema_message(&schema)? })
    }

    /// The rows of a ticket, counted and timed as a call of DoGet.
    pub(super) async fn get(&self, request: Request<WireTicket>) -> Result<RowStream, Status> {
        let meter = Meter::start("DoGet");
        let rows = Box::pin(self.rows(request)).await;
        answer(meter, rows.map(Response::new)).map(Response::into_inner)
    }

    async fn rows(&self, request: Request<WireTicket>) -> Result<RowStream, Error> {
        let session = self.session(request.metadata()).await?;
        let bytes = request.into_inner().ticket;
        let sizes = self.services.limits.result_messages;
        if !Ticket::is_claimed_by(&bytes) {
            return self.rows_of_command(&session, &bytes).await;
        }
        match Ticket::open(&self.services.signer, &session, &bytes)? {
            Ticket::Statement(id) => self.fetch_announced(&session, id).await,
            Ticket::Finished(_) => Ok(egress::encode_none(Arc::new(Schema::empty()), sizes)),
            Ticket::Metadata(command) => self.rows_of_command(&session, &command).await,
        }
    }

    /// The rows of a command that was sent as a ticket, or is kept in one.
    async fn rows_of_command(
        &self,
        session: &Arc<Session>,
        bytes: &Bytes,
    ) -> Result<RowStream, Error> {
        match Command::of_bytes(bytes)? {
            Command::Metadata(command) => {
                let seen = self.services.query.seen_by(session.principal.id).await?;
                let batch = catalog_metadata::batch(&command, &seen)?;
                Ok(egress::encode_one(batch, self.services.limits.result_messages))
            }
            Command::Statement { sql } => self.fetch_sql(session, &sql).await,
            Command::Prepared { handle } => {
                let statement = self.plan_prepared(session, &handle).await?;
                self.fetch_sql(session, &statement.sql).await
            }
            other => Err(Error::InvalidCommand { reason: format!("{} has no rows", other.name()) }),
        }
    }
}

/// A schema as one encapsulated IPC message, as FlightInfo and prepared statements carry it.
pub(super) fn schema_message(schema: &Schema) -> Result<Bytes, Error> {
    let options = IpcWriteOptions::default();
    IpcMessage::try_from(SchemaAsIpc::new(schema, &options))
        .map(|message| message.0)
        .map_err(|source| Error::Schema { source })
}

fn answer<T>(meter: Meter, result: Result<Response<T>, Error>) -> Result<Response<T>, Status> {
    meter.settle(result.map_err(|error| status_of(&error)))
}

fn not_offered(rpc: &str) -> Status {
    status_of(&Error::Unsupported { what: format!("calls of {rpc}") })
}

#[tonic::async_trait]
impl FlightService for FlightSql {
    type HandshakeStream = HandshakeStream;
    type ListFlightsStream = BoxStream<'static, Result<FlightInfo, Status>>;
    type DoGetStream = BoxStream<'static, Result<FlightData, Status>>;
    type DoPutStream = PutStream;
    type DoExchangeStream = BoxStream<'static, Result<FlightData, Status>>;
    type DoActionStream = BoxStream<'static, Result<arrow_flight::Result, Status>>;
    type ListActionsStream = BoxStream<'static, Result<ActionType, Status>>;

    async fn handshake(
        &self,
        request: Request<Streaming<HandshakeRequest>>,
    ) -> Result<Response<Self::HandshakeStream>, Status> {
        let meter = Meter::start("Handshake");
        answer(meter, self.log_in(request.metadata()).await)
    }

    async fn list_flights(
        &self,
        _: Request<Criteria>,
    ) -> Result<Response<Self::ListFlightsStream>, Status> {
        Meter::start("ListFlights").settle(Err(not_offered("ListFlights")))
    }

    async fn get_flight_info(
        &self,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let meter = Meter::start("GetFlightInfo");
        answer(meter, Box::pin(self.info(request)).await.map(Response::new))
    }

    async fn poll_flight_info(
        &self,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<PollInfo>, Status> {
        let meter = Meter::start("PollFlightInfo");
        // Without a descriptor to go on with, the client takes the information as complete.
        let info = Box::pin(self.info(request)).await;
        let complete = |info| PollInfo { progress: Some(1.0), ..PollInfo::new().with_info(info) };
        answer(meter, info.map(complete).map(Response::new))
    }

    async fn get_schema(
        &self,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<SchemaResult>, Status> {
        let meter = Meter::start("GetSchema");
        answer(meter, Box::pin(self.schema(request)).await.map(Response::new))
    }

    /// The route of `do_get` comes before this service.
    async fn do_get(&self, _: Request<WireTicket>) -> Result<Response<Self::DoGetStream>, Status> {
        Err(not_offered("DoGet"))
    }

    async fn do_put(
        &self,
        request: Request<Streaming<FlightData>>,
    ) -> Result<Response<Self::DoPutStream>, Status> {
        let meter = Meter::start("DoPut");
        let result = async {
            let session = self.session(request.metadata()).await?;
            self.put(&session, request.into_inner()).await
        };
        answer(meter, Box::pin(result).await)
    }

    async fn do_exchange(
        &self,
        _: Request<Streaming<FlightData>>,
    ) -> Result<Response<Self::DoExchangeStream>, Status> {
        Meter::start("DoExchange").settle(Err(not_offered("DoExchange")))
    }

    async fn do_action(
        &self,
        request: Request<Action>,
    ) -> Result<Response<Self::DoActionStream>, Status> {
        let meter = Meter::start("DoAction");
        let result = async {
            let session = self.session(request.metadata()).await?;
            self.act(&session, request.into_inner()).await
        };
        let results = Box::pin(result).await;
        answer(
            meter,
            results.map(|results| {
                Response::new(futures::stream::iter(results.into_iter().map(Ok)).boxed())
            }),
        )
    }

    async fn list_actions(
        &self,
        request: Request<Empty>,
    ) -> Result<Response<Self::ListActionsStream>, Status> {
        let meter = Meter::start("ListActions");
        let listed = self.session(request.metadata()).await.map(|_| actions::list());
        answer(
            meter,
            listed.map(|listed| {
                Response::new(futures::stream::iter(listed.into_iter().map(Ok)).boxed())
            }),
        )
    }
}
