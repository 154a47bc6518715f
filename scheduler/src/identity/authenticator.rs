//! Checks credentials and turns a login into a session with a token.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lakegate_catalog::Catalog;
use lakegate_common::secret;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use crate::session::{BoundedMap, Session, SessionId, SessionStore};

use super::stale::Checked;
use super::throttle::{Throttle, Try};
use super::{Credential, Error, Principal, Purpose, Signer};

/// Passwords that are hashed at one time. Each takes some 20 MiB and tens of milliseconds of a core.
const HASHES_AT_ONCE: usize = 2;
/// Logins that wait for their turn to be hashed; more are turned away.
const LOGINS_WAITING_MAX: usize = 64;
/// Verified credentials that are remembered, so that a call with a password is cheap.
const VERIFIED_MAX: usize = 4096;
/// How long a verified credential is taken without asking the catalog again.
const VERIFIED_FOR: Duration = Duration::from_secs(60);

/// Checks credentials.
pub struct Authenticator {
    pub(super) catalog: Catalog,
    pub(super) signer: Arc<Signer>,
    pub(super) sessions: Arc<SessionStore>,
    throttle: Throttle,
    pub(super) checked: Mutex<Checked>,
    pub(super) verified: Mutex<BoundedMap<[u8; 32], (Principal, Instant)>>,
    hashing: Semaphore,
    waiting: Semaphore,
    /// A hash that no password has; unknown names are checked against it, so that they take as long
    /// as known ones.
    decoy: String,
}

impl Authenticator {
    /// An authenticator of the principals in `catalog`.
    ///
    /// # Errors
    /// When the machine gives no random bytes.
    pub fn new(
        catalog: Catalog,
        signer: Arc<Signer>,
        sessions: Arc<SessionStore>,
    ) -> Result<Self, secret::Error> {
        Ok(Self {
            catalog,
            signer,
            sessions,
            throttle: Throttle::new(),
            checked: Mutex::default(),
            verified: Mutex::new(BoundedMap::new(VERIFIED_MAX)),
            hashing: Semaphore::new(HASHES_AT_ONCE),
            waiting: Semaphore::new(LOGINS_WAITING_MAX),
            decoy: secret::hash_password(&secret::one_time_password()?)?,
        })
    }

    /// Opens a session for a login. A bearer token gets the session that it stands for.
    ///
    /// # Errors
    /// When the credential is missing or wrong, or no session can be opened.
    pub async fn login(&self, credential: Option<Credential>) -> Result<Arc<Session>, Error> {
        match credential {
            None => Err(Error::Missing),
            Some(Credential::Bearer { token }) => self.session_of_token(&token),
            Some(Credential::Basic { name, password, peer }) => {
                let principal = self.verify(&name, &password, peer).await?;
                self.sessions.open(principal).ok_or(Error::TooManySessions)
            }
        }
    }

    /// The session of a call: that of its token, or the one that calls with name and password share.
    ///
    /// # Errors
    /// As [`Authenticator::login`].
    pub async fn session(&self, credential: Option<Credential>) -> Result<Arc<Session>, Error> {
        match credential {
            Some(Credential::Basic { name, password, peer }) => {
                let principal = self.verify(&name, &password, peer).await?;
                self.sessions.tokenless(&principal).ok_or(Error::TooManySessions)
            }
            other => self.login(other).await,
        }
    }

    /// The principal of a call that needs no session.
    ///
    /// # Errors
    /// When the credential is missing or wrong.
    pub async fn principal(&self, credential: Option<Credential>) -> Result<Principal, Error> {
        match credential {
            None => Err(Error::Missing),
            Some(Credential::Bearer { token }) => {
                self.session_of_token(&token).map(|session| session.principal.clone())
            }
            Some(Credential::Basic { name, password, peer }) => {
                self.verify(&name, &password, peer).await
            }
        }
    }

    /// The token that stands for `session` on later calls.
    pub fn token_of(&self, session: &Session) -> String {
        self.signer.seal(Purpose::SessionToken, "", session.id.as_bytes())
    }

    fn session_of_token(&self, token: &str) -> Result<Arc<Session>, Error> {
        let payload = self.signer.unseal(Purpose::SessionToken, "", token.as_bytes());
        let id = payload.as_deref().and_then(SessionId::from_bytes).ok_or(Error::InvalidToken)?;
        self.sessions.find(id).ok_or(Error::SessionEnded)
    }

    async fn verify(
        &self,
        name: &str,
        password: &str,
        peer: Option<IpAddr>,
    ) -> Result<Principal, Error> {
        let key = self.signer.digest(Purpose::CredentialCache, name, password.as_bytes());
        if let Some((principal, until)) = self.verified.lock().get_mut(&key)
            && *until > Instant::now()
        {
            return Ok(principal.clone());
        }
        let this = Try { name, peer, digest: key };
        if let Some(wait) = self.throttle.wait(this, Instant::now()) {
            return Err(Error::Throttled { wait });
        }
        match self.verify_hash(name, password).await {
            Ok(principal) => {
                self.throttle.succeeded(this);
                let until = Instant::now() + VERIFIED_FOR;
                self.verified.lock().insert(key, (principal.clone(), until));
                Ok(principal)
            }
            Err(Error::Wrong) => {
                metrics::counter!("lakegate_frontend_failed_logins_total").increment(1);
                self.verified.lock().remove(&key);
                self.throttle.failed(this, Instant::now());
                Err(Error::Wrong)
            }
            Err(error) => Err(error),
        }
    }

    async fn verify_hash(&self, name: &str, password: &str) -> Result<Principal, Error> {
        let _place = self.waiting.try_acquire().map_err(|_| Error::Busy)?;
        let _turn = self.hashing.acquire().await.map_err(|_| Error::Busy)?;
        let found =
            self.catalog.principal(name).await.map_err(|source| Error::Catalog { source })?;
        let hash = found.as_ref().map_or(&self.decoy, |principal| &principal.password_hash).clone();
        let password = password.to_string();
        let matches =
            tokio::task::spawn_blocking(move || secret::verify_password(&password, &hash))
                .await
                .map_err(|_| Error::Interrupted)?
                .map_err(|source| Error::Password { source })?;
        match found {
            Some(principal) if matches => Ok(Principal {
                id: principal.id,
                password: self.mark_of(&principal),
                name: principal.name,
                is_admin: principal.is_admin,
            }),
            _ => Err(Error::Wrong),
        }
    }
}
