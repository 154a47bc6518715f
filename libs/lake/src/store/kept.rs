//! Access that was asked for, kept while it holds.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use parking_lot::Mutex;

use super::{Access, AccessSource, StoreUrl};
use crate::Error;

/// Folders whose access is kept; past it all are asked for anew.
const FOLDERS_MAX: usize = 1024;

/// Asks another source once a folder, and again when the answer no longer holds.
///
/// Locations may lie in one another and end at a folder's border, so an answer for one object holds
/// for the others of its folder and for no more than those.
pub(super) struct KeptAccess {
    source: Arc<dyn AccessSource>,
    by_folder: Mutex<HashMap<String, Access>>,
}

impl KeptAccess {
    pub(super) fn new(source: Arc<dyn AccessSource>) -> Self {
        Self { source, by_folder: Mutex::default() }
    }

    fn kept(&self, folder: &str) -> Option<Access> {
        let by_folder = self.by_folder.lock();
        by_folder.get(folder).filter(|access| access.is_fresh(Instant::now())).cloned()
    }
}

#[async_trait]
impl AccessSource for KeptAccess {
    async fn access(&self, url: &StoreUrl) -> Result<Access, Error> {
        let folder = url.as_str().rsplit_once('/').map_or(url.as_str(), |(folder, _)| folder);
        if let Some(access) = self.kept(folder) {
            return Ok(access);
        }
        let access = self.source.access(url).await?;
        let mut by_folder = self.by_folder.lock();
        if by_folder.len() >= FOLDERS_MAX {
            by_folder.clear();
        }
        by_folder.insert(folder.to_string(), access.clone());
        Ok(access)
    }

    fn local_root_of(&self, path: &Path) -> Option<PathBuf> {
        self.source.local_root_of(path)
    }
}

impl fmt::Debug for KeptAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptAccess").field("source", &self.source).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use super::super::StoreKind;
    use super::*;

    /// Counts how often it is asked; its answers hold for `valid`.
    #[derive(Debug)]
    struct Counting {
        asked: AtomicU64,
        valid: Duration,
    }

    #[async_trait]
    impl AccessSource for Counting {
        async fn access(&self, url: &StoreUrl) -> Result<Access, Error> {
            Ok(Access {
                prefix: url.bucket().to_string(),
                kind: StoreKind::S3,
                secrets: None,
                options: BTreeMap::new(),
                expires: Some(Instant::now() + self.valid),
                version: self.asked.fetch_add(1, Ordering::Relaxed),
            })
        }
    }

    async fn versions(valid: Duration, urls: &[&str]) -> Vec<u64> {
        let source = Arc::new(Counting { asked: AtomicU64::new(0), valid });
        let kept = KeptAccess::new(source);
        let mut versions = Vec::new();
        for url in urls {
            let url = StoreUrl::parse(url).unwrap().unwrap();
            versions.push(kept.access(&url).await.unwrap().version);
        }
        versions
    }

    #[tokio::test]
    async fn one_answer_serves_a_folder_and_no_other_folder() {
        let urls = ["s3://b/x/1", "s3://b/x/2", "s3://b/x/", "s3://b/x/y/1", "s3://b/x/1"];
        assert_eq!(versions(Duration::from_secs(60), &urls).await, [0, 0, 0, 1, 0]);
    }

    #[tokio::test]
    async fn an_answer_that_no_longer_holds_is_asked_for_again() {
        assert_eq!(versions(Duration::ZERO, &["s3://b/x/1", "s3://b/x/1"]).await, [0, 1]);
    }
}
