//! Secrets that are given in the environment, directly or as the name of a file.

use std::env::VarError;
use std::path::PathBuf;

use super::Error;

/// The value of the variable `NAME`, or the content of the file that `NAME_FILE` names, without a
/// newline at its end. An empty variable counts as not given.
///
/// # Errors
/// Both are given, the value is no text, or the file cannot be read.
pub fn from_environment(name: &str) -> Result<Option<String>, Error> {
    read(name, |variable| std::env::var(variable))
}

fn read<F>(name: &str, lookup: F) -> Result<Option<String>, Error>
where
    F: Fn(&str) -> Result<String, VarError>,
{
    let given = |variable: &str| match lookup(variable) {
        Ok(value) if value.is_empty() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(Error::NotText { variable: variable.to_string() }),
    };
    match (given(name)?, given(&format!("{name}_FILE"))?) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(Error::GivenTwice { variable: name.to_string() }),
        (Some(value), None) => Ok(Some(without_newline(&value))),
        (None, Some(path)) => {
            let path = PathBuf::from(path);
            let value = std::fs::read_to_string(&path)
                .map_err(|source| Error::Read { path: path.clone(), source })?;
            Ok(Some(without_newline(&value)))
        }
    }
}

/// Only the newline goes: a password may end with a blank.
fn without_newline(text: &str) -> String {
    text.strip_suffix('\n')
        .map(|text| text.strip_suffix('\r').unwrap_or(text))
        .unwrap_or(text)
        .to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn read_from(pairs: &[(&str, &str)]) -> Result<Option<String>, Error> {
        let variables: BTreeMap<_, _> = pairs.iter().copied().collect();
        read("TOKEN", |name| {
            variables.get(name).map(ToString::to_string).ok_or(VarError::NotPresent)
        })
    }

    #[test]
    fn a_value_comes_from_the_variable_or_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "from file \n").unwrap();
        let path = path.to_str().unwrap();
        assert_eq!(read_from(&[]).unwrap(), None);
        assert_eq!(read_from(&[("TOKEN", "")]).unwrap(), None);
        assert_eq!(read_from(&[("TOKEN", "direct")]).unwrap().as_deref(), Some("direct"));
        assert_eq!(read_from(&[("TOKEN_FILE", path)]).unwrap().as_deref(), Some("from file "));
    }

    #[test]
    fn both_at_once_are_refused() {
        let error = read_from(&[("TOKEN", "a"), ("TOKEN_FILE", "b")]).unwrap_err();
        assert_eq!(error.to_string(), "both TOKEN and TOKEN_FILE are given");
    }

    #[test]
    fn a_file_that_is_missing_is_named() {
        let error = read_from(&[("TOKEN_FILE", "no/such/file")]).unwrap_err();
        assert!(error.to_string().contains("no/such/file"), "{error}");
    }
}
