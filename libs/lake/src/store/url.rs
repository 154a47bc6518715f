//! URLs of objects: a store, and a path in it.

use std::fmt;

use ::url::Url;
use lakegate_common::secret::without_secrets_of_urls;

use super::StoreKind;
use crate::Error;

/// A URL below which objects lie, such as `s3://bucket/folder/`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StoreUrl {
    kind: StoreKind,
    url: Url,
}

impl StoreUrl {
    /// Reads a URL of a store that Lakegate serves; `None` for a text that is no URL, and for
    /// `file://`.
    ///
    /// # Errors
    /// [`Error::UnknownScheme`] for another scheme, [`Error::MalformedUrl`] for a URL without a
    /// bucket, or with a user, a query or steps such as `..` in it.
    pub fn parse(written: &str) -> Result<Option<Self>, Error> {
        let Some((scheme, rest)) = written.split_once("://") else { return Ok(None) };
        if scheme.eq_ignore_ascii_case("file") {
            return Ok(None);
        }
        let kind = StoreKind::of_scheme(scheme).ok_or_else(|| Error::UnknownScheme {
            scheme: scheme.to_string(),
            location: without_secrets_of_urls(written).into_owned(),
        })?;
        let malformed = |reason: &str| Error::MalformedUrl {
            url: without_secrets_of_urls(written).into_owned(),
            reason: reason.to_string(),
        };
        // Paths are taken as they are written; the parser would resolve steps without a word.
        let path = rest.split_once('/').map_or("", |(_, path)| path);
        let is_step = |part: &str| {
            matches!(part.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..")
        };
        if path.split('/').any(is_step) {
            return Err(malformed("a path has no steps"));
        }
        let url = Url::parse(written).map_err(|error| malformed(&error.to_string()))?;
        if url.host_str().is_none_or(str::is_empty) {
            return Err(malformed("the bucket is missing"));
        }
        if url.password().is_some() || (!url.username().is_empty() && kind != StoreKind::Azure) {
            return Err(malformed("keys belong into a credential"));
        }
        if url.query().is_some() && kind != StoreKind::Http {
            return Err(malformed("a location has no query"));
        }
        if url.fragment().is_some() {
            return Err(malformed("a location has no fragment"));
        }
        Ok(Some(Self { kind, url }))
    }

    /// The URL of `path` in a bucket such as `s3://bucket`. Names of objects may hold what has a
    /// meaning in a URL, so they are escaped.
    ///
    /// # Errors
    /// As [`StoreUrl::parse`] of the bucket; [`Error::NoAccess`] for a bucket of no store.
    pub(super) fn of_path(bucket: &str, path: &str) -> Result<Self, Error> {
        let no_access = || Error::NoAccess { url: format!("{bucket}/{path}") };
        let mut of = Self::parse(bucket)?.ok_or_else(no_access)?;
        let mut segments = of.url.path_segments_mut().map_err(|()| no_access())?;
        segments.clear().extend(path.split('/'));
        drop(segments);
        Ok(of)
    }

    /// The kind of store.
    pub fn kind(&self) -> StoreKind {
        self.kind
    }

    /// The whole URL.
    pub fn as_str(&self) -> &str {
        self.url.as_str()
    }

    /// The URL up to the path: one store of DataFusion's registry.
    pub fn bucket(&self) -> &str {
        &self.url[..::url::Position::BeforePath]
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_stores_are_told_from_paths() {
        for (written, kind, bucket) in [
            ("s3://lake/raw/", StoreKind::S3, "s3://lake"),
            ("gs://lake/x.parquet", StoreKind::Gcs, "gs://lake"),
            ("az://container/x/", StoreKind::Azure, "az://container"),
            (
                "abfss://container@account.dfs.core.windows.net/x",
                StoreKind::Azure,
                "abfss://container@account.dfs.core.windows.net",
            ),
            ("https://host:8443/x.csv", StoreKind::Http, "https://host:8443"),
        ] {
            let url = StoreUrl::parse(written).unwrap().unwrap();
            assert_eq!((url.kind(), url.bucket()), (kind, bucket), "{written}");
        }
        for written in ["/data/x.parquet", "x", "file:///data"] {
            assert_eq!(StoreUrl::parse(written).unwrap(), None, "{written}");
        }
    }

    #[test]
    fn names_of_objects_may_hold_anything() {
        for (path, url) in [
            ("raw/x.parquet", "s3://lake/raw/x.parquet"),
            ("raw/a?b#c", "s3://lake/raw/a%3Fb%23c"),
            ("raw/a%20b/%2e%2e", "s3://lake/raw/a%2520b/%252e%252e"),
            ("raw/folder/", "s3://lake/raw/folder/"),
        ] {
            assert_eq!(StoreUrl::of_path("s3://lake", path).unwrap().as_str(), url, "{path}");
        }
    }

    #[test]
    fn urls_that_hide_something_are_refused() {
        for written in [
            "s3://lake/a/../b",
            "s3://lake/a/%2E%2e/b",
            "s3://",
            "s3:///x",
            "s3://key:secret@lake/x",
            "s3://lake/x?versionId=1",
            "s3://lake/x#part",
        ] {
            let refused = StoreUrl::parse(written).unwrap_err().to_string();
            assert!(!refused.contains("secret"), "{refused}");
        }
        assert!(matches!(
            StoreUrl::parse("ftp://host/x"),
            Err(Error::UnknownScheme { scheme, .. }) if scheme == "ftp"
        ));
    }
}
