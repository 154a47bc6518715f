//! Access to object stores, asked of the scheduler.

use std::fmt;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use lakegate_common::cluster_token::ClusterToken;
use lakegate_common::secret::Secret;
use lakegate_lake::Error;
use lakegate_lake::store::{Access, AccessSource, StoreUrl};
use lakegate_proto::cluster::v1::{AccessSecrets, GetAccessRequest, GetAccessResponse};
use prost::Message;
use tonic::Code;

use crate::membership::MemberClient;

/// Access as the scheduler of this executor gives it.
pub(crate) struct SchedulerAccess {
    scheduler: MemberClient,
    token: ClusterToken,
}

impl SchedulerAccess {
    pub(crate) fn new(scheduler: MemberClient, token: ClusterToken) -> Self {
        Self { scheduler, token }
    }

    fn opened(&self, url: &StoreUrl, answer: GetAccessResponse) -> Result<Access, Error> {
        let unavailable = |source: Box<dyn std::error::Error + Send + Sync>| {
            Error::AccessUnavailable { url: url.to_string(), source }
        };
        let opened = self
            .token
            .sealing()
            .open(&answer.sealed, answer.prefix.as_bytes())
            .map_err(|error| unavailable(error.into()))?;
        let told =
            AccessSecrets::decode(opened.as_slice()).map_err(|error| unavailable(error.into()))?;
        let secrets = told.secrets.into_iter().map(|(key, text)| (key, Secret::from_text(text)));
        let valid = Duration::from_secs(u64::from(answer.valid_seconds));
        Ok(Access {
            prefix: answer.prefix,
            kind: answer.kind.parse()?,
            secrets: (!told.ambient).then(|| secrets.collect()),
            options: told.options.into_iter().collect(),
            expires: Instant::now().checked_add(valid),
            version: answer.version,
        })
    }
}

#[async_trait]
impl AccessSource for SchedulerAccess {
    async fn access(&self, url: &StoreUrl) -> Result<Access, Error> {
        let request = GetAccessRequest { url: url.to_string() };
        let answer = self.scheduler.clone().get_access(request).await;
        let answer = answer.map_err(|status| match status.code() {
            Code::PermissionDenied => Error::NoAccess { url: url.to_string() },
            _ => Error::AccessUnavailable {
                url: url.to_string(),
                source: status.message().to_string().into(),
            },
        })?;
        self.opened(url, answer.into_inner())
    }
}

impl fmt::Debug for SchedulerAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SchedulerAccess").finish_non_exhaustive()
    }
}
