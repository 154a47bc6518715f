//! The shell that a person types into.

use rustyline::config::Configurer;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{CompletionType, Config, Editor};
use tokio::runtime::Runtime;

use super::commands::Flow;
use super::helper::LineHelper;
use super::history::{History, MAX_ENTRIES};
use super::names::NameCache;
use super::report;
use super::session::Session;
use super::splitter::Splitter;

/// What stands before the cursor.
const PROMPT: &str = "lakegate> ";

/// Reads and runs statements until the person leaves.
pub(crate) fn run(runtime: &Runtime, session: &mut Session) -> rustyline::Result<()> {
    let names = NameCache::default();
    session.names = Some(names.clone());
    runtime.block_on(async { session.refresh_names() });
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .history_ignore_dups(true)?
        .max_history_size(MAX_ENTRIES)?
        .build();
    let mut editor: Editor<LineHelper, FileHistory> = Editor::with_config(config)?;
    editor.set_helper(Some(LineHelper::new(names)));
    editor.set_auto_add_history(false);
    let history = History::open(&mut editor);
    greet(session);

    let mut was_interrupted = false;
    loop {
        let typing = session.interrupts.typing();
        let read = editor.readline(PROMPT);
        drop(typing);
        let text = match read {
            Ok(text) => text,
            Err(ReadlineError::Eof) => return Ok(()),
            Err(ReadlineError::Interrupted) if was_interrupted => return Ok(()),
            Err(ReadlineError::Interrupted) => {
                report::note("Ctrl-C once more, Ctrl-D or \\q leaves");
                was_interrupted = true;
                continue;
            }
            Err(error) => return Err(error),
        };
        was_interrupted = false;
        history.add(&mut editor, &text);
        if runtime.block_on(run_text(session, &text)) == Flow::Leave {
            return Ok(());
        }
    }
}

/// Runs what was typed, up to its first failure.
async fn run_text(session: &mut Session, text: &str) -> Flow {
    for item in Splitter::split(text) {
        match session.run(item).await {
            Ok(Flow::GoOn) => {}
            Ok(Flow::Leave) => return Flow::Leave,
            Err(_) if session.destination.is_broken() => return Flow::Leave,
            Err(failure) => {
                report::failure(&failure);
                return Flow::GoOn;
            }
        }
    }
    Flow::GoOn
}

/// Says where one is and how to go on.
fn greet(session: &Session) {
    let version = env!("CARGO_PKG_VERSION");
    let (user, url) = (session.client.user(), session.client.url());
    report::note(&format!("lakegate {version}, {user} at {url}; \\? for help, \\q to leave"));
}
