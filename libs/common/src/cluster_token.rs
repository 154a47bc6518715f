//! The join token of a cluster, as members show it to one another on every call.
//!
//! A caller that builds its own requests sends `authorization: Bearer TOKEN`. Channels that a
//! library opens for us carry no headers of ours but their user agent; those show a word derived
//! from the token there. Either is enough, nothing else is.

use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use tonic::metadata::errors::InvalidMetadataValue;
use tonic::metadata::{Ascii, MetadataMap, MetadataValue};
use tonic::service::Interceptor;
use tonic::{Request, Status};

use crate::error::{Coded, ErrorCode};
use crate::seal::SealingKey;
use crate::secret::Secret;

/// The variable that holds the token; with `_FILE` behind it, the file that does.
pub const TOKEN_VARIABLE: &str = "LAKEGATE_CLUSTER_TOKEN";
/// The file in a data folder that holds the token.
pub const TOKEN_FILE: &str = "cluster-token";
/// Random bytes of a token that Lakegate makes.
pub const TOKEN_BYTES: usize = 32;
/// Characters that a token must have at least, so that nobody guesses it.
pub const TOKEN_CHARACTERS_MIN: usize = 16;

/// What the user agent of a member begins with.
const AGENT_PREFIX: &str = "lakegate-member/";
/// What the key is for that seals what members tell one another in confidence.
const SEALING_PURPOSE: &str = "lakegate cluster secrets";
/// What the derived word is for; another purpose would get another word.
const AGENT_PURPOSE: &[u8] = b"lakegate cluster member";

/// A token that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Too short to be a secret.
    #[error("the cluster's join token has fewer than {TOKEN_CHARACTERS_MIN} characters")]
    TooShort,
    /// It has characters that no header carries.
    #[error("the cluster's join token has characters other than visible ASCII")]
    NotAscii {
        /// The reason.
        #[source]
        source: InvalidMetadataValue,
    },
}

impl Coded for Error {
    fn code(&self) -> ErrorCode {
        ErrorCode::InvalidConfiguration
    }

    fn hint(&self) -> Option<String> {
        Some(format!("remove {TOKEN_VARIABLE} to have a token made, and give executors that one"))
    }
}

/// Shows the token on calls and checks it on requests. Cheap to clone.
#[derive(Clone)]
pub struct ClusterToken {
    bearer: MetadataValue<Ascii>,
    agent: MetadataValue<Ascii>,
    sealing: SealingKey,
}

impl ClusterToken {
    /// The token as the operator gave it or the scheduler made it.
    ///
    /// # Errors
    /// It is too short, or not visible ASCII.
    pub fn new(token: &Secret) -> Result<Self, Error> {
        if token.expose().chars().count() < TOKEN_CHARACTERS_MIN {
            return Err(Error::TooShort);
        }
        let value = |text: String| -> Result<MetadataValue<Ascii>, Error> {
            let mut value =
                MetadataValue::try_from(text).map_err(|source| Error::NotAscii { source })?;
            value.set_sensitive(true);
            Ok(value)
        };
        let bearer = value(format!("Bearer {}", token.expose()))?;
        let agent = value(format!("{AGENT_PREFIX}{}", derived_word(token)?))?;
        Ok(Self { bearer, agent, sealing: SealingKey::derived(token, SEALING_PURPOSE) })
    }

    /// The key for what only members may read.
    pub fn sealing(&self) -> &SealingKey {
        &self.sealing
    }

    /// The user agent that members show where they cannot send a header.
    pub fn agent(&self) -> &[u8] {
        self.agent.as_bytes()
    }

    /// Checks that a request comes from a member.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` where it shows no token or another one.
    pub fn check(&self, metadata: &MetadataMap) -> Result<(), Status> {
        let shows = |name: &str, expected: &[u8]| {
            // The transport puts its own name behind the agent, after a blank.
            let given = metadata.get(name).map(MetadataValue::as_bytes).unwrap_or_default();
            given.get(..expected.len()).is_some_and(|start| start.ct_eq(expected).into())
                && matches!(given.get(expected.len()), None | Some(b' '))
        };
        if shows("authorization", self.bearer.as_bytes())
            || shows("user-agent", self.agent.as_bytes())
        {
            return Ok(());
        }
        Err(Status::unauthenticated(
            "unauthenticated: this port serves members of the cluster; show its join token",
        ))
    }

    /// Shows the token on every call of a client.
    pub fn show(&self) -> ShowToken {
        ShowToken(self.bearer.clone())
    }

    /// Refuses every request without the token.
    pub fn require(&self) -> RequireToken {
        RequireToken(self.clone())
    }
}

/// Adds the token to outgoing calls.
#[derive(Clone)]
pub struct ShowToken(MetadataValue<Ascii>);

impl Interceptor for ShowToken {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// Lets only calls with the token in.
#[derive(Clone)]
pub struct RequireToken(ClusterToken);

impl Interceptor for RequireToken {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        self.0.check(request.metadata())?;
        Ok(request)
    }
}

/// A word that only a holder of the token can make and that does not tell it.
fn derived_word(token: &Secret) -> Result<String, Error> {
    let mut mac =
        <Hmac<Sha256> as Mac>::new_from_slice(token.as_bytes()).map_err(|_| Error::TooShort)?;
    mac.update(AGENT_PURPOSE);
    Ok(mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> ClusterToken {
        ClusterToken::new(&Secret::from_text("0123456789abcdef")).unwrap()
    }

    fn request(name: &'static str, value: &str) -> MetadataMap {
        let mut metadata = MetadataMap::new();
        metadata.insert(name, value.parse().unwrap());
        metadata
    }

    #[test]
    fn the_token_is_accepted_as_bearer_or_as_agent() {
        let token = token();
        assert!(token.check(&request("authorization", "Bearer 0123456789abcdef")).is_ok());
        let agent = format!("{} tonic/0.14.9", std::str::from_utf8(token.agent()).unwrap());
        assert!(token.check(&request("user-agent", &agent)).is_ok());
    }

    #[test]
    fn anything_else_is_refused() {
        let token = token();
        for value in
            ["", "Bearer", "Bearer 0123456789abcde", "Bearer 0123456789abcdef0", "0123456789abcdef"]
        {
            let refused = token.check(&request("authorization", value)).unwrap_err();
            assert_eq!(refused.code(), tonic::Code::Unauthenticated, "{value}");
        }
        assert!(token.check(&request("user-agent", "lakegate-member/ tonic/0.14.9")).is_err());
        assert!(token.check(&MetadataMap::new()).is_err());
    }

    #[test]
    fn the_agent_does_not_tell_the_token() {
        let agent = token().agent().to_vec();
        assert!(!String::from_utf8(agent).unwrap().contains("0123456789abcdef"));
    }

    #[test]
    fn a_guessable_token_is_refused() {
        assert!(matches!(ClusterToken::new(&Secret::from_text("secret")), Err(Error::TooShort)));
    }
}
