//! One name for a table, however its URL is spelled.

use sha2::{Digest, Sha256};

use crate::delta::TableRoot;
use crate::store::StoreKind;

/// Where a table lies: equal for spellings that are known to mean the same folder. Others count as
/// other places; between them the log alone decides who comes first.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Place(String);

impl Place {
    /// The place of a table: links of this machine are followed, and the names that a store has
    /// besides its usual one are that one.
    pub(super) async fn of(root: &TableRoot) -> Self {
        if let Some(folder) = root.local_path() {
            let folder = tokio::fs::canonicalize(&folder).await.unwrap_or(folder);
            return Self(format!("file:{}", folder.display()));
        }
        let (url, folder) = (root.url(), root.folder());
        let Some(kind) = StoreKind::of_scheme(url.scheme()) else {
            return Self(url.to_string());
        };
        // Azure has the container there when the account is named too.
        let bucket = match (kind, url.username()) {
            (StoreKind::Azure, container) if !container.is_empty() => container,
            _ => url.authority(),
        };
        Self(format!("{}://{bucket}/{folder}", kind.as_str()))
    }

    /// A short text that hardly any other place has.
    pub(super) fn digest(&self) -> String {
        Sha256::digest(&self.0).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn place(location: &str) -> Place {
        Place::of(&TableRoot::parse(location).unwrap()).await
    }

    #[tokio::test]
    async fn spellings_of_one_folder_are_one_place() {
        let s3 = place("s3://bucket/lake/t/").await;
        assert_eq!(place("s3a://bucket/lake/t").await, s3);
        assert_ne!(place("s3://bucket/lake/u").await, s3);
        assert_ne!(place("gs://bucket/lake/t").await, s3);
        assert_eq!(
            place("abfss://lake@account.dfs.core.windows.net/t").await,
            place("az://lake/t").await
        );
        assert_ne!(place("s3://bucket/lake/u").await.digest(), s3.digest());
    }

    #[tokio::test]
    async fn a_link_is_the_folder_that_it_leads_to() {
        let folder = tempfile::tempdir().unwrap();
        let (table, link) = (folder.path().join("t"), folder.path().join("link"));
        std::fs::create_dir(&table).unwrap();
        std::os::unix::fs::symlink(&table, &link).unwrap();
        let (table, link) = (table.to_string_lossy(), link.to_string_lossy());
        assert_eq!(place(&link).await, place(&table).await);
    }
}
