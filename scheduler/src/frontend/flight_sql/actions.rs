//! DoAction: prepared statements, sessions, cancelling and renewing.

use std::sync::Arc;

use arrow_flight::sql::{
    ActionCancelQueryRequest, ActionClosePreparedStatementRequest,
    ActionCreatePreparedStatementRequest, Any, ProstMessageExt,
};
use arrow_flight::{
    Action, ActionType, CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus,
    FlightEndpoint, FlightInfo, RenewFlightEndpointRequest, Result as ActionResult,
    Ticket as WireTicket,
};
use bytes::Bytes;
use prost::Message;

use super::messages::{CancelQueryResult, CloseSessionResult, CloseSessionStatus};
use super::service::FlightSql;
use super::ticket::{Ticket, expiry};
use crate::frontend::Error;
use crate::session::Session;

/// The type name of the answer to CreatePreparedStatement.
const PREPARED_RESULT_TYPE: &str =
    "type.googleapis.com/arrow.flight.protocol.sql.ActionCreatePreparedStatementResult";
/// The type name of the answer to CancelQuery.
const CANCEL_QUERY_RESULT_TYPE: &str =
    "type.googleapis.com/arrow.flight.protocol.sql.ActionCancelQueryResult";

/// The actions that are answered, each with what it does.
const ACTIONS: &[(&str, &str)] = &[
    ("CreatePreparedStatement", "Plans a statement and keeps it under a handle."),
    ("ClosePreparedStatement", "Forgets a prepared statement."),
    ("CancelFlightInfo", "Stops the query of a FlightInfo and makes its tickets useless."),
    ("CancelQuery", "The older form of CancelFlightInfo."),
    ("RenewFlightEndpoint", "Gives an endpoint a ticket with a later expiry."),
    ("SetSessionOptions", "Sets catalog, schema and settings of the session."),
    ("GetSessionOptions", "Tells catalog, schema and settings of the session."),
    ("CloseSession", "Ends the session."),
];

/// Actions of the protocol that are not offered, in words.
const NOT_OFFERED: &[(&str, &str)] = &[
    ("CreatePreparedSubstraitPlan", "Substrait plans"),
    ("BeginTransaction", "transactions"),
    ("EndTransaction", "transactions"),
    ("BeginSavepoint", "savepoints"),
    ("EndSavepoint", "savepoints"),
];

/// The actions that are answered.
pub(super) fn list() -> Vec<ActionType> {
    ACTIONS
        .iter()
        .map(|(name, text)| ActionType {
            r#type: (*name).to_string(),
            description: (*text).to_string(),
        })
        .collect()
}

impl FlightSql {
    /// Does one action; answers its results.
    pub(super) async fn act(
        &self,
        session: &Arc<Session>,
        action: Action,
    ) -> Result<Vec<ActionResult>, Error> {
        let body = action.body;
        match action.r#type.as_str() {
            "CreatePreparedStatement" => {
                let request = unpack::<ActionCreatePreparedStatementRequest>(body)?;
                let result = self.create_prepared(session, request).await?;
                Ok(vec![packed(PREPARED_RESULT_TYPE, &result)])
            }
            "ClosePreparedStatement" => {
                let request = unpack::<ActionClosePreparedStatementRequest>(body)?;
                self.close_prepared(session, &request);
                Ok(Vec::new())
            }
            "CancelFlightInfo" => self.cancel_flight_info(session, body),
            "CancelQuery" => {
                let request = unpack::<ActionCancelQueryRequest>(body)?;
                let info = FlightInfo::decode(request.info)
                    .map_err(|error| unreadable("FlightInfo", &error))?;
                let result = self.cancel(session, &info)? as i32;
                Ok(vec![packed(CANCEL_QUERY_RESULT_TYPE, &CancelQueryResult { result })])
            }
            "RenewFlightEndpoint" => Ok(vec![plain(&self.renew(session, decode(body)?)?)]),
            "SetSessionOptions" => {
                Ok(vec![plain(&self.set_options(session, decode(body)?).await?)])
            }
            "GetSessionOptions" => Ok(vec![plain(&Self::options(session))]),
            "CloseSession" => {
                self.services.sessions.close(session.id);
                Ok(vec![plain(&CloseSessionResult { status: CloseSessionStatus::Closed as i32 })])
            }
            name => Err(unknown(name)),
        }
    }

    /// Most clients send the request plain, some wrapped in `Any`; they get the answer in kind.
    fn cancel_flight_info(
        &self,
        session: &Session,
        body: Bytes,
    ) -> Result<Vec<ActionResult>, Error> {
        let wrapped = Any::decode(body.clone())
            .ok()
            .filter(|any| any.type_url.ends_with("CancelFlightInfoRequest"));
        let request: CancelFlightInfoRequest = match &wrapped {
            Some(any) => decode(any.value.clone())?,
            None => decode(body)?,
        };
        let status = self.cancel(session, &request.info.unwrap_or_default())? as i32;
        let result = CancelFlightInfoResult { status };
        Ok(vec![match wrapped {
            Some(any) => packed(&any.type_url.replace("Request", "Result"), &result),
            None => plain(&result),
        }])
    }

    /// Stops the queries of the tickets in `info` and makes the tickets useless.
    fn cancel(&self, session: &Session, info: &FlightInfo) -> Result<CancelStatus, Error> {
        if info.endpoint.is_empty() {
            return Err(Error::InvalidCommand { reason: "the FlightInfo has no endpoint".into() });
        }
        let mut status = CancelStatus::NotCancellable;
        for endpoint in &info.endpoint {
            let bytes =
                endpoint.ticket.as_ref().map(|ticket| &ticket.ticket[..]).unwrap_or_default();
            if let Ticket::Statement(id) = Ticket::open(&self.services.signer, session, bytes)?
                && let Some(latest) = session.withdraw(id)
            {
                self.services.query.registry().cancel(&session.principal, latest);
                status = CancelStatus::Cancelled;
            }
        }
        Ok(status)
    }

    /// The same endpoint with a ticket that is good for longer.
    fn renew(
        &self,
        session: &Session,
        request: RenewFlightEndpointRequest,
    ) -> Result<FlightEndpoint, Error> {
        let endpoint = request.endpoint.unwrap_or_default();
        let bytes = endpoint.ticket.as_ref().map(|ticket| &ticket.ticket[..]).unwrap_or_default();
        let ticket = Ticket::open(&self.services.signer, session, bytes)?;
        let expires = expiry(self.services.limits.ticket_lifetime);
        let ticket = ticket.seal(&self.services.signer, session, expires);
        Ok(endpoint.with_ticket(WireTicket { ticket }).with_expiration_time(expires.into()))
    }
}

fn unknown(name: &str) -> Error {
    match NOT_OFFERED.iter().find(|(known, _)| *known == name) {
        Some((_, what)) => Error::Unsupported { what: (*what).to_string() },
        None => Error::InvalidCommand {
            reason: format!("{name:?} is not an action; ListActions tells those that are"),
        },
    }
}

fn plain(message: &impl Message) -> ActionResult {
    ActionResult { body: message.encode_to_vec().into() }
}

fn packed(type_url: &str, message: &impl Message) -> ActionResult {
    plain(&Any { type_url: type_url.to_string(), value: message.encode_to_vec().into() })
}

fn decode<M: Message + Default>(body: Bytes) -> Result<M, Error> {
    M::decode(body).map_err(|error| unreadable("the body of the action", &error))
}

fn unpack<M: ProstMessageExt>(body: Bytes) -> Result<M, Error> {
    let any: Any = decode(body)?;
    match any.unpack() {
        Ok(Some(message)) => Ok(message),
        Ok(None) => Err(Error::InvalidCommand {
            reason: format!("the action takes {}, not {:?}", M::type_url(), any.type_url),
        }),
        Err(error) => {
            Err(Error::InvalidCommand { reason: format!("the action cannot be read: {error}") })
        }
    }
}

fn unreadable(what: &str, error: &prost::DecodeError) -> Error {
    Error::InvalidCommand { reason: format!("{what} cannot be read: {error}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_actions_are_told_from_ones_that_are_not_offered() {
        assert!(matches!(unknown("BeginTransaction"), Error::Unsupported { .. }));
        assert!(matches!(unknown("Fly"), Error::InvalidCommand { .. }));
    }

    #[test]
    fn garbage_bodies_are_refused() {
        for body in [&b"\xff\xff\xff"[..], b"", b"\x0a\x03abc"] {
            let body = Bytes::copy_from_slice(body);
            assert!(unpack::<ActionCreatePreparedStatementRequest>(body).is_err());
        }
    }
}
