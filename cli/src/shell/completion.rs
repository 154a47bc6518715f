//! What can stand where the cursor is: keywords, names, commands.

use std::collections::BTreeSet;

use super::commands::COMMANDS;
use super::identifier;
use super::keywords::{BEFORE_TABLE, KEYWORDS};
use super::names::{Names, TableNames};
use super::settings;
use super::splitter::Splitter;

/// Offers that are shown at most.
const MAX_CANDIDATES: usize = 200;

/// What can replace the text from `start` to the cursor.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) start: usize,
    pub(crate) candidates: Vec<String>,
}

impl Offer {
    fn new(start: usize, candidates: BTreeSet<String>) -> Self {
        Self { start, candidates: candidates.into_iter().take(MAX_CANDIDATES).collect() }
    }
}

/// What can follow `before`, the text up to the cursor; `line` is all of it.
pub(crate) fn complete(line: &str, before: &str, names: &Names) -> Offer {
    if before.trim_start().starts_with('\\') {
        return complete_command(before, names);
    }
    if is_in_text_or_comment(before) {
        return Offer::new(before.len(), BTreeSet::new());
    }
    let start = word_start(before);
    let word = &before[start..];
    if let Some((qualifier, prefix)) = word.rsplit_once('.') {
        let found = qualified(line, &identifier::split(qualifier), prefix, names);
        return Offer::new(start + qualifier.len() + 1, found);
    }
    Offer::new(start, unqualified(line, &before[..start], word, names))
}

/// Whether the cursor is within a quoted text or a comment.
fn is_in_text_or_comment(before: &str) -> bool {
    let mut splitter = Splitter::default();
    let (lines, last) = before.rsplit_once('\n').unwrap_or(("", before));
    for line in lines.split('\n') {
        splitter.push_line(line);
    }
    splitter.push_part(last);
    splitter.is_in_text_or_comment()
}

/// Commands, settings and the names that commands take.
fn complete_command(before: &str, names: &Names) -> Offer {
    let start = before.rfind(char::is_whitespace).map_or(0, |space| space + 1);
    let word = &before[start..];
    let command = before.split_whitespace().next().unwrap_or_default();
    let candidates: Vec<String> = match command {
        _ if start == 0 || command == word => COMMANDS.iter().map(|c| (*c).to_string()).collect(),
        "\\d" | "\\dt" | "\\dv" => {
            names.tables.iter().map(|table| identifier::quote(&table.name)).collect()
        }
        "\\dn" => names.schemas.iter().cloned().collect(),
        "\\set" => settings::NAMES.iter().map(|name| (*name).to_string()).collect(),
        _ => Vec::new(),
    };
    Offer::new(start, candidates.into_iter().filter(|c| c.starts_with(word)).collect())
}

/// What can follow a name and a dot: tables of a schema, schemas of a project, columns of a table.
fn qualified(line: &str, qualifier: &[String], prefix: &str, names: &Names) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut offer = |name: &String| {
        if fits(name, prefix) {
            found.insert(identifier::quote(name));
        }
    };
    if let [name] = qualifier {
        let target = aliased(line, name);
        let target = target.as_ref().unwrap_or(name);
        for table in &names.tables {
            if table.name == *target {
                table.columns.iter().for_each(&mut offer);
            }
            if table.schema == *name {
                offer(&table.name);
            }
            if table.project == *name {
                offer(&table.schema);
            }
        }
    }
    if let [first, second] = qualifier {
        for table in &names.tables {
            if table.project == *first && table.schema == *second {
                offer(&table.name);
            }
            if table.schema == *first && table.name == *second {
                table.columns.iter().for_each(&mut offer);
            }
        }
    }
    found
}

/// What can begin a word.
fn unqualified(line: &str, before: &str, word: &str, names: &Names) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let last_word = before.split_whitespace().next_back().unwrap_or_default().to_lowercase();
    let wants_table = BEFORE_TABLE.contains(&last_word.as_str());
    if word.is_empty() && !wants_table {
        return found;
    }
    let tables = names.tables.iter().map(|table| &table.name);
    let places = names.schemas.iter().chain(&names.projects);
    found.extend(tables.chain(places).filter(|n| fits(n, word)).map(|n| identifier::quote(n)));
    if wants_table {
        return found;
    }
    let lower = word.to_lowercase();
    let is_upper = word.chars().any(char::is_uppercase);
    let keywords = KEYWORDS.iter().filter(|keyword| keyword.starts_with(&lower));
    found.extend(keywords.map(|k| if is_upper { k.to_uppercase() } else { (*k).to_string() }));
    for table in mentioned(line, names) {
        found.extend(
            table.columns.iter().filter(|name| fits(name, word)).map(|n| identifier::quote(n)),
        );
    }
    found
}

/// Whether a name begins with what was typed, in upper or lower case, with or without its quote.
fn fits(name: &str, typed: &str) -> bool {
    let typed = typed.trim_start_matches('"').to_lowercase();
    name.to_lowercase().starts_with(&typed)
}

/// The tables that a statement names; all of them where it names none.
fn mentioned<'a>(line: &str, names: &'a Names) -> Vec<&'a TableNames> {
    let words: BTreeSet<String> = words(line).map(str::to_lowercase).collect();
    let some: Vec<_> =
        names.tables.iter().filter(|table| words.contains(&table.name.to_lowercase())).collect();
    if some.is_empty() { names.tables.iter().collect() } else { some }
}

/// The table that a statement gives another name: `flights f`, `flights as f`.
fn aliased(line: &str, alias: &str) -> Option<String> {
    let words: Vec<_> = words(line).collect();
    let is_before_table =
        |word: &str| BEFORE_TABLE.iter().any(|before| word.eq_ignore_ascii_case(before));
    let table = words.windows(4).find_map(|window| match window {
        [before, table, middle, last] if is_before_table(before) => {
            let with_as = middle.eq_ignore_ascii_case("as") && last.eq_ignore_ascii_case(alias);
            (with_as || middle.eq_ignore_ascii_case(alias)).then_some(*table)
        }
        _ => None,
    });
    // At the end of the line there is no fourth word.
    let table = table.or_else(|| match words.as_slice() {
        [.., before, table, last] if is_before_table(before) => {
            last.eq_ignore_ascii_case(alias).then_some(*table)
        }
        _ => None,
    });
    identifier::split(table?).pop()
}

/// The words of a statement; a name with dots is one word.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !is_word_part(c)).filter(|word| !word.is_empty())
}

/// Where the word begins that the text ends with.
fn word_start(before: &str) -> usize {
    before
        .char_indices()
        .rev()
        .take_while(|(_, c)| is_word_part(*c))
        .last()
        .map_or(before.len(), |(index, _)| index)
}

/// Whether a character is part of a name with its dots and quotes.
fn is_word_part(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '"')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let table = |schema: &str, name: &str, columns: &[&str]| TableNames {
            project: "lakegate".to_string(),
            schema: schema.to_string(),
            name: name.to_string(),
            columns: columns.iter().map(|column| (*column).to_string()).collect(),
        };
        Names {
            projects: vec!["lakegate".to_string()],
            schemas: ["public", "lab"].map(str::to_string).into(),
            tables: vec![
                table("public", "flights", &["origin", "dep_delay"]),
                table("lab", "Runs", &["run id", "operator"]),
            ],
        }
    }

    fn offered(line: &str) -> Vec<String> {
        complete(line, line, &names()).candidates
    }

    #[test]
    fn keywords_keep_the_case_that_is_typed() {
        assert_eq!(offered("sel"), ["select"]);
        assert_eq!(offered("SEL"), ["SELECT"]);
    }

    #[test]
    fn after_from_come_tables_and_schemas() {
        assert_eq!(offered("select * from "), ["\"Runs\"", "flights", "lab", "lakegate", "public"]);
        assert_eq!(offered("select * from fl"), ["flights"]);
        assert_eq!(offered("select * from r"), ["\"Runs\""]);
    }

    #[test]
    fn columns_are_those_of_the_tables_that_are_named() {
        let line = "select o from flights";
        assert_eq!(
            complete(line, "select o", &names()).candidates,
            ["offset", "on", "options", "or", "order", "origin", "outer", "over"]
        );
    }

    #[test]
    fn a_dot_leads_to_what_is_inside() {
        assert_eq!(offered("select * from lab."), ["\"Runs\""]);
        assert_eq!(offered("select * from lakegate.pub"), ["public"]);
        assert_eq!(offered("select * from lakegate.public.f"), ["flights"]);
        let line = "select f. from flights f";
        let offer = complete(line, "select f.", &names());
        assert_eq!(
            offer,
            Offer { start: 9, candidates: vec!["dep_delay".into(), "origin".into()] }
        );
        let line = "select x.o from public.flights as x";
        assert_eq!(complete(line, "select x.o", &names()).candidates, ["origin"]);
    }

    #[test]
    fn nothing_is_offered_within_texts_and_comments() {
        for line in ["select 'sel", "select 1 -- sel", "select /* sel"] {
            assert_eq!(offered(line), Vec::<String>::new(), "{line}");
        }
    }

    #[test]
    fn commands_and_their_arguments_are_offered() {
        assert_eq!(offered("\\ti"), ["\\timing"]);
        assert_eq!(offered("\\d fl"), ["flights"]);
        assert_eq!(offered("\\set o"), ["output"]);
    }
}
