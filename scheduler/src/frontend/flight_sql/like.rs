//! The filter patterns of the catalog commands: `%` matches any characters, `_` any one.
//!
//! Clients send table names as patterns without escaping them, and some send whole SQL texts, so the
//! matcher takes any text and needs time proportional to pattern times name at worst, memory none.

/// Whether `name` matches `pattern`. `\` before `%`, `_` or `\` takes that character as it stands.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let mut pattern_rest = pattern.chars();
    let mut name_rest = name.chars();
    // Where to go on after the last `%`: the pattern behind it, and the name that it ends before.
    let mut retry = None;
    loop {
        let mut pattern_next = pattern_rest.clone();
        let matched = match pattern_next.next() {
            Some('%') => {
                retry = Some((pattern_next.clone(), name_rest.clone()));
                pattern_rest = pattern_next;
                continue;
            }
            Some('_') => name_rest.next().is_some(),
            Some('\\') => match pattern_next.clone().next() {
                Some(escaped @ ('%' | '_' | '\\')) => {
                    pattern_next.next();
                    name_rest.next() == Some(escaped)
                }
                _ => name_rest.next() == Some('\\'),
            },
            Some(literal) => name_rest.next() == Some(literal),
            None if name_rest.as_str().is_empty() => return true,
            None => false,
        };
        if matched {
            pattern_rest = pattern_next;
            continue;
        }
        // Let the last `%` swallow one character more.
        let Some((after_percent, from)) = &mut retry else { return false };
        if from.next().is_none() {
            return false;
        }
        pattern_rest = after_percent.clone();
        name_rest = from.clone();
    }
}

/// Whether `name` passes a filter; a missing filter narrows nothing.
pub(super) fn passes(pattern: Option<&str>, name: &str) -> bool {
    pattern.is_none_or(|pattern| matches(pattern, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_as_in_sql() {
        for (pattern, name) in [
            ("", ""),
            ("%", ""),
            ("%", "flights"),
            ("%%", "x"),
            ("fl%", "flights"),
            ("%ts", "flights"),
            ("%li%ts", "flights"),
            ("f_ights", "flights"),
            ("_______", "flights"),
            ("a%b%c", "aXbXbXc"),
            ("Ö%", "Österreich"),
            ("a\\_b", "a_b"),
            ("a\\%", "a%"),
            ("a\\b", "a\\b"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("", "a"),
            ("fl", "flights"),
            ("f_", "flights"),
            ("________", "flights"),
            ("%x", "flights"),
            ("a\\_b", "axb"),
            ("FLIGHTS", "flights"),
            ("a%b%c", "aXbXb"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn missing_filter_narrows_nothing() {
        assert!(passes(None, "anything"));
        assert!(!passes(Some("select * from t where a like '%b%'"), "anything"));
    }

    #[test]
    fn many_wildcards_do_not_blow_up() {
        let pattern = "%a".repeat(200);
        let name = "a".repeat(199) + "b";
        assert!(!matches(&pattern, &name.repeat(5)));
    }
}
