//! One channel to one server, and the token that opens it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::{Action, HandshakeRequest};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures::TryStreamExt;
use futures::stream;
use parking_lot::RwLock;
use tonic::metadata::{Ascii, MetadataMap, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

use crate::{Error, ServerUrl};

/// How long opening a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How much of one result may be under way before it is read, in bytes.
const STREAM_WINDOW: u32 = 8 << 20;

/// How much of all results together may be under way before they are read, in bytes.
const CONNECTION_WINDOW: u32 = 32 << 20;

/// How often a silent connection is asked whether it is still there.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(30);

/// How long the answer to that may take.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// The raw Flight service of the server.
pub(crate) type Service = FlightServiceClient<Channel>;

/// A bearer token as a header value.
#[derive(Clone)]
pub(crate) struct Bearer(MetadataValue<Ascii>);

impl Bearer {
    /// Puts the token on a message.
    pub(crate) fn request<M>(&self, message: M) -> Request<M> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", self.0.clone());
        request
    }

    /// The header as text: `Bearer …`.
    pub(crate) fn header(&self) -> String {
        self.0.to_str().unwrap_or_default().to_string()
    }
}

/// A channel that is logged in.
pub(crate) struct Connection {
    url: ServerUrl,
    user: String,
    password: String,
    channel: Channel,
    bearer: RwLock<Bearer>,
    /// Held by the one call that renews an expired token while others wait for it.
    renewing: tokio::sync::Mutex<()>,
    /// What was last sent to set the session's options: a new token begins a new session.
    session_options: RwLock<Option<Action>>,
}

impl Connection {
    /// Opens a channel and logs in.
    pub(crate) async fn open(url: ServerUrl, user: &str, password: &str) -> Result<Self, Error> {
        let failed = |source| Error::Connect { address: url.address(), source };
        let endpoint = Endpoint::from_shared(url.http())
            .map_err(failed)?
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .keep_alive_while_idle(true);
        let channel = endpoint.connect().await.map_err(failed)?;
        let bearer = handshake(channel.clone(), user, password).await?;
        Ok(Self {
            url,
            user: user.to_string(),
            password: password.to_string(),
            channel,
            bearer: RwLock::new(bearer),
            renewing: tokio::sync::Mutex::new(()),
            session_options: RwLock::new(None),
        })
    }

    /// The server's address.
    pub(crate) fn url(&self) -> &ServerUrl {
        &self.url
    }

    /// The user that is logged in.
    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    /// The token of now.
    pub(crate) fn bearer(&self) -> Bearer {
        self.bearer.read().clone()
    }

    /// Sends one call; when the token has expired, logs in again and sends it once more.
    ///
    /// Repeating is harmless, because a call that was refused for its token has done nothing.
    pub(crate) async fn call<T, F, Fut>(&self, send: F) -> Result<T, Error>
    where
        F: Fn(Service, Bearer) -> Fut,
        Fut: Future<Output = Result<T, Status>>,
    {
        let bearer = self.bearer();
        match send(service(self.channel.clone()), bearer.clone()).await {
            Ok(answer) => Ok(answer),
            Err(status) if status.code() == Code::Unauthenticated => {
                let renewed = self.renew(&bearer).await?;
                let again = send(service(self.channel.clone()), renewed).await;
                again.map_err(Error::from_status)
            }
            Err(status) => Err(Error::from_status(status)),
        }
    }

    /// Keeps an action that sets session options, to be sent again after a new login.
    pub(crate) fn keep_session_options(&self, action: Action) {
        *self.session_options.write() = Some(action);
    }

    /// Logs in again unless another call has done so since `stale` was read.
    pub(crate) async fn renew(&self, stale: &Bearer) -> Result<Bearer, Error> {
        let _renewing = self.renewing.lock().await;
        let current = self.bearer();
        if current.0 != stale.0 {
            return Ok(current);
        }
        let renewed = handshake(self.channel.clone(), &self.user, &self.password).await?;
        let options = self.session_options.read().clone();
        if let Some(action) = options {
            let request = renewed.request(action);
            let answer = service(self.channel.clone()).do_action(request).await;
            answer.map_err(Error::from_status)?;
        }
        *self.bearer.write() = renewed.clone();
        Ok(renewed)
    }
}

/// A service without limits on what it reads: the server bounds its messages.
fn service(channel: Channel) -> Service {
    FlightServiceClient::new(channel)
        .max_decoding_message_size(usize::MAX)
        .max_encoding_message_size(usize::MAX)
}

/// Exchanges user and password for a token.
async fn handshake(channel: Channel, user: &str, password: &str) -> Result<Bearer, Error> {
    let basic = format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")));
    let mut basic: MetadataValue<Ascii> = basic
        .parse()
        .map_err(|source| Error::Decode { what: "the credential", source: Box::new(source) })?;
    basic.set_sensitive(true);
    let mut request = Request::new(stream::iter([HandshakeRequest::default()]));
    request.metadata_mut().insert("authorization", basic);

    let response = service(channel).handshake(request).await.map_err(Error::from_status)?;
    let from_header = bearer_in(response.metadata());
    let messages: Vec<_> = response.into_inner().try_collect().await.map_err(Error::from_status)?;
    let from_payload = || {
        let payload = &messages.first()?.payload;
        let token = std::str::from_utf8(payload).ok().filter(|token| !token.is_empty())?;
        format!("Bearer {token}").parse().ok()
    };
    let mut bearer = from_header
        .or_else(from_payload)
        .ok_or(Error::MissingAnswer { what: "a token to log in with" })?;
    bearer.set_sensitive(true);
    Ok(Bearer(bearer))
}

/// The token in the headers of a response.
fn bearer_in(headers: &MetadataMap) -> Option<MetadataValue<Ascii>> {
    let value = headers.get("authorization")?;
    let (scheme, _) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| value.clone())
}

/// A connection that many clones of a client share.
pub(crate) type Shared = Arc<Connection>;
