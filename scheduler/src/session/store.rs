//! All sessions of the server.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use lakegate_catalog::PrincipalId;
use parking_lot::RwLock;

use crate::identity::Principal;

use super::{Session, SessionId};

/// A session that has been idle for this long may make place for a new one.
const EVICTABLE_AFTER: Duration = Duration::from_secs(300);

/// The bounds of sessions and of what they keep.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Sessions at one time.
    pub sessions: usize,
    /// How long a session lives without being used.
    pub session_idle: Duration,
    /// Prepared statements that a session keeps.
    pub prepared_statements_per_session: usize,
    /// Announced statements that a session keeps.
    pub tickets_per_session: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions: 10_000,
            session_idle: Duration::from_secs(8 * 3600),
            prepared_statements_per_session: 256,
            tickets_per_session: 256,
        }
    }
}

/// All sessions of the server.
pub struct SessionStore {
    limits: Limits,
    sessions: RwLock<Sessions>,
}

#[derive(Default)]
struct Sessions {
    by_id: HashMap<SessionId, Arc<Session>>,
    /// The sessions of calls that show name and password and no token, one a principal.
    tokenless: HashMap<PrincipalId, SessionId>,
}

impl SessionStore {
    /// A store without sessions.
    pub fn new(limits: Limits) -> Self {
        Self { limits, sessions: RwLock::default() }
    }

    /// Opens a session; `None` when there are as many as may be and none of them is idle.
    pub fn open(&self, principal: Principal) -> Option<Arc<Session>> {
        let mut sessions = self.sessions.write();
        self.make_place(&mut sessions)?;
        let session = Arc::new(Session::new(principal, &self.limits));
        sessions.by_id.insert(session.id, Arc::clone(&session));
        report(&sessions);
        Some(session)
    }

    /// The session that all calls of `principal` without a token share; opened when there is none.
    pub fn tokenless(&self, principal: &Principal) -> Option<Arc<Session>> {
        if let Some(session) = self.find_tokenless(principal.id) {
            return Some(session);
        }
        let mut sessions = self.sessions.write();
        // Somebody else may have opened it while this call waited for the lock.
        let opened = sessions.tokenless.get(&principal.id).and_then(|id| sessions.by_id.get(id));
        if let Some(session) = opened {
            return Some(Arc::clone(session));
        }
        self.make_place(&mut sessions)?;
        let session = Arc::new(Session::new(principal.clone(), &self.limits));
        sessions.by_id.insert(session.id, Arc::clone(&session));
        sessions.tokenless.insert(principal.id, session.id);
        report(&sessions);
        Some(session)
    }

    fn find_tokenless(&self, principal: PrincipalId) -> Option<Arc<Session>> {
        let id = *self.sessions.read().tokenless.get(&principal)?;
        self.find(id)
    }

    /// The session of that identifier, which counts as a use; `None` when it has ended.
    pub fn find(&self, id: SessionId) -> Option<Arc<Session>> {
        let session = self.sessions.read().by_id.get(&id).cloned()?;
        if session.idle() > self.limits.session_idle {
            return None;
        }
        session.touch();
        Some(session)
    }

    /// Ends a session; nothing happens when it has ended.
    pub fn close(&self, id: SessionId) {
        let mut sessions = self.sessions.write();
        remove(&mut sessions, id);
        report(&sessions);
    }

    /// Ends the sessions that have not been used for too long.
    pub fn reap(&self) {
        self.end(|session| session.idle() > self.limits.session_idle);
    }

    /// Ends the sessions for which `is_over` is true, and tells how many they were.
    pub fn end(&self, is_over: impl Fn(&Session) -> bool) -> usize {
        let mut sessions = self.sessions.write();
        let over: Vec<_> = sessions
            .by_id
            .values()
            .filter(|session| is_over(session))
            .map(|session| session.id)
            .collect();
        for id in &over {
            remove(&mut sessions, *id);
        }
        report(&sessions);
        over.len()
    }

    /// All sessions, in no order.
    pub fn all(&self) -> Vec<Arc<Session>> {
        self.sessions.read().by_id.values().map(Arc::clone).collect()
    }

    /// Number of sessions.
    pub fn len(&self) -> usize {
        self.sessions.read().by_id.len()
    }

    /// Whether there is no session.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ends the session that has been idle longest when there are too many. Not every client closes
    /// its session, so the store fills up with ones that nobody will use again.
    fn make_place(&self, sessions: &mut Sessions) -> Option<()> {
        if sessions.by_id.len() < self.limits.sessions {
            return Some(());
        }
        let idlest = sessions.by_id.values().max_by_key(|session| session.idle())?;
        if idlest.idle() < EVICTABLE_AFTER {
            return None;
        }
        let id = idlest.id;
        remove(sessions, id);
        Some(())
    }
}

fn remove(sessions: &mut Sessions, id: SessionId) {
    if let Some(session) = sessions.by_id.remove(&id) {
        session.clear();
        if sessions.tokenless.get(&session.principal.id) == Some(&id) {
            sessions.tokenless.remove(&session.principal.id);
        }
    }
}

fn report(sessions: &Sessions) {
    metrics::gauge!("lakegate_frontend_open_sessions").set(sessions.by_id.len() as f64);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::tests::principal;

    #[test]
    fn sessions_are_found_until_they_are_closed() {
        let store = SessionStore::new(Limits::default());
        let session = store.open(principal("ada")).unwrap();
        assert!(store.find(session.id).is_some());
        store.close(session.id);
        store.close(session.id);
        assert!(store.find(session.id).is_none());
        assert!(store.is_empty());
    }

    #[test]
    fn idle_session_ends() {
        let store = SessionStore::new(Limits { session_idle: Duration::ZERO, ..Limits::default() });
        let session = store.open(principal("ada")).unwrap();
        while session.idle().is_zero() {
            std::hint::spin_loop();
        }
        assert!(store.find(session.id).is_none());
        store.reap();
        assert!(store.is_empty());
    }

    #[test]
    fn number_of_sessions_is_bounded() {
        let store = SessionStore::new(Limits { sessions: 2, ..Limits::default() });
        assert!(store.open(principal("a")).is_some());
        assert!(store.open(principal("b")).is_some());
        assert!(store.open(principal("c")).is_none());
    }

    #[test]
    fn calls_without_token_share_a_session_of_their_principal() {
        let store = SessionStore::new(Limits::default());
        let (ada, bob) = (principal("ada"), principal("bob"));
        let first = store.tokenless(&ada).unwrap();
        assert_eq!(store.tokenless(&ada).unwrap().id, first.id);
        assert_ne!(store.tokenless(&bob).unwrap().id, first.id);
        store.close(first.id);
        assert_ne!(store.tokenless(&ada).unwrap().id, first.id);
    }
}
