//! Cuts text into statements and shell commands.
//!
//! Text comes in whole lines, as it is read. A semicolon ends a statement unless it stands in a
//! quoted text, a quoted name, a dollar-quoted text or a comment. A line that begins with a
//! backslash between two statements is a command of the shell.

use std::mem;

/// One piece of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    /// A SQL statement without its semicolon.
    Statement(String),
    /// A command of the shell with its backslash.
    Command(String),
}

/// What the next character stands in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum Inside {
    /// Plain SQL.
    #[default]
    Code,
    /// `'…'` or, with escapes, `E'…'`.
    Text { escapes: bool },
    /// `"…"` or `` `…` ``.
    Name { quote: char },
    /// `$tag$…$tag$`, with the whole mark.
    Dollar { mark: String },
    /// `-- …`
    LineComment,
    /// `/* … */`, which nests.
    BlockComment { depth: usize },
}

/// Cuts text that arrives line by line.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    inside: Inside,
    /// The statement that has begun.
    statement: String,
    /// Whether it holds anything besides space and comments.
    has_code: bool,
}

impl Splitter {
    /// Takes one line, with or without its line end, and gives what it completes.
    pub(crate) fn push_line(&mut self, line: &str) -> Vec<Item> {
        let line = line.strip_suffix('\n').unwrap_or(line);
        let line = line.strip_suffix('\r').unwrap_or(line);
        if !self.has_code && self.inside == Inside::Code && line.trim_start().starts_with('\\') {
            self.statement.clear();
            return vec![Item::Command(line.trim().to_string())];
        }
        let items = self.push_part(line);
        if self.inside == Inside::LineComment {
            self.inside = Inside::Code;
        }
        self.statement.push('\n');
        items
    }

    /// Takes the beginning of a line whose end is not known yet.
    pub(crate) fn push_part(&mut self, part: &str) -> Vec<Item> {
        let mut items = Vec::new();
        let mut rest = part;
        while let Some(step) = self.step(rest) {
            rest = step.rest;
            if step.ends_statement {
                items.extend(self.take());
                if rest.trim_start().starts_with('\\') {
                    items.push(Item::Command(rest.trim().to_string()));
                    return items;
                }
            }
        }
        items
    }

    /// Gives the last statement, which no semicolon ended.
    pub(crate) fn finish(mut self) -> Option<Item> {
        self.take()
    }

    /// Whether a statement has begun and not ended.
    pub(crate) fn is_open(&self) -> bool {
        self.has_code || !matches!(self.inside, Inside::Code)
    }

    /// Whether the next character belongs to a quoted text or a comment.
    pub(crate) fn is_in_text_or_comment(&self) -> bool {
        !matches!(self.inside, Inside::Code | Inside::Name { .. })
    }

    /// Cuts a whole text, its last statement included.
    pub(crate) fn split(text: &str) -> Vec<Item> {
        let mut splitter = Self::default();
        let mut items: Vec<_> = text.lines().flat_map(|line| splitter.push_line(line)).collect();
        items.extend(splitter.finish());
        items
    }

    /// Takes the finished statement, if it says anything.
    fn take(&mut self) -> Option<Item> {
        let statement = mem::take(&mut self.statement);
        let has_code = mem::take(&mut self.has_code);
        self.inside = Inside::Code;
        has_code.then(|| Item::Statement(statement.trim().to_string()))
    }

    /// Reads one character, or one mark of several. `None` at the end of the line.
    fn step<'a>(&mut self, line: &'a str) -> Option<Step<'a>> {
        let first = line.chars().next()?;
        let (length, next) = match &self.inside {
            Inside::Code if first == ';' => {
                return Some(Step { rest: &line[1..], ends_statement: true });
            }
            Inside::Code => self.code(first, line),
            Inside::Text { escapes } => text(first, line, *escapes),
            Inside::Name { quote } if first == *quote => (first.len_utf8(), Inside::Code),
            Inside::Dollar { mark } if line.starts_with(mark.as_str()) => {
                (mark.len(), Inside::Code)
            }
            Inside::BlockComment { depth } => block_comment(first, line, *depth),
            unchanged => (first.len_utf8(), unchanged.clone()),
        };
        let is_comment = matches!(next, Inside::LineComment | Inside::BlockComment { .. })
            || matches!(self.inside, Inside::BlockComment { .. });
        self.has_code |= !is_comment && !first.is_whitespace();
        self.inside = next;
        let (taken, rest) = line.split_at(length);
        self.statement.push_str(taken);
        Some(Step { rest, ends_statement: false })
    }

    /// Reads plain SQL: how many bytes, and what follows.
    fn code(&self, first: char, line: &str) -> (usize, Inside) {
        match first {
            '\'' => (1, Inside::Text { escapes: self.follows_escape_prefix() }),
            '"' | '`' => (1, Inside::Name { quote: first }),
            '-' if line.starts_with("--") => (2, Inside::LineComment),
            '/' if line.starts_with("/*") => (2, Inside::BlockComment { depth: 1 }),
            '$' if !self.follows_name() => match dollar_mark(line) {
                Some(mark) => (mark.len(), Inside::Dollar { mark: mark.to_string() }),
                None => (1, Inside::Code),
            },
            other => (other.len_utf8(), Inside::Code),
        }
    }

    /// Whether the statement so far ends with the `E` of `E'…'`.
    fn follows_escape_prefix(&self) -> bool {
        let mut before = self.statement.chars().rev();
        matches!(before.next(), Some('e' | 'E')) && !before.next().is_some_and(is_name_part)
    }

    /// Whether the statement so far ends with a name.
    fn follows_name(&self) -> bool {
        self.statement.chars().next_back().is_some_and(is_name_part)
    }
}

/// What is left after one character or mark.
struct Step<'a> {
    rest: &'a str,
    ends_statement: bool,
}

/// Reads within a quoted text. A doubled quote leaves it and enters it again at once, which comes to
/// the same but for the escapes; so it is read as one mark.
fn text(first: char, line: &str, escapes: bool) -> (usize, Inside) {
    match first {
        '\'' if line.starts_with("''") => (2, Inside::Text { escapes }),
        '\'' => (1, Inside::Code),
        '\\' if escapes => {
            let escaped = line.chars().nth(1).map_or(0, char::len_utf8);
            (1 + escaped, Inside::Text { escapes })
        }
        other => (other.len_utf8(), Inside::Text { escapes }),
    }
}

/// Reads within a comment that may hold comments.
fn block_comment(first: char, line: &str, depth: usize) -> (usize, Inside) {
    if line.starts_with("/*") {
        return (2, Inside::BlockComment { depth: depth + 1 });
    }
    if line.starts_with("*/") {
        let outer =
            if depth > 1 { Inside::BlockComment { depth: depth - 1 } } else { Inside::Code };
        return (2, outer);
    }
    (first.len_utf8(), Inside::BlockComment { depth })
}

/// The mark `$tag$` that the line begins with; a tag does not begin with a digit, `$1` is none.
fn dollar_mark(line: &str) -> Option<&str> {
    let tag = &line[1..];
    let end = tag.find('$')?;
    let tag = &tag[..end];
    let fits = tag.chars().all(|c| c.is_alphanumeric() || c == '_')
        && !tag.starts_with(|c: char| c.is_ascii_digit());
    fits.then(|| &line[..end + 2])
}

/// Whether a character can be part of a name.
fn is_name_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statements(text: &str) -> Vec<String> {
        Splitter::split(text)
            .into_iter()
            .map(|item| match item {
                Item::Statement(text) | Item::Command(text) => text,
            })
            .collect()
    }

    #[test]
    fn a_semicolon_ends_a_statement() {
        assert_eq!(statements("select 1; select\n2 ;"), ["select 1", "select\n2"]);
    }

    #[test]
    fn the_last_statement_needs_no_semicolon() {
        assert_eq!(statements("select 1;\nselect 2\n"), ["select 1", "select 2"]);
    }

    #[test]
    fn quotes_hide_semicolons() {
        for sql in [
            "select ';', 'it''s; one'",
            "select \"a;\"\"b\" from `t;`",
            "select E'a\\';b', e'x''\\';y'",
            "select 'back\\' || ';'",
            "select $$a;b'$$, $tag$ $$;$tag$",
            "select 'two\nlines;' as x",
        ] {
            assert_eq!(statements(&format!("{sql};")), [sql], "{sql}");
        }
    }

    #[test]
    fn comments_hide_semicolons_and_quotes() {
        for sql in ["select 1 -- it's; one\n+ 1", "select /* ' ; /* ; */ ; */ 1"] {
            assert_eq!(statements(&format!("{sql};")), [sql], "{sql}");
        }
    }

    #[test]
    fn a_parameter_is_no_dollar_quote() {
        assert_eq!(statements("select $1; select $2, a$b$c;"), ["select $1", "select $2, a$b$c"]);
    }

    #[test]
    fn space_and_comments_alone_are_no_statement() {
        assert_eq!(statements(" ; ;\n-- nothing\n/* still\nnothing */ ;"), Vec::<String>::new());
    }

    #[test]
    fn a_backslash_between_statements_is_a_command() {
        let items =
            Splitter::split("select 1;\n\\timing on\nselect\n\\x\n;\n-- c\n\\q; select 2; \\d t");
        assert_eq!(
            items,
            [
                Item::Statement("select 1".to_string()),
                Item::Command("\\timing on".to_string()),
                Item::Statement("select\n\\x".to_string()),
                Item::Command("\\q; select 2; \\d t".to_string()),
            ]
        );
        assert_eq!(statements("select 1; \\d t"), ["select 1", "\\d t"]);
    }

    #[test]
    fn a_statement_is_open_until_its_semicolon() {
        let mut splitter = Splitter::default();
        splitter.push_line("select 'a");
        assert!(splitter.is_open() && splitter.is_in_text_or_comment());
        assert_eq!(splitter.push_line("b';").len(), 1);
        assert!(!splitter.is_open());
        splitter.push_line("-- only a comment");
        assert!(!splitter.is_open());
    }
}
