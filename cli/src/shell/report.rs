//! What the shell says besides rows, on the standard error.

use std::io::{self, IsTerminal, Write};

use lakegate_common::Coded;

use super::failure::Failure;

/// Says one line. Nobody is left to tell when the standard error is gone.
pub(crate) fn note(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Says why something did not come to its end.
pub(crate) fn failure(failure: &Failure) {
    let mut stderr = io::stderr().lock();
    if matches!(failure, Failure::Cancelled) {
        // Over the `^C` that the terminal echoed.
        let clear = if stderr.is_terminal() { "\r\x1b[2K" } else { "" };
        let _ = writeln!(stderr, "{clear}cancelled");
        return;
    }
    let _ = writeln!(stderr, "ERROR {}: {}", failure.code_text(), failure.text());
    if let Some(hint) = failure.hint() {
        let _ = writeln!(stderr, "hint: {hint}");
    }
}
