//! Reads one layer of a configuration: a file, the environment, or flags.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use figment::providers::{Format, Toml};
use figment::value::{Dict, Value};

use crate::nearest::nearest;

use super::fault::{Fault, Source};
use super::{ENVIRONMENT_PREFIX, KnownKey, OTHER_VARIABLES};

/// A value that somebody gave for a setting.
#[derive(Debug, Clone)]
pub(super) struct Given {
    /// The value, typed as its text looks.
    pub(super) value: Value,
    /// The text as written, where the layer has only texts: `007` may be a name and no number.
    pub(super) text: Option<String>,
    /// Where it was given.
    pub(super) source: Source,
}

impl Given {
    /// A value that is known as a text only.
    pub(super) fn from_text(text: &str, source: Source) -> Self {
        let value = text.parse().unwrap_or_else(|never: std::convert::Infallible| match never {});
        Self { value, text: Some(text.to_string()), source }
    }
}

/// What one layer holds.
#[derive(Debug, Default)]
pub(super) struct Read<'k> {
    pub(super) given: Vec<(&'k str, Given)>,
    pub(super) faults: Vec<Fault>,
}

impl<'k> Read<'k> {
    /// Takes a text for a key, or a fault where nobody knows the key. `shown` turns a key into
    /// what the reader would have to write in this layer.
    fn text(
        &mut self,
        keys: &'k [KnownKey],
        key: &str,
        text: &str,
        source: Source,
        shown: impl Fn(&KnownKey) -> String,
    ) {
        match keys.iter().find(|known| known.key == key) {
            Some(known) => self.given.push((known.key, Given::from_text(text, source))),
            None => self.faults.push(unknown(keys, key, source, shown)),
        }
    }
}

fn unknown(
    keys: &[KnownKey],
    key: &str,
    source: Source,
    shown: impl Fn(&KnownKey) -> String,
) -> Fault {
    let near = nearest(key, keys.iter().map(|known| known.key));
    let near = near.and_then(|near| keys.iter().find(|known| known.key == near));
    Fault {
        key: key.to_string(),
        source,
        reason: "is not a setting".to_string(),
        hint: near.map(|known| format!("did you mean {}?", shown(known))),
    }
}

/// Reads a TOML file.
pub(super) fn from_file<'k>(path: &Path, keys: &'k [KnownKey]) -> Read<'k> {
    let source = Source::File(path.to_path_buf());
    let whole = |reason: String| Read {
        given: Vec::new(),
        faults: vec![Fault { key: String::new(), source: source.clone(), reason, hint: None }],
    };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => return whole(format!("cannot be read: {error}")),
    };
    match <Toml as Format>::from_str::<Dict>(&text) {
        Ok(dict) => {
            let mut read = Read::default();
            flatten("", dict, keys, &source, &mut read);
            read
        }
        Err(error) => {
            let line = error.span().map(|span| 1 + text[..span.start].matches('\n').count());
            let place = line.map(|line| format!(" in line {line}")).unwrap_or_default();
            whole(format!("is not TOML{place}: {}", error.message()))
        }
    }
}

/// Takes the known keys out of nested tables. A known key may itself hold a table.
fn flatten<'k>(
    prefix: &str,
    dict: Dict,
    keys: &'k [KnownKey],
    source: &Source,
    read: &mut Read<'k>,
) {
    for (name, value) in dict {
        let key = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
        let section = format!("{key}.");
        if let Some(known) = keys.iter().find(|known| known.key == key) {
            let given = Given { value, text: None, source: source.clone() };
            read.given.push((known.key, given));
        } else if keys.iter().any(|known| known.key.starts_with(&section)) {
            match value {
                Value::Dict(_, inner) => flatten(&key, inner, keys, source, read),
                _ => read.faults.push(Fault {
                    key,
                    source: source.clone(),
                    reason: "is a section of settings and takes no value itself".to_string(),
                    hint: None,
                }),
            }
        } else {
            let shown = |known: &KnownKey| known.key.to_string();
            read.faults.push(unknown(keys, &key, source.clone(), shown));
        }
    }
}

/// Reads the variables that begin with the prefix. An empty one counts as not given, because that
/// is how container files write an optional variable.
pub(super) fn from_environment<'k, I>(
    variables: I,
    others: &[&str],
    keys: &'k [KnownKey],
) -> Read<'k>
where
    I: IntoIterator<Item = (OsString, OsString)>,
{
    let mut read = Read::default();
    let mut settings = BTreeMap::new();
    for (name, value) in variables {
        let Some(name) = name.to_str().filter(|name| name.starts_with(ENVIRONMENT_PREFIX)) else {
            continue;
        };
        let known_elsewhere = OTHER_VARIABLES.contains(&name) || others.contains(&name);
        if !known_elsewhere && !value.is_empty() && !is_service_link(name, &value) {
            settings.insert(name.to_string(), value);
        }
    }
    for (name, value) in settings {
        let key = name[ENVIRONMENT_PREFIX.len()..].to_lowercase().replace("__", ".");
        let source = Source::Environment(name);
        match value.to_str() {
            Some(text) => read.text(keys, &key, text, source, KnownKey::variable),
            None => {
                let reason = "is not valid UTF-8".to_string();
                read.faults.push(Fault { key, source, reason, hint: None });
            }
        }
    }
    read
}

/// Whether Kubernetes set this variable to tell of a service whose name begins with `lakegate`.
/// It does so in every pod of the namespace, and nobody asked for it.
fn is_service_link(name: &str, value: &OsString) -> bool {
    let address = value.to_str().is_some_and(|text| {
        text.starts_with("tcp://") || text.starts_with("udp://") || text.starts_with("sctp://")
    });
    let port_detail = name.split_once("_PORT_").is_some_and(|(_, rest)| {
        let number = rest.split('_').next().unwrap_or_default();
        !number.is_empty() && number.chars().all(|c| c.is_ascii_digit())
    });
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || (name.ends_with("_PORT") && address)
        || port_detail
}

/// Reads the flags, which are already by key.
pub(super) fn from_flags<'k>(flags: BTreeMap<String, String>, keys: &'k [KnownKey]) -> Read<'k> {
    let mut read = Read::default();
    for (key, text) in flags {
        read.text(keys, &key, &text, Source::Flag, |known| known.key.to_string());
    }
    read
}
