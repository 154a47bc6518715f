//! What was typed before, kept between shells.

use std::env;
use std::fs;
use std::path::PathBuf;

use rustyline::Editor;
use rustyline::history::FileHistory;

use super::helper::LineHelper;

/// Entries that are kept at most; the oldest go first.
pub(crate) const MAX_ENTRIES: usize = 2_000;

/// The file that holds what was typed.
pub(crate) struct History {
    path: Option<PathBuf>,
}

impl History {
    /// Opens the history in the user's state folder. A shell without one works all the same.
    pub(crate) fn open(editor: &mut Editor<LineHelper, FileHistory>) -> Self {
        let path = state_folder().and_then(|folder| {
            fs::create_dir_all(&folder).ok()?;
            Some(folder.join("history"))
        });
        if let Some(path) = &path {
            // There is none before the first shell.
            let _ = editor.load_history(path);
        }
        Self { path }
    }

    /// Keeps one entry, at once, so that a shell that is killed loses nothing.
    pub(crate) fn add(&self, editor: &mut Editor<LineHelper, FileHistory>, entry: &str) {
        if !is_kept(entry) {
            return;
        }
        let added = editor.add_history_entry(entry.trim_end());
        if let (Ok(true), Some(path)) = (added, &self.path) {
            // The entry stays in this shell where the file cannot be written.
            let _ = editor.append_history(path);
        }
    }
}

/// Whether an entry may lie in a file: nothing does that speaks of a password or a secret.
fn is_kept(entry: &str) -> bool {
    let entry = entry.to_lowercase();
    !entry.trim().is_empty() && !["password", "secret"].iter().any(|word| entry.contains(word))
}

/// `$XDG_STATE_HOME/lakegate`, by default `~/.local/state/lakegate`.
fn state_folder() -> Option<PathBuf> {
    let state = match env::var_os("XDG_STATE_HOME").map(PathBuf::from) {
        Some(folder) if folder.is_absolute() => folder,
        _ => env::home_dir()?.join(".local").join("state"),
    };
    Some(state.join("lakegate"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_kept() {
        assert!(is_kept("select 1;"));
        assert!(!is_kept("create user u with Password 'x';"));
        assert!(!is_kept("  "));
    }
}
