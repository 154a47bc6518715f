//! What the frontends share: the query path, sessions, identity, readiness and limits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::durable::Durable;
use crate::identity::{Authenticator, Signer};
use crate::query::QueryService;
use crate::session::SessionStore;

/// The bounds of what clients may send and hold.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of the largest message that is read.
    pub message_bytes: usize,
    /// Connections at one time.
    pub connections: usize,
    /// The messages that rows go out in.
    pub result_messages: MessageSizes,
    /// Bytes of the largest JSON body that is read over HTTP.
    pub body_bytes: usize,
    /// How long a ticket can be used.
    pub ticket_lifetime: Duration,
    /// How long a client may take to send a request.
    pub request_time: Duration,
}

/// How large messages of rows are, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct MessageSizes {
    /// What is aimed at.
    pub aim: usize,
    /// What a single row may need at most.
    pub max: usize,
}

/// What the frontends share.
pub struct Services {
    /// Plans and runs statements.
    pub query: Arc<QueryService>,
    /// The executors, where the cluster port is open.
    pub durable: Option<Arc<Durable>>,
    /// Checks credentials.
    pub authenticator: Authenticator,
    /// The open sessions.
    pub sessions: Arc<SessionStore>,
    /// Signs tickets and handles.
    pub signer: Arc<Signer>,
    /// The bounds.
    pub limits: Limits,
    ready: AtomicBool,
}

impl Services {
    /// Puts the services together; they are not ready yet.
    pub fn new(
        query: Arc<QueryService>,
        durable: Option<Arc<Durable>>,
        authenticator: Authenticator,
        sessions: Arc<SessionStore>,
        signer: Arc<Signer>,
        limits: Limits,
    ) -> Self {
        Self {
            query,
            durable,
            authenticator,
            sessions,
            signer,
            limits,
            ready: AtomicBool::new(false),
        }
    }

    /// Whether statements are served.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }

    /// Says whether statements are served.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Relaxed);
    }

    /// Whether everything that the server needs is alive.
    pub fn is_healthy(&self) -> bool {
        self.durable.as_ref().is_none_or(|durable| durable.is_healthy())
    }
}
