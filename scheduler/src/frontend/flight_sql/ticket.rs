//! Tickets of DoGet and handles of prepared statements: signed, bound to their principal and session.
//!
//! A ticket names what is kept on the server; the statement itself does not travel in it. It carries
//! its own expiry, so that an old one is told apart from one that was never ours.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use uuid::Uuid;

use crate::frontend::Error;
use crate::identity::{Purpose, Signer};
use crate::query::QueryId;
use crate::session::Session;

/// What a ticket gives access to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ticket {
    /// The rows of the statement that the session keeps under this identifier.
    Statement(QueryId),
    /// The rows of a catalog command, kept whole in the ticket: there is no state behind it.
    Metadata(Bytes),
    /// No rows: the statement has already run.
    Finished(QueryId),
}

/// The first byte of a payload.
const STATEMENT: u8 = 1;
const METADATA: u8 = 2;
const FINISHED: u8 = 3;

/// What every ticket begins with, to tell it from SQL text and from other encodings.
const TICKET_PREFIX: &[u8] = b"lgt1_";
/// What every handle of a prepared statement begins with.
const HANDLE_PREFIX: &[u8] = b"lgp1_";

/// Bytes of the head of a payload: kind and expiry.
const HEAD_LENGTH: usize = 9;

impl Ticket {
    /// Whether `bytes` claim to be a ticket of ours, signed or not.
    pub(super) fn is_claimed_by(bytes: &[u8]) -> bool {
        bytes.starts_with(TICKET_PREFIX)
    }

    /// The ticket as the client gets it, good until `expires`.
    pub(super) fn seal(&self, signer: &Signer, session: &Session, expires: SystemTime) -> Bytes {
        let (kind, body) = match self {
            Self::Statement(id) => (STATEMENT, id.to_string().into()),
            Self::Metadata(command) => (METADATA, command.clone()),
            Self::Finished(id) => (FINISHED, id.to_string().into()),
        };
        let mut payload = Vec::with_capacity(HEAD_LENGTH + body.len());
        payload.push(kind);
        payload.extend_from_slice(&unix_seconds(expires).to_be_bytes());
        payload.extend_from_slice(&body);
        prefixed(TICKET_PREFIX, &signer.seal(Purpose::Ticket, &binding(session), &payload))
    }

    /// Reads a ticket that a client sent back.
    ///
    /// # Errors
    /// [`Error::TicketInvalid`] when this server did not sign it for this principal and session,
    /// [`Error::TicketExpired`] when it did and its time is over.
    pub(super) fn open(signer: &Signer, session: &Session, bytes: &[u8]) -> Result<Self, Error> {
        let text = bytes.strip_prefix(TICKET_PREFIX).ok_or(Error::TicketInvalid)?;
        let payload =
            signer.unseal(Purpose::Ticket, &binding(session), text).ok_or(Error::TicketInvalid)?;
        let (head, body) = payload.split_at_checked(HEAD_LENGTH).ok_or(Error::TicketInvalid)?;
        let (kind, expires) = head.split_first().ok_or(Error::TicketInvalid)?;
        let expires =
            expires.try_into().map(u64::from_be_bytes).map_err(|_| Error::TicketInvalid)?;
        if unix_seconds(SystemTime::now()) > expires {
            return Err(Error::TicketExpired);
        }
        let id = || {
            let text = std::str::from_utf8(body).map_err(|_| Error::TicketInvalid)?;
            text.parse::<QueryId>().map_err(|_| Error::TicketInvalid)
        };
        match *kind {
            STATEMENT => Ok(Self::Statement(id()?)),
            METADATA => Ok(Self::Metadata(Bytes::copy_from_slice(body))),
            FINISHED => Ok(Self::Finished(id()?)),
            _ => Err(Error::TicketInvalid),
        }
    }
}

/// The handle of the prepared statement that `session` keeps under `id`. It lives as long as the
/// session keeps the statement.
pub(super) fn seal_handle(signer: &Signer, session: &Session, id: Uuid) -> Bytes {
    let text = signer.seal(Purpose::PreparedHandle, &binding(session), id.as_bytes());
    prefixed(HANDLE_PREFIX, &text)
}

/// The identifier of the prepared statement that a handle names.
///
/// # Errors
/// [`Error::TicketInvalid`] when this server did not sign it for this principal and session.
pub(super) fn open_handle(signer: &Signer, session: &Session, bytes: &[u8]) -> Result<Uuid, Error> {
    let text = bytes.strip_prefix(HANDLE_PREFIX).ok_or(Error::TicketInvalid)?;
    let payload = signer
        .unseal(Purpose::PreparedHandle, &binding(session), text)
        .ok_or(Error::TicketInvalid)?;
    Uuid::from_slice(&payload).map_err(|_| Error::TicketInvalid)
}

/// When something made now stops being good.
pub(super) fn expiry(lifetime: Duration) -> SystemTime {
    SystemTime::now() + lifetime
}

fn prefixed(prefix: &[u8], text: &str) -> Bytes {
    [prefix, text.as_bytes()].concat().into()
}

fn binding(session: &Session) -> String {
    format!("{}/{}", session.principal.id, session.id)
}

fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}

#[cfg(test)]
mod tests {
    use lakegate_common::secret::Secret;

    use super::*;
    use crate::session::tests::session_of;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn ticket_comes_back_as_it_was_made() {
        let signer = Signer::new(&Secret::random(32).unwrap());
        let session = session_of("ada");
        for ticket in [
            Ticket::Statement(QueryId::new()),
            Ticket::Metadata(Bytes::from_static(b"any command")),
            Ticket::Finished(QueryId::new()),
        ] {
            let sealed = ticket.seal(&signer, &session, expiry(HOUR));
            assert!(sealed.is_ascii() && Ticket::is_claimed_by(&sealed));
            assert_eq!(Ticket::open(&signer, &session, &sealed).unwrap(), ticket);
        }
    }

    #[test]
    fn altered_ticket_is_invalid_and_old_ticket_is_expired() {
        let signer = Signer::new(&Secret::random(32).unwrap());
        let session = session_of("ada");
        let ticket = Ticket::Statement(QueryId::new());
        let mut sealed = ticket.seal(&signer, &session, expiry(HOUR)).to_vec();
        let last = sealed.len() - 1;
        sealed[last] ^= 1;
        assert!(matches!(Ticket::open(&signer, &session, &sealed), Err(Error::TicketInvalid)));

        let old = ticket.seal(&signer, &session, SystemTime::now() - HOUR);
        assert!(matches!(Ticket::open(&signer, &session, &old), Err(Error::TicketExpired)));
    }

    #[test]
    fn ticket_and_handle_are_of_no_use_to_another_principal_or_session() {
        let signer = Signer::new(&Secret::random(32).unwrap());
        let (ada, other_ada, bob) = (session_of("ada"), session_of("ada"), session_of("bob"));
        let ticket = Ticket::Statement(QueryId::new()).seal(&signer, &ada, expiry(HOUR));
        let handle = seal_handle(&signer, &ada, Uuid::now_v7());
        for stranger in [&other_ada, &bob] {
            assert!(matches!(Ticket::open(&signer, stranger, &ticket), Err(Error::TicketInvalid)));
            assert!(matches!(open_handle(&signer, stranger, &handle), Err(Error::TicketInvalid)));
        }
        assert!(open_handle(&signer, &ada, &handle).is_ok());
        assert!(matches!(open_handle(&signer, &ada, &ticket), Err(Error::TicketInvalid)));
    }
}
