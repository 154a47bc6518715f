//! Access to object stores, asked of the scheduler and kept for a while.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use lakegate_common::cluster_token::ClusterToken;
use lakegate_common::secret::Secret;
use lakegate_lake::Error;
use lakegate_lake::store::{Access, AccessSource, StoreUrl};
use lakegate_proto::cluster::v1::{AccessSecrets, GetAccessRequest, GetAccessResponse};
use parking_lot::Mutex;
use prost::Message;
use tonic::Code;

use crate::membership::MemberClient;

/// Accesses that are kept; past it all are asked for anew.
const KEPT_MAX: usize = 256;

/// Access as the scheduler of this executor gives it.
pub(crate) struct SchedulerAccess {
    scheduler: MemberClient,
    token: ClusterToken,
    /// By the URL they hold below.
    kept: Mutex<HashMap<String, Access>>,
}

impl SchedulerAccess {
    pub(crate) fn new(scheduler: MemberClient, token: ClusterToken) -> Self {
        Self { scheduler, token, kept: Mutex::default() }
    }

    /// The kept access with the longest prefix of `url`, unless an even longer one may be there.
    ///
    /// Locations may lie in one another. What was told for one URL is used for another only where
    /// both lie in the same folder, since a location ends at a folder's border.
    fn kept(&self, folder: &str) -> Option<Access> {
        let mut kept = self.kept.lock();
        let now = Instant::now();
        kept.retain(|_, access| access.is_fresh(now));
        kept.get(folder).cloned()
    }

    fn keep(&self, folder: String, access: &Access) {
        let mut kept = self.kept.lock();
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(folder, access.clone());
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
        let folder = url.as_str().rsplit_once('/').map_or(url.as_str(), |(folder, _)| folder);
        if let Some(access) = self.kept(folder) {
            return Ok(access);
        }
        let request = GetAccessRequest { url: url.to_string() };
        let answer = self.scheduler.clone().get_access(request).await;
        let answer = answer.map_err(|status| match status.code() {
            Code::PermissionDenied => Error::NoAccess { url: url.to_string() },
            _ => Error::AccessUnavailable { url: url.to_string(), source: status.into() },
        })?;
        let access = self.opened(url, answer.into_inner())?;
        self.keep(folder.to_string(), &access);
        Ok(access)
    }
}

impl fmt::Debug for SchedulerAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SchedulerAccess")
            .field("kept", &self.kept.lock().len())
            .finish_non_exhaustive()
    }
}
