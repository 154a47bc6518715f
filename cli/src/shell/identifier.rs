//! Names as SQL writes them.

/// A name's parts: `a."B c".d`. Unquoted parts are in lower case, as the server reads them.
pub(crate) fn split(name: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut part = String::new();
    let mut quoted = false;
    let mut characters = name.trim().chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                part.push('"');
            }
            '"' => quoted = !quoted,
            '.' if !quoted => parts.push(std::mem::take(&mut part)),
            c if quoted => part.push(c),
            c => part.extend(c.to_lowercase()),
        }
    }
    parts.push(part);
    parts
}

/// A name as it must be written to be read again: in quotes where it needs them.
pub(crate) fn quote(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if plain { name.to_string() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// A pattern of names in which `*` and `%` stand for anything; the empty one matches all.
pub(crate) struct Pattern {
    parts: Vec<String>,
}

impl Pattern {
    pub(crate) fn new(text: &str) -> Self {
        let text = text.trim().to_lowercase();
        let parts = if text.is_empty() {
            Vec::new()
        } else {
            text.split(['*', '%']).map(str::to_string).collect()
        };
        Self { parts }
    }

    /// Whether it matches all because nothing was given.
    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Whether a name matches, in upper or lower case.
    pub(crate) fn matches(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        let (first, last, middle) = match self.parts.as_slice() {
            [] => return true,
            [only] => return name == *only,
            [first, middle @ .., last] => (first, last, middle),
        };
        let Some(rest) = name.strip_prefix(first.as_str()) else {
            return false;
        };
        let Some(mut rest) = rest.strip_suffix(last.as_str()) else {
            return false;
        };
        for part in middle {
            match rest.split_once(part.as_str()) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_part_at_dots_outside_quotes() {
        assert_eq!(split("Public.Flights"), ["public", "flights"]);
        assert_eq!(split("a.\"B.\"\"c\".d"), ["a", "B.\"c", "d"]);
    }

    #[test]
    fn quoting_is_undone_by_splitting() {
        for name in ["flights", "Flights", "a b", "a\"b", "1st", "größe"] {
            assert_eq!(split(&quote(name)), [name]);
        }
        assert_eq!(quote("flights_2024"), "flights_2024");
    }

    #[test]
    fn a_star_stands_for_anything() {
        let cases = [("", "x"), ("flights", "Flights"), ("f*", "flights"), ("*ts", "flights")];
        for (pattern, name) in cases {
            assert!(Pattern::new(pattern).matches(name), "{pattern}");
        }
        assert!(Pattern::new("f*i*s").matches("flights"));
        for (pattern, name) in [("flight", "flights"), ("f*x*s", "flights"), ("aa*a", "aa")] {
            assert!(!Pattern::new(pattern).matches(name), "{pattern}");
        }
    }
}
