//! Where a table's files lie: a file, a folder or a glob, on this machine or in an object store.

use std::fmt;
use std::path::{Path, PathBuf};

use datafusion::datasource::listing::ListingTableUrl;
use datafusion::error::DataFusionError;
use datafusion::execution::runtime_env::RuntimeEnv;
use object_store::ObjectStoreExt;

use crate::Error;
use crate::store::StoreUrl;

/// Characters that make a path a glob.
const GLOB_CHARACTERS: [char; 3] = ['*', '?', '['];

/// A location as the catalog keeps it: absolute, whatever folder the server was started in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    text: String,
}

impl Location {
    /// Reads a location as a person writes it, and looks whether it is there: both
    /// [`Location::read`] and [`Location::existing`].
    ///
    /// # Errors
    /// As those.
    pub fn resolve(written: &str) -> Result<Self, Error> {
        Self::read(written)?.existing()
    }

    /// Reads a location as a person writes it: an absolute or relative path, a `file://` URL or one
    /// of an object store, with or without glob characters. Nothing is looked at.
    ///
    /// # Errors
    /// [`Error::UnknownScheme`] for a URL of another scheme, [`Error::LocationNotFound`] for an
    /// empty text, and as [`StoreUrl::parse`].
    pub fn read(written: &str) -> Result<Self, Error> {
        if let Some(url) = StoreUrl::parse(written)? {
            return Ok(Self { text: url.to_string() });
        }
        let path = local_path(written)?;
        let absolute = std::path::absolute(&path)
            .map_err(|_| Error::LocationNotFound { location: written.to_string() })?;
        Ok(Self { text: absolute.to_string_lossy().into_owned() })
    }

    /// The same location, if it is there as far as this machine can tell: objects are looked for
    /// when a table is made of them.
    ///
    /// # Errors
    /// [`Error::LocationNotFound`] where no local file or folder is, or a glob's fixed part does
    /// not exist.
    pub fn existing(self) -> Result<Self, Error> {
        if !self.is_remote() && !fixed_part(Path::new(&self.text)).exists() {
            return Err(Error::LocationNotFound { location: self.text });
        }
        Ok(self)
    }

    /// A location that [`Location::resolve`] returned earlier, read back from the catalog.
    pub fn stored(text: &str) -> Self {
        Self { text: text.to_string() }
    }

    /// The text that the catalog keeps.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The location with a `/` at its end where it is a folder of an object store: there, only the
    /// objects tell whether a name is one or stands before many.
    ///
    /// # Errors
    /// The store does not answer.
    pub(crate) async fn settle(self, runtime: &RuntimeEnv) -> Result<Self, Error> {
        let is_open = self.is_remote() && !self.is_glob() && !self.text.ends_with('/');
        if !is_open {
            return Ok(self);
        }
        let url = self.listing_url()?;
        let unlistable = |source| Error::Unlistable { location: self.text.clone(), source };
        let store = runtime.object_store(&url).map_err(unlistable)?;
        match store.head(url.prefix()).await {
            Ok(_) => Ok(self),
            Err(object_store::Error::NotFound { .. }) if !self.text.starts_with("http") => {
                Ok(Self { text: format!("{}/", self.text) })
            }
            Err(source) => Err(Error::Store { url: self.text, source }),
        }
    }

    /// The path on this machine before the first part that is a pattern; `None` in an object store.
    pub fn local_path(&self) -> Option<PathBuf> {
        (!self.is_remote()).then(|| fixed_part(Path::new(&self.text)))
    }

    /// Whether it lies in an object store.
    pub fn is_remote(&self) -> bool {
        self.text.contains("://")
    }

    /// Whether it names exactly one file.
    pub(crate) fn is_single_file(&self) -> bool {
        let is_file = match self.is_remote() {
            true => !self.text.ends_with('/'),
            false => Path::new(&self.text).is_file(),
        };
        is_file && !self.is_glob()
    }

    /// Whether it is a pattern.
    pub(crate) fn is_glob(&self) -> bool {
        self.text.contains(GLOB_CHARACTERS)
    }

    /// Whether it is a pattern that names what other programs hide: files and folders whose names
    /// begin with `_` or `.`.
    pub(crate) fn names_hidden(&self) -> bool {
        let first = self.text.find(GLOB_CHARACTERS).unwrap_or(self.text.len());
        let begin = self.text[..first].rfind('/').map_or(0, |slash| slash + 1);
        self.is_glob() && self.text[begin..].split('/').any(|part| part.starts_with(['_', '.']))
    }

    /// The location as a listing reads it.
    ///
    /// # Errors
    /// [`Error::MalformedLocation`] for what is neither a path nor a pattern.
    pub(crate) fn listing_url(&self) -> Result<ListingTableUrl, Error> {
        let parsed = match self.is_remote() && self.is_glob() {
            true => self.remote_glob(),
            false => ListingTableUrl::parse(&self.text),
        };
        parsed.map_err(|source| Error::MalformedLocation { location: self.text.clone(), source })
    }

    /// A pattern in an object store: the folder before its first component that is one, and the
    /// rest.
    fn remote_glob(&self) -> Result<ListingTableUrl, DataFusionError> {
        let external =
            |error: Box<dyn std::error::Error + Send + Sync>| DataFusionError::External(error);
        let first = self.text.find(GLOB_CHARACTERS).unwrap_or(self.text.len());
        let folder = self.text[..first].rfind('/').map_or(first, |slash| slash + 1);
        let (folder, pattern) = self.text.split_at(folder);
        let url = url::Url::parse(folder).map_err(|error| external(error.into()))?;
        let pattern = glob::Pattern::new(pattern).map_err(|error| external(error.into()))?;
        ListingTableUrl::try_new(url, Some(pattern))
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The local path that `written` means.
fn local_path(written: &str) -> Result<PathBuf, Error> {
    let Some((scheme, rest)) = written.split_once("://") else {
        return if written.trim().is_empty() {
            Err(Error::LocationNotFound { location: written.to_string() })
        } else {
            Ok(PathBuf::from(written))
        };
    };
    if !scheme.eq_ignore_ascii_case("file") {
        return Err(Error::UnknownScheme {
            scheme: scheme.to_string(),
            location: written.to_string(),
        });
    }
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    if !path.starts_with('/') {
        return Err(Error::LocationNotFound { location: written.to_string() });
    }
    let decoded = match url::Url::parse(&format!("file://{path}")).map(|url| url.to_file_path()) {
        Ok(Ok(decoded)) if !path.contains(GLOB_CHARACTERS) => decoded,
        _ => PathBuf::from(path),
    };
    Ok(decoded)
}

/// The folders and file before the first component that is a pattern.
fn fixed_part(path: &Path) -> PathBuf {
    path.components()
        .take_while(|component| !component.as_os_str().to_string_lossy().contains(GLOB_CHARACTERS))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheme_that_no_store_serves_is_refused_by_name() {
        let refused = Location::resolve("ftp://host/file.parquet");
        assert!(matches!(refused, Err(Error::UnknownScheme { scheme, .. }) if scheme == "ftp"));
    }

    #[test]
    fn a_missing_path_and_an_empty_one_are_not_found() {
        for written in ["/no/such/folder", "", "file://relative/path", "/no/such/*.csv"] {
            assert!(
                matches!(Location::resolve(written), Err(Error::LocationNotFound { .. })),
                "{written}"
            );
        }
    }

    #[test]
    fn a_path_and_its_file_url_are_one_location() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_string_lossy().into_owned();
        assert_eq!(
            Location::resolve(&path).unwrap(),
            Location::resolve(&format!("file://{path}")).unwrap()
        );
    }
}
