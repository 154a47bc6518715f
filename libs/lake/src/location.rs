//! Where a table's files lie: a file, a folder or a glob.

use std::fmt;
use std::path::{Path, PathBuf};

use datafusion::datasource::listing::ListingTableUrl;

use crate::Error;

/// Characters that make a path a glob.
const GLOB_CHARACTERS: [char; 3] = ['*', '?', '['];

/// A location as the catalog keeps it: absolute, whatever folder the server was started in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    text: String,
}

impl Location {
    /// Reads a location as a person writes it: an absolute or relative path, a `file://` URL, with
    /// or without glob characters.
    ///
    /// # Errors
    /// [`Error::UnknownScheme`] for a URL of another scheme, [`Error::LocationNotFound`] where no
    /// file or folder is, or a glob's fixed part does not exist.
    pub fn resolve(written: &str) -> Result<Self, Error> {
        let path = local_path(written)?;
        let absolute = std::path::absolute(&path)
            .map_err(|_| Error::LocationNotFound { location: written.to_string() })?;
        if !fixed_part(&absolute).exists() {
            return Err(Error::LocationNotFound { location: written.to_string() });
        }
        Ok(Self { text: absolute.to_string_lossy().into_owned() })
    }

    /// A location that [`Location::resolve`] returned earlier, read back from the catalog.
    pub fn stored(text: &str) -> Self {
        Self { text: text.to_string() }
    }

    /// The text that the catalog keeps.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it names exactly one file.
    pub(crate) fn is_single_file(&self) -> bool {
        !self.is_glob() && Path::new(&self.text).is_file()
    }

    /// Whether it is a pattern.
    pub(crate) fn is_glob(&self) -> bool {
        self.text.contains(GLOB_CHARACTERS)
    }

    /// The location as a listing reads it.
    ///
    /// # Errors
    /// [`Error::MalformedLocation`] for what is neither a path nor a pattern.
    pub(crate) fn listing_url(&self) -> Result<ListingTableUrl, Error> {
        ListingTableUrl::parse(&self.text)
            .map_err(|source| Error::MalformedLocation { location: self.text.clone(), source })
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
