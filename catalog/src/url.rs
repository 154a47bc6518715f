//! Where a catalog lies.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use lakegate_common::secret::Secret;
use sqlx::postgres::PgConnectOptions;

use crate::error::Error;

/// Where a catalog lies: a SQLite file or a PostgreSQL database.
///
/// It prints without the password.
#[derive(Clone)]
pub struct CatalogUrl {
    place: Place,
}

#[derive(Clone)]
pub(crate) enum Place {
    Sqlite(PathBuf),
    Postgres(Box<PgConnectOptions>),
}

impl CatalogUrl {
    /// A SQLite file.
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        Self { place: Place::Sqlite(path.into()) }
    }

    /// The same database with this password; a file has none.
    #[must_use]
    pub fn with_password(self, password: &Secret) -> Self {
        let place = match self.place {
            Place::Postgres(options) => {
                Place::Postgres(Box::new(options.password(password.expose())))
            }
            file @ Place::Sqlite(_) => file,
        };
        Self { place }
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }
}

impl FromStr for CatalogUrl {
    type Err = Error;

    /// Reads `sqlite:PATH` or `postgres://USER@HOST:PORT/DATABASE`, with the parameters that libpq
    /// knows, such as `?sslmode=verify-full`. What the text does not say is taken from the
    /// variables that libpq knows, such as `PGPASSWORD`.
    fn from_str(text: &str) -> Result<Self, Error> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() {
                return Err(Error::InvalidUrl { reason: "names no file" });
            }
            return Ok(Self::sqlite(path));
        }
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            let reason = "begins neither with sqlite: nor with postgres://";
            return Err(Error::InvalidUrl { reason });
        }
        // The library's reason is left out: it may repeat the password.
        let options: PgConnectOptions =
            text.parse().map_err(|_| Error::InvalidUrl { reason: "cannot be read" })?;
        Ok(Self { place: Place::Postgres(Box::new(options.application_name("lakegate"))) })
    }
}

impl From<&Path> for CatalogUrl {
    fn from(path: &Path) -> Self {
        Self::sqlite(path)
    }
}

impl From<PathBuf> for CatalogUrl {
    fn from(path: PathBuf) -> Self {
        Self::sqlite(path)
    }
}

impl From<&PathBuf> for CatalogUrl {
    fn from(path: &PathBuf) -> Self {
        Self::sqlite(path)
    }
}

impl fmt::Display for CatalogUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Sqlite(path) => write!(f, "{}", path.display()),
            Place::Postgres(options) => {
                let host = match options.get_socket() {
                    Some(folder) => folder.display().to_string(),
                    None => options.get_host().to_string(),
                };
                let database = options.get_database().unwrap_or(options.get_username());
                write!(f, "postgres://{host}:{}/{database}", options.get_port())
            }
        }
    }
}

impl fmt::Debug for CatalogUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CatalogUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_databases_are_told_apart_and_shown_without_the_password() {
        let shown = |text: &str| text.parse::<CatalogUrl>().unwrap().to_string();
        assert_eq!(shown("sqlite:/data/catalog.db"), "/data/catalog.db");
        assert_eq!(shown("sqlite:///data/catalog.db"), "/data/catalog.db");
        assert_eq!(shown("sqlite:catalog.db"), "catalog.db");
        let url = "postgres://lakegate:hunter2@db.example:6543/catalog";
        assert_eq!(shown(url), "postgres://db.example:6543/catalog");
        let url: CatalogUrl = url.parse().unwrap();
        let url = url.with_password(&Secret::from_text("hunter3"));
        assert!(!format!("{url:?} {url}").contains("hunter"));
    }

    #[test]
    fn other_texts_are_refused_without_being_repeated() {
        for text in ["", "sqlite:", "mysql://x:hunter2@y/z", "postgres://x:hunter2@y:port/z"] {
            let error = text.parse::<CatalogUrl>().unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}
