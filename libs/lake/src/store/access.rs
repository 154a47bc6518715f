//! What a process needs to reach the objects below a URL, and where it gets that from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use async_trait::async_trait;
use lakegate_common::secret::Secret;

use super::{StoreKind, StoreUrl};
use crate::Error;

/// The right to use the objects below a prefix, with keys.
#[derive(Clone)]
pub struct Access {
    /// The URL below which it holds.
    pub prefix: String,
    /// The kind of store.
    pub kind: StoreKind,
    /// The keys; `None` for those that the process finds in its surroundings.
    pub secrets: Option<BTreeMap<String, Secret>>,
    /// Endpoint, region and the like.
    pub options: BTreeMap<String, String>,
    /// When it must be asked for anew; `None` while the process lives.
    pub expires: Option<Instant>,
    /// Changes whenever any of the above does.
    pub version: u64,
}

impl Access {
    /// Whether it may still be used.
    pub fn is_fresh(&self, now: Instant) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("prefix", &self.prefix)
            .field("kind", &self.kind)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// Where a process gets access from.
#[async_trait]
pub trait AccessSource: Send + Sync + fmt::Debug + 'static {
    /// The access with the longest prefix of `url`.
    ///
    /// # Errors
    /// [`Error::NoAccess`] where none covers it; what keeps the source from answering.
    async fn access(&self, url: &StoreUrl) -> Result<Access, Error>;

    /// The folder of the location that a path of this machine belongs to, out of which no link
    /// leads. `None` where it belongs to none, and for a process that knows of no locations.
    fn local_root_of(&self, _path: &Path) -> Option<PathBuf> {
        None
    }
}

/// A source for a process that reads local files only.
#[derive(Debug, Clone, Copy)]
pub struct NoAccess;

#[async_trait]
impl AccessSource for NoAccess {
    async fn access(&self, url: &StoreUrl) -> Result<Access, Error> {
        Err(Error::NoAccess { url: url.to_string() })
    }
}
