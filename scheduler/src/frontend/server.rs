//! The listener of the client port: gRPC and HTTP/1.1 on the same connections.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use arrow_flight::flight_service_server::FlightServiceServer;
use axum::Router;
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tonic::server::NamedService;
use tower::ServiceExt;

use super::coalesced::coalesced;
use super::flight_sql::{FlightSql, do_get};
use super::{Services, http};
use crate::identity::note_peer;

/// Bytes that a client may send on one stream before it must wait.
const STREAM_WINDOW: u32 = 8 << 20;
/// Bytes that a client may send on one connection before it must wait.
const CONNECTION_WINDOW: u32 = 32 << 20;
/// Bytes of the largest HTTP/2 frame that is taken.
const FRAME_BYTES_MAX: u32 = 1 << 20;
/// Bytes of rows that wait in a stream for the network.
const SEND_BUFFER_BYTES: usize = 4 << 20;
/// Bytes of the headers of one request.
const HEADER_BYTES_MAX: u32 = 64 << 10;
/// Calls that are open at one time on one connection.
const STREAMS_PER_CONNECTION_MAX: u32 = 1024;
/// Streams that a server may reset before it gives a connection up. Every early answer to DoPut can
/// be one, so the usual 1024 would end a busy connection.
const RESET_STREAMS_MAX: usize = 1 << 16;
/// Calls that a client may take back before they were looked at; more of them is an attack.
const UNSEEN_RESETS_MAX: usize = 256;
/// How often a silent connection is probed, and how long it may take to answer.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a client may take from connecting to its first bytes, and to send the head of a request.
const FIRST_BYTES_TIME: Duration = Duration::from_secs(20);
/// What HTTP/2 connections begin with.
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Pause after an accept that failed, such as when file handles run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long connections may take to send what is ready when the server closes.
const CLOSE_TIME: Duration = Duration::from_secs(5);

/// The client port.
pub struct Server {
    services: Arc<Services>,
    listener: TcpListener,
}

impl Server {
    /// The client port on a bound listener.
    pub fn new(services: Arc<Services>, listener: TcpListener) -> Self {
        Self { services, listener }
    }

    /// Serves until `closing` is cancelled; then takes no new connection, lets calls end that are on
    /// their way, and returns when all connections are closed.
    ///
    /// # Errors
    /// Never; a listener that fails is tried again.
    pub async fn serve(self, closing: CancellationToken) -> Result<(), Infallible> {
        let router = router(&self.services);
        let places = Arc::new(Semaphore::new(self.services.limits.connections));
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                () = closing.cancelled() => break,
                Some(_) = connections.join_next() => continue,
                accepted = self.listener.accept() => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    pause_after(&error).await;
                    continue;
                }
            };
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                metrics::counter!("lakegate_frontend_refused_connections_total").increment(1);
                tracing::warn!(%peer, "connection refused: as many are open as limits.connections allows");
                continue;
            };
            let connection = connection(stream, peer, router.clone(), closing.clone());
            connections.spawn(async move {
                let _place = place;
                connection.await;
            });
        }
        drop(self.listener);
        let closed = async { while connections.join_next().await.is_some() {} };
        if timeout(CLOSE_TIME, closed).await.is_err() {
            tracing::warn!(open = connections.len(), "connections are cut off");
        }
        Ok(())
    }
}

/// gRPC and HTTP in one router: Flight SQL by its path, the rest by HTTP's routes. A gRPC call of
/// another service is told so in gRPC.
fn router(services: &Arc<Services>) -> Router {
    let flight = FlightSql::new(Arc::clone(services));
    let calls = flight.server().map_request(|request: Request| request.map(tonic::body::Body::new));
    let service = FlightServiceServer::<FlightSql>::NAME;
    http::routes(Arc::clone(services))
        .route(&format!("/{service}/DoGet"), post(do_get).with_state(flight))
        .route_service(&format!("/{service}/{{*method}}"), calls)
        .fallback(unknown_path)
}

async fn unknown_path(request: Request) -> Response {
    let content_type = request.headers().get(CONTENT_TYPE);
    if content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/grpc")) {
        return tonic::Status::unimplemented("invalid_argument: there is no such service")
            .into_http::<axum::body::Body>();
    }
    http::not_found(request.uri().clone()).await.into_response()
}

async fn pause_after(error: &io::Error) {
    // A client that gave up while it was waiting says nothing about the server.
    if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
        return;
    }
    tracing::warn!(%error, "a connection cannot be accepted");
    sleep(ACCEPT_PAUSE).await;
}

/// Serves one connection to its end.
async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    closing: CancellationToken,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "connection lost");
        return;
    }
    tokio::select! {
        has_spoken = first_bytes(&stream) => if !has_spoken { return },
        () = closing.cancelled() => return,
    }
    let builder = builder();
    let service = TowerToHyperService::new(router.map_request(noting(peer.ip())));
    let (stream, turns) = coalesced(stream);
    let serving = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(serving);
    let ended = tokio::select! {
        ended = turns.of(serving.as_mut()) => ended,
        () = closing.cancelled() => {
            serving.as_mut().graceful_shutdown();
            turns.of(serving).await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, error, "connection ended early");
    }
}

/// Notes in each request where it comes from.
fn noting<B>(peer: IpAddr) -> impl Fn(axum::http::Request<B>) -> axum::http::Request<B> + Clone {
    move |mut request: axum::http::Request<B>| {
        note_peer(request.headers_mut(), peer);
        request
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(FIRST_BYTES_TIME).keep_alive(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(FRAME_BYTES_MAX)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .max_header_list_size(HEADER_BYTES_MAX)
        .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX)
        .max_local_error_reset_streams(RESET_STREAMS_MAX)
        .max_pending_accept_reset_streams(UNSEEN_RESETS_MAX)
        .keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT);
    builder
}

/// Waits for the bytes by which HTTP/1 and HTTP/2 are told apart, which the library below would do
/// without end. Answers whether they came in time.
async fn first_bytes(stream: &TcpStream) -> bool {
    let deadline = Instant::now() + FIRST_BYTES_TIME;
    let mut bytes = [0; HTTP2_PREFACE.len()];
    loop {
        match tokio::time::timeout_at(deadline, stream.peek(&mut bytes)).await {
            Ok(Ok(0)) | Ok(Err(_)) | Err(_) => return false,
            Ok(Ok(count)) => {
                let is_cut =
                    count < HTTP2_PREFACE.len() && HTTP2_PREFACE.starts_with(&bytes[..count]);
                if !is_cut {
                    return true;
                }
            }
        }
        if Instant::now() >= deadline {
            return false;
        }
        // A cut preface is rare, and the socket stays readable: look again a little later.
        sleep(Duration::from_millis(10)).await;
    }
}
