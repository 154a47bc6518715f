//! The folder of a table, and which files of a log lie in it.

use std::fmt;

use datafusion::datasource::listing::ListingTableUrl;
use datafusion::datasource::object_store::ObjectStoreUrl;
use object_store::path::Path;
use url::Url;

use crate::Error;
use crate::links::without_links;

/// The folder that holds `_delta_log`, as a URL that ends with a slash.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TableRoot {
    url: Url,
    folder: Path,
}

impl TableRoot {
    /// Reads an absolute path or a URL.
    ///
    /// # Errors
    /// [`Error::MalformedLocation`] for what is neither, or a glob.
    pub fn parse(location: &str) -> Result<Self, Error> {
        let malformed = |source| Error::MalformedLocation { location: location.into(), source };
        let url = ListingTableUrl::parse(location).map_err(malformed)?;
        Self::from_url(url.get_url().clone())
    }

    /// A folder by its URL.
    ///
    /// # Errors
    /// [`Error::MalformedLocation`] for a URL whose path no object store has.
    pub fn from_url(mut url: Url) -> Result<Self, Error> {
        url.set_query(None);
        url.set_fragment(None);
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        let folder = Path::from_url_path(url.path()).map_err(|source| {
            Error::MalformedLocation { location: url.to_string(), source: source.into() }
        })?;
        Ok(Self { url, folder })
    }

    /// The same folder without links on the way to it, where it is one of this machine and as far
    /// as it is there. The log reader follows links too, and names files by where they lead.
    ///
    /// Files have to lie in that folder then: a link leads to a table, not out of it.
    #[must_use]
    pub fn followed(self) -> Self {
        let Some(path) = self.local_path() else { return self };
        let led_to = without_links(&path).and_then(|path| Url::from_directory_path(path).ok());
        led_to.and_then(|url| Self::from_url(url).ok()).unwrap_or(self)
    }

    /// The folder's URL.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The folder's place in its store.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder as this machine's file system knows it, where it is one of this machine.
    pub fn local_path(&self) -> Option<std::path::PathBuf> {
        (self.url.scheme() == "file").then(|| self.url.to_file_path().ok()).flatten()
    }

    /// The store that holds the folder, by the name under which a session registers it.
    ///
    /// # Errors
    /// [`Error::MalformedLocation`] where the URL names no store.
    pub fn object_store_url(&self) -> Result<ObjectStoreUrl, Error> {
        let store = &self.url[url::Position::BeforeScheme..url::Position::BeforePath];
        ObjectStoreUrl::parse(store)
            .map_err(|source| Error::MalformedLocation { location: self.url.to_string(), source })
    }

    /// The place in the store of a file that the log names: a path relative to the folder or a
    /// URL, percent-encoded.
    ///
    /// # Errors
    /// [`Error::UnsupportedFeature`] for a file outside the folder, as shallow clones have them:
    /// who may read the folder may not therefore read whatever its log names.
    pub(super) fn file(&self, logged: &str) -> Result<Path, Error> {
        let outside = || Error::UnsupportedFeature {
            location: self.url.to_string(),
            feature: format!("data files outside the table's folder (shallow clone): {logged:?}"),
        };
        if let Some(url) = absolute(logged) {
            let same_store = store_of(&url) == store_of(&self.url);
            let path = Path::from_url_path(url.path()).map_err(|_| outside())?;
            return if same_store && path.prefix_matches(&self.folder) {
                Ok(path)
            } else {
                Err(outside())
            };
        }
        let path = Path::from_url_path(logged).map_err(|_| outside())?;
        if logged.starts_with('/') {
            return if path.prefix_matches(&self.folder) { Ok(path) } else { Err(outside()) };
        }
        let parts = self.folder.parts().chain(path.parts()).collect::<Vec<_>>();
        Path::parse(parts.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join("/"))
            .map_err(|_| outside())
    }
}

impl fmt::Display for TableRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str())
    }
}

/// A URL of its own, and not a relative path in which a colon happens to stand.
fn absolute(logged: &str) -> Option<Url> {
    if logged.contains("://") || logged.starts_with("file:/") {
        Url::parse(logged).ok()
    } else {
        None
    }
}

/// Scheme and bucket or host; the Hadoop names of S3 are names of S3.
fn store_of(url: &Url) -> (&str, &str) {
    let scheme = match url.scheme() {
        "s3a" | "s3n" => "s3",
        other => other,
    };
    (scheme, url.authority())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(url: &str) -> TableRoot {
        TableRoot::from_url(Url::parse(url).unwrap()).unwrap()
    }

    #[test]
    fn a_relative_path_is_decoded_once() {
        let root = root("file:///lake/t");
        for (logged, file) in [
            ("part-0.parquet", "lake/t/part-0.parquet"),
            ("p=a%20b/x.parquet", "lake/t/p=a b/x.parquet"),
            ("p=a%2520b/x.parquet", "lake/t/p=a%20b/x.parquet"),
            ("p=10:00/x.parquet", "lake/t/p=10:00/x.parquet"),
            ("file:/lake/t/x.parquet", "lake/t/x.parquet"),
            ("/lake/t/x.parquet", "lake/t/x.parquet"),
        ] {
            assert_eq!(root.file(logged).unwrap().as_ref(), file, "{logged}");
        }
    }

    #[test]
    fn a_file_outside_the_folder_is_refused_by_name() {
        let root = root("s3://bucket/lake/t");
        assert!(root.file("s3a://bucket/lake/t/x.parquet").is_ok());
        for logged in [
            "../u/x.parquet",
            "s3://bucket/lake/u/x.parquet",
            "s3://other/lake/t/x.parquet",
            "file:///etc/passwd",
            "/lake/u/x.parquet",
        ] {
            assert!(matches!(root.file(logged), Err(Error::UnsupportedFeature { .. })), "{logged}");
        }
    }

    #[test]
    fn a_link_is_followed_as_far_as_it_leads() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("a b"), folder.path().join("link"));
        std::fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        for below in ["", "not/there/yet"] {
            let at = |folder: &std::path::Path| {
                TableRoot::parse(&format!("{}/{below}", folder.display())).unwrap()
            };
            assert_eq!(at(&link).followed(), at(&real), "{below}");
            assert_ne!(at(&link), at(&real), "{below}");
        }
        for elsewhere in ["file:///no/such/folder/", "s3://bucket/a/"] {
            assert_eq!(root(elsewhere).followed(), root(elsewhere));
        }
    }

    #[test]
    fn the_store_is_named_as_sessions_register_it() {
        assert_eq!(root("file:///a/b").object_store_url().unwrap().as_str(), "file:///");
        assert_eq!(root("s3://bucket/a").object_store_url().unwrap().as_str(), "s3://bucket/");
    }
}
