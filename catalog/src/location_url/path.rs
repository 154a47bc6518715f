//! The path of a URL as segments.

use super::ParseLocationUrlError;

/// How often an escape may stand for another escape. Nobody escapes more often but to hide.
const ROUNDS_MAX: usize = 4;

/// The segments of a URL's path, without escapes.
pub(super) fn segments(path: &str) -> Result<Vec<String>, ParseLocationUrlError> {
    let segments = segments_of_object(path)?;
    segments.iter().try_for_each(|segment| check_deeper(segment))?;
    Ok(segments)
}

/// The same of an object's URL: what is an escape still is part of the object's name.
pub(super) fn segments_of_object(path: &str) -> Result<Vec<String>, ParseLocationUrlError> {
    if path.contains('#') {
        return Err(ParseLocationUrlError::new("has a fragment"));
    }
    cut(path, decode)
}

/// The segments of a path that is no URL: what looks like an escape is none.
pub(super) fn plain_segments(path: &str) -> Result<Vec<String>, ParseLocationUrlError> {
    cut(path, |segment| Ok(segment.to_string()))
}

fn cut(
    path: &str,
    read: impl Fn(&str) -> Result<String, ParseLocationUrlError>,
) -> Result<Vec<String>, ParseLocationUrlError> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.is_empty() {
        return Ok(Vec::new());
    }
    let segments = path.split('/').map(|segment| {
        let segment = read(segment)?;
        check(&segment)?;
        Ok(segment)
    });
    segments.collect()
}

/// Refuses a segment by which some store or file system leaves the path.
fn check(segment: &str) -> Result<(), ParseLocationUrlError> {
    let reason = match segment {
        // Some stores take two slashes for one.
        "" => "has an empty part between two slashes",
        "." | ".." => "has a part that is . or ..",
        _ if segment.contains('\\') => "has a backslash",
        _ if segment.contains('/') => "has an escaped slash",
        _ if segment.chars().any(char::is_control) => "has a control character",
        _ => return Ok(()),
    };
    Err(ParseLocationUrlError::new(reason))
}

/// Refuses a segment that becomes another one when somebody below takes the escapes out once more.
/// Escapes of characters that need them are left: names of partitions are full of them.
fn check_deeper(segment: &str) -> Result<(), ParseLocationUrlError> {
    let mut current = segment.to_string();
    for _ in 0..ROUNDS_MAX {
        // What is no escape here would not be taken out below either.
        let Ok(decoded) = decode_lossless(&current) else { return Ok(()) };
        if decoded == current {
            return Ok(());
        }
        if needless_escape(&current) {
            return Err(ParseLocationUrlError::new("escapes a letter that needs no escape"));
        }
        check(&decoded)?;
        current = decoded;
    }
    Err(ParseLocationUrlError::new("is escaped several times"))
}

fn decode(segment: &str) -> Result<String, ParseLocationUrlError> {
    if needless_escape(segment) {
        return Err(ParseLocationUrlError::new("escapes a letter that needs no escape"));
    }
    decode_lossless(segment).map_err(|()| ParseLocationUrlError::new("has a broken escape"))
}

/// The text with each `%XX` as the byte that it stands for.
fn decode_lossless(text: &str) -> Result<String, ()> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        if first != b'%' {
            bytes.push(first);
            rest = after;
            continue;
        }
        let digits = after.get(..2).ok_or(())?;
        bytes.push(byte_of(digits).ok_or(())?);
        rest = &after[2..];
    }
    String::from_utf8(bytes).map_err(|_| ())
}

fn byte_of(digits: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    match digits {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    }
}

/// Whether some escape stands for a letter, a digit or one of `-._~`.
fn needless_escape(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.iter().enumerate().any(|(at, byte)| {
        let escaped = bytes.get(at + 1..at + 3).and_then(byte_of);
        *byte == b'%' && escaped.is_some_and(is_unreserved)
    })
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// A segment as it stands in a URL.
pub(super) fn escaped(segment: &str) -> String {
    let must_be = |c: char| c == '%' || c == '#' || c == ' ' || c == '"' || c == '<' || c == '>';
    let mut text = String::with_capacity(segment.len());
    for character in segment.chars() {
        if must_be(character) {
            text.push_str(&format!("%{:02X}", u32::from(character)));
        } else {
            text.push(character);
        }
    }
    text
}
