//! Whether a value is what a schema of the document says. A keyword that is not known here fails
//! the test, so that nothing is taken for checked that was not.

use serde_json::Value;

/// Keywords that say nothing about a value.
const SILENT: [&str; 6] = ["description", "example", "examples", "writeOnly", "title", "default"];

/// Checks `value`, which lies at `at`, against `schema` of `document`.
///
/// # Panics
/// When it is not what the schema says.
pub(crate) fn check(document: &Value, schema: &Value, value: &Value, at: &str) {
    if let Err(fault) = faults(document, schema, value, at) {
        panic!("{fault}");
    }
}

fn faults(document: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let rules = schema.as_object().unwrap_or_else(|| panic!("{at}: no schema: {schema}"));
    for (keyword, rule) in rules {
        match keyword.as_str() {
            "$ref" => faults(document, referred(document, rule), value, at)?,
            "type" if !is_of(rule, value) => {
                return Err(format!("{at} must be {rule} and is {value}"));
            }
            "format" if value.is_string() || value.is_number() => format_of(rule, value, at)?,
            "minimum" if value.as_f64().is_some_and(|number| number < rule.as_f64().unwrap()) => {
                return Err(format!("{at} must be {rule} at least and is {value}"));
            }
            "enum" if !rule.as_array().unwrap().contains(value) => {
                return Err(format!("{at} must be one of {rule} and is {value}"));
            }
            "oneOf" => {
                let schemas = rule.as_array().unwrap().iter();
                let fits = schemas.filter(|one| faults(document, one, value, at).is_ok()).count();
                if fits != 1 {
                    return Err(format!("{at} fits {fits} of {rule}: {value}"));
                }
            }
            "required" if value.is_object() => {
                for name in rule.as_array().unwrap() {
                    if value.get(name.as_str().unwrap()).is_none() {
                        return Err(format!("{at} has no {name}"));
                    }
                }
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    faults(document, rule, item, &format!("{at}[{index}]"))?;
                }
            }
            "properties" | "additionalProperties" | "propertyNames" => {}
            "type" | "format" | "minimum" | "enum" | "required" => {}
            silent if SILENT.contains(&silent) => {}
            unknown => panic!("{at}: the keyword {unknown} is not checked"),
        }
    }
    members(document, schema, value, at)
}

/// Members must be described; the document says so itself where any are allowed.
fn members(document: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let is_described = schema.get("properties").is_some()
        || schema["type"] == "object" && schema.get("additionalProperties").is_some();
    for (name, member) in value.as_object().into_iter().flatten() {
        let at = format!("{at}.{name}");
        match (schema["properties"].get(name), schema.get("additionalProperties")) {
            (Some(rule), _) => faults(document, rule, member, &at)?,
            (None, Some(rule)) if rule.is_object() => faults(document, rule, member, &at)?,
            _ if is_described => return Err(format!("{at} is not described")),
            _ => {}
        }
    }
    Ok(())
}

fn referred<'d>(document: &'d Value, reference: &Value) -> &'d Value {
    let pointer = reference.as_str().unwrap().strip_prefix('#').unwrap();
    document.pointer(pointer).unwrap_or_else(|| panic!("{reference} leads nowhere"))
}

fn is_of(rule: &Value, value: &Value) -> bool {
    let is = |name: &Value| match name.as_str().unwrap() {
        "null" => value.is_null(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other} is no type"),
    };
    rule.as_array().map_or_else(|| is(rule), |names| names.iter().any(is))
}

fn format_of(rule: &Value, value: &Value, at: &str) -> Result<(), String> {
    let text = value.as_str().unwrap_or_default();
    let fits = match rule.as_str().unwrap() {
        "uuid" => {
            text.len() == 36
                && text.bytes().enumerate().all(|(index, byte)| match index {
                    8 | 13 | 18 | 23 => byte == b'-',
                    _ => byte.is_ascii_hexdigit(),
                })
        }
        "date-time" => text.len() == 24 && text.ends_with('Z') && text.as_bytes()[10] == b'T',
        "int32" | "int64" => value.is_i64() || value.is_u64(),
        other => panic!("{at}: the format {other} is not checked"),
    };
    if fits { Ok(()) } else { Err(format!("{at} is no {rule}: {value}")) }
}
