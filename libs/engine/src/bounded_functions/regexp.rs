//! What `regexp_replace(text, pattern, replacement, flags)` makes, in bytes.

use std::cell::RefCell;
use std::collections::HashMap;

use regex::Regex;

use super::call::{Call, bytes};

/// The size of all results, or a little more.
pub(super) fn replace(call: &Call<'_>) -> u64 {
    let at_most = call.sum(|row| Row::of(call, row).map_or(0, |row| row.at_most()));
    let made = if at_most <= call.limit {
        at_most
    } else {
        // Looking for matches takes as long as replacing them: only where it may matter.
        let patterns: RefCell<Patterns> = RefCell::default();
        call.sum(|row| Row::of(call, row).map_or(0, |row| row.counted(&mut patterns.borrow_mut())))
    };
    if call.are_constants_from(1) { made } else { made.max(call.spread()) }
}

/// Patterns that were read; `None` for one that is none, which the function itself tells.
type Patterns = HashMap<String, Option<Regex>>;

/// One row without NULL.
struct Row<'a> {
    text: &'a str,
    pattern: &'a str,
    replacement: &'a str,
    flags: &'a str,
}

impl<'a> Row<'a> {
    fn of(call: &'a Call<'_>, row: usize) -> Option<Self> {
        let flags = if call.arguments.len() > 3 { call.text(3, row)? } else { "" };
        let (text, pattern) = (call.text(0, row)?, call.text(1, row)?);
        Some(Self { text, pattern, replacement: call.text(2, row)?, flags })
    }

    fn is_global(&self) -> bool {
        self.flags.contains('g')
    }

    /// The bound that needs no look at the text: it is one match, or each character is one, and the
    /// end too.
    fn at_most(&self) -> u64 {
        let length = bytes(self.text.len());
        let matches = if self.is_global() { length.saturating_add(1) } else { 1 };
        let copies = self.references().max(1);
        length.saturating_mul(copies).saturating_add(self.literals(matches))
    }

    fn counted(&self, patterns: &mut Patterns) -> u64 {
        let flags = self.flags.replace('g', "");
        let pattern = match flags.as_str() {
            "" => self.pattern.to_string(),
            flags => format!("(?{flags}){}", self.pattern),
        };
        let read = patterns.entry(pattern).or_insert_with_key(|pattern| Regex::new(pattern).ok());
        let Some(regex) = read else { return 0 };
        let matches_max = if self.is_global() { usize::MAX } else { 1 };
        let (mut matches, mut matched) = (0, 0);
        for found in regex.find_iter(self.text).take(matches_max) {
            matches += 1;
            matched += bytes(found.len());
        }
        // A group is a part of its match.
        (bytes(self.text.len()) - matched)
            .saturating_add(self.references().saturating_mul(matched))
            .saturating_add(self.literals(matches))
    }

    fn literals(&self, matches: u64) -> u64 {
        matches.saturating_mul(bytes(self.replacement.len()))
    }

    /// How often the replacement refers to a group of the match, with `\1`, `$1` or `${name}`, or a
    /// little more.
    fn references(&self) -> u64 {
        let replacement = self.replacement.as_bytes();
        let numbered =
            replacement.windows(2).filter(|pair| pair[0] == b'\\' && pair[1].is_ascii_digit());
        let named = replacement.iter().filter(|byte| **byte == b'$');
        bytes(numbered.count() + named.count())
    }
}
