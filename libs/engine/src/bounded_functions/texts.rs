//! What functions of texts make, in bytes.

use super::call::{Call, bytes};

/// What `lpad` and `rpad` fill with when nothing is given.
const FILL_DEFAULT: &str = " ";

/// `repeat(text, count)`.
pub(super) fn repeat(call: &Call<'_>) -> u64 {
    let made = call.sum(|row| match call.text(0, row) {
        Some(text) => bytes(text.len()).saturating_mul(call.count(1, row)),
        None => 0,
    });
    made.max(call.spread())
}

/// `lpad(text, length, fill)` and `rpad`.
pub(super) fn pad(call: &Call<'_>) -> u64 {
    let at_most = all_padded(call, |text, length, fill| {
        bytes(text.len()).saturating_add(length.saturating_mul(bytes(fill.len())))
    });
    // Characters are counted only where it may matter.
    let made = if at_most <= call.limit { at_most } else { all_padded(call, padded) };
    made.max(call.spread())
}

/// The sum of all results, where `size` tells the bytes of one.
fn all_padded(call: &Call<'_>, size: fn(&str, u64, &str) -> u64) -> u64 {
    call.sum(|row| {
        let length = call.count(1, row);
        let fill = if call.arguments.len() > 2 { call.text(2, row) } else { Some(FILL_DEFAULT) };
        // Memory for the length is taken before texts are looked at, so for NULL too.
        match (call.text(0, row), fill) {
            (Some(text), Some(fill)) => size(text, length, fill).max(length),
            _ => length,
        }
    })
}

/// The bytes of a text that is filled up, or cut, to `length` characters.
fn padded(text: &str, length: u64, fill: &str) -> u64 {
    let missing = length.saturating_sub(bytes(text.chars().count()));
    let fill_length = bytes(fill.chars().count());
    if missing == 0 || fill_length == 0 {
        return prefix(text, length);
    }
    let whole = (missing / fill_length).saturating_mul(bytes(fill.len()));
    let rest = prefix(fill, missing % fill_length);
    bytes(text.len()).saturating_add(whole).saturating_add(rest)
}

/// The bytes of the first `length` characters.
fn prefix(text: &str, length: u64) -> u64 {
    let end = usize::try_from(length).ok().and_then(|length| text.char_indices().nth(length));
    bytes(end.map_or(text.len(), |(end, _)| end))
}

/// `replace(text, from, to)`.
pub(super) fn replace(call: &Call<'_>) -> u64 {
    let at_most = all_replaced(call, |text, from| text.len() / from.len());
    let made = if at_most <= call.limit {
        at_most
    } else {
        // Looking for `from` takes as long as replacing it: only where it may matter.
        all_replaced(call, |text, from| text.matches(from).count())
    };
    if call.are_constants_from(1) { made } else { made.max(call.spread()) }
}

/// The sum of all results, where `count` tells how often `from` stands in a text.
fn all_replaced(call: &Call<'_>, count: fn(&str, &str) -> usize) -> u64 {
    call.sum(|row| match (call.text(0, row), call.text(1, row), call.text(2, row)) {
        (Some(text), Some(from), Some(to)) => replaced(text, from, to, count),
        _ => 0,
    })
}

fn replaced(text: &str, from: &str, to: &str, count: fn(&str, &str) -> usize) -> u64 {
    let grown = bytes(to.len().saturating_sub(from.len()));
    // Nothing is replaced where `from` is empty.
    let times = if from.is_empty() || grown == 0 { 0 } else { count(text, from) };
    bytes(text.len()).saturating_add(bytes(times).saturating_mul(grown))
}
