//! Login: a name and password, or a token, become a session and its token.

use arrow_flight::HandshakeResponse;
use futures::stream::BoxStream;
use futures::{StreamExt, stream};
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Response, Status};

use super::service::FlightSql;
use crate::frontend::Error;
use crate::identity::Credential;

/// The answer of Handshake.
pub(super) type HandshakeStream = BoxStream<'static, Result<HandshakeResponse, Status>>;

impl FlightSql {
    /// Lets a caller in. The token goes into the response header and into exactly one message,
    /// because clients differ in where they look. The request stream is not waited for: some clients
    /// send nothing in it, and some never end it.
    pub(super) async fn log_in(
        &self,
        metadata: &MetadataMap,
    ) -> Result<Response<HandshakeStream>, Error> {
        let credential = Credential::of_headers(metadata.as_ref());
        let session = self.services.authenticator.login(credential).await?;
        let token = self.services.authenticator.token_of(&session);
        let message = HandshakeResponse { protocol_version: 0, payload: token.clone().into() };
        let mut response = Response::new(stream::iter([Ok(message)]).boxed());
        if let Ok(value) = MetadataValue::try_from(format!("Bearer {token}")) {
            response.metadata_mut().insert("authorization", value);
        }
        tracing::debug!(principal = session.principal.name, "session opened");
        Ok(response)
    }
}
