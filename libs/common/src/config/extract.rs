//! Turns the values of all layers into the struct of a process, key by key.
//!
//! serde stops at the first value it cannot take. So that one wrong value does not hide the next,
//! a refused value is noted, replaced by its default, and the struct is read again.

use std::collections::BTreeMap;

use figment::value::{Dict, Value};
use serde::de::DeserializeOwned;

use super::fault::{Fault, Source};
use super::layer::Given;
use super::{Fallback, KnownKey};

/// Reads the struct. `None` where even the defaults do not make one; the faults say why.
pub(super) fn extract<T: DeserializeOwned>(
    keys: &[KnownKey],
    given: &BTreeMap<&str, Given>,
    faults: &mut Vec<Fault>,
) -> Option<T> {
    let mut values: BTreeMap<&str, Given> = BTreeMap::new();
    for known in keys {
        if let Some(given) = given.get(known.key) {
            values.insert(known.key, given.clone());
            continue;
        }
        if let Fallback::Required { example } = known.fallback {
            faults.push(Fault {
                key: known.key.to_string(),
                source: Source::Default,
                reason: "is required and was not given".to_string(),
                hint: Some(format!("for example {example}")),
            });
        }
        if let Some(value) = fallback(known) {
            values.insert(known.key, value);
        }
    }
    // BOUND: every pass turns one typed value into its text or one given value into its default.
    loop {
        let error = match T::deserialize(&tree(keys, &values)) {
            Ok(config) => return Some(config),
            Err(error) => error,
        };
        let path = error.path.join(".");
        let reason = error.kind.to_string();
        let Some(known) = keys.iter().find(|known| covers(known.key, &path)) else {
            faults.push(Fault { key: path, source: Source::Default, reason, hint: None });
            return None;
        };
        if !replace(known, &mut values, reason, faults) {
            return None;
        }
    }
}

/// Whether the value of `key` holds what lies at `path`.
fn covers(key: &str, path: &str) -> bool {
    path.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Replaces a refused value by the next that may do: its own text, then the default. `false` where
/// nothing is left to try.
fn replace<'k>(
    known: &'k KnownKey,
    values: &mut BTreeMap<&'k str, Given>,
    reason: String,
    faults: &mut Vec<Fault>,
) -> bool {
    if let Some(given) = values.get_mut(known.key)
        && let Some(text) = given.text.take()
        && given.value.as_str() != Some(text.as_str())
    {
        given.value = Value::from(text);
        return true;
    }
    let refused = values.remove(known.key);
    let source = refused.map_or(Source::Default, |given| given.source);
    let was_default = source == Source::Default;
    faults.push(Fault { key: known.key.to_string(), source, reason, hint: None });
    if was_default {
        return false;
    }
    if let Some(value) = fallback(known) {
        values.insert(known.key, value);
    }
    true
}

fn fallback(known: &KnownKey) -> Option<Given> {
    match known.fallback {
        Fallback::Text(text) | Fallback::Required { example: text } => {
            Some(Given::from_text(text, Source::Default))
        }
        Fallback::Unset => None,
    }
}

/// The values as nested tables. Every section is there, also one whose settings are all unset.
fn tree(keys: &[KnownKey], values: &BTreeMap<&str, Given>) -> Value {
    let mut root = Dict::new();
    for known in keys {
        let value = values.get(known.key).map(|given| given.value.clone());
        place(&mut root, known.key, value);
    }
    Value::from(root)
}

fn place(dict: &mut Dict, key: &str, value: Option<Value>) {
    let Some((section, rest)) = key.split_once('.') else {
        if let Some(value) = value {
            dict.insert(key.to_string(), value);
        }
        return;
    };
    let entry = dict.entry(section.to_string()).or_insert_with(|| Value::from(Dict::new()));
    if let Value::Dict(_, inner) = entry {
        place(inner, rest, value);
    }
}
