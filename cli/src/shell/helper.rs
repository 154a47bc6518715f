//! What the line editor asks while a person types: how to complete a word, whether a statement ends.

use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper, Highlighter, Hinter};

use super::completion::{self, Offer};
use super::names::NameCache;
use super::splitter::Splitter;

/// Answers the line editor.
#[derive(Helper, Highlighter, Hinter)]
pub(crate) struct LineHelper {
    names: NameCache,
    files: FilenameCompleter,
}

impl LineHelper {
    /// A helper that offers the names of the cache.
    pub(crate) fn new(names: NameCache) -> Self {
        Self { names, files: FilenameCompleter::new() }
    }
}

impl Completer for LineHelper {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        position: usize,
        context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let takes_file = ["\\i ", "\\o "].iter().any(|command| line.starts_with(command));
        if takes_file {
            return self.files.complete(line, position, context);
        }
        let Offer { start, candidates } =
            completion::complete(line, &line[..position], &self.names.read());
        let pairs = candidates
            .into_iter()
            .map(|text| Pair { display: text.clone(), replacement: text })
            .collect();
        Ok((start, pairs))
    }
}

impl Validator for LineHelper {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(if is_complete(context.input()) {
            ValidationResult::Valid(None)
        } else {
            ValidationResult::Incomplete
        })
    }
}

/// Whether Enter runs the text rather than beginning a new line.
fn is_complete(text: &str) -> bool {
    let mut splitter = Splitter::default();
    for line in text.lines() {
        splitter.push_line(line);
    }
    !splitter.is_open()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enter_runs_what_a_semicolon_ends() {
        for text in ["select 1;", "select\n1;", "\\d flights", "", "-- nothing", "select ';';"] {
            assert!(is_complete(text), "{text}");
        }
        for text in ["select 1", "select ';", "select 1; select 2", "select /* ;"] {
            assert!(!is_complete(text), "{text}");
        }
    }
}
