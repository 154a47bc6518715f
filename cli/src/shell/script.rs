//! Statements that nobody types: from `-c`, from files, from a pipe.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use super::commands::Flow;
use super::failure::Failure;
use super::interrupt::EXIT_INTERRUPTED;
use super::report;
use super::session::Session;
use super::splitter::{Item, Splitter};

/// How many files may be read, one from within the other.
const MAX_FILE_DEPTH: usize = 16;

/// How a script ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Every statement ran.
    Done,
    /// A statement failed.
    Failed,
    /// A command said to leave, or nobody reads the output any more.
    Left,
    /// Ctrl-C.
    Interrupted,
}

impl End {
    /// The exit status that says so.
    pub(crate) fn exit_status(self) -> u8 {
        match self {
            Self::Done | Self::Left => 0,
            Self::Failed => 1,
            Self::Interrupted => EXIT_INTERRUPTED,
        }
    }
}

/// Runs pieces of work one after the other, with one way of treating their failures.
pub(crate) struct Script {
    keep_going: bool,
    has_failed: bool,
}

impl Script {
    /// A script that goes on after a failure, or does not.
    pub(crate) fn new(keep_going: bool) -> Self {
        Self { keep_going, has_failed: false }
    }

    /// Runs all statements of a text. `None` when what comes after it is to be run too.
    pub(crate) async fn run_text(&mut self, session: &mut Session, text: &str) -> Option<End> {
        for item in Splitter::split(text) {
            let ran = session.run(item).await;
            if let Some(end) = self.judge(session, ran) {
                return Some(end);
            }
        }
        None
    }

    /// Runs all statements of a file, `-` for the standard input.
    pub(crate) async fn run_file(&mut self, session: &mut Session, path: &Path) -> Option<End> {
        let input: Box<dyn BufRead> = if path.as_os_str() == "-" {
            Box::new(BufReader::new(io::stdin()))
        } else {
            match File::open(path) {
                Ok(file) => Box::new(BufReader::new(file)),
                Err(source) => {
                    let failure =
                        Failure::File { action: "reading", path: path.to_path_buf(), source };
                    return self.judge(session, Err(failure));
                }
            }
        };
        self.run_lines(session, input, path).await
    }

    /// Runs statements as the lines that hold them are read.
    async fn run_lines(
        &mut self,
        session: &mut Session,
        mut input: Box<dyn BufRead>,
        path: &Path,
    ) -> Option<End> {
        let mut splitter = Splitter::default();
        let mut line = String::new();
        loop {
            line.clear();
            match input.read_line(&mut line) {
                Ok(0) => break,
                Ok(_) => {}
                Err(source) => {
                    let failure =
                        Failure::File { action: "reading", path: path.to_path_buf(), source };
                    report::failure(&failure);
                    return Some(End::Failed);
                }
            }
            for item in splitter.push_line(&line) {
                let ran = session.run(item).await;
                if let Some(end) = self.judge(session, ran) {
                    return Some(end);
                }
            }
        }
        let last = splitter.finish()?;
        let ran = session.run(last).await;
        self.judge(session, ran)
    }

    /// How the script ends when nothing ended it early.
    pub(crate) fn end(&self) -> End {
        if self.has_failed { End::Failed } else { End::Done }
    }

    /// Reports a failure and decides whether the script goes on; `None` if it does.
    fn judge(&mut self, session: &Session, ran: Result<Flow, Failure>) -> Option<End> {
        match ran {
            Ok(Flow::GoOn) => None,
            Ok(Flow::Leave) => Some(if self.has_failed { End::Failed } else { End::Left }),
            Err(_) if session.destination.is_broken() => Some(End::Left),
            Err(failure) => {
                report::failure(&failure);
                if matches!(failure, Failure::Cancelled) {
                    return Some(End::Interrupted);
                }
                self.has_failed = true;
                (!self.keep_going).then_some(End::Failed)
            }
        }
    }
}

/// Runs a file from within a shell or another file, up to its first failure.
pub(crate) async fn include(session: &mut Session, path: &Path) -> Result<Flow, Failure> {
    if session.file_depth >= MAX_FILE_DEPTH {
        return Err(Failure::TooDeep { limit: MAX_FILE_DEPTH });
    }
    let failed = |source| Failure::File { action: "reading", path: path.to_path_buf(), source };
    let mut input = BufReader::new(File::open(path).map_err(failed)?);
    session.file_depth += 1;
    let ran = include_lines(session, &mut input, path).await;
    session.file_depth -= 1;
    ran
}

async fn include_lines(
    session: &mut Session,
    input: &mut BufReader<File>,
    path: &Path,
) -> Result<Flow, Failure> {
    let mut splitter = Splitter::default();
    let mut line = String::new();
    loop {
        line.clear();
        let read = input.read_line(&mut line);
        if read.map_err(|source| Failure::File {
            action: "reading",
            path: path.to_path_buf(),
            source,
        })? == 0
        {
            break;
        }
        for item in splitter.push_line(&line) {
            if run_included(session, item).await? == Flow::Leave {
                return Ok(Flow::Leave);
            }
        }
    }
    match splitter.finish() {
        Some(last) => run_included(session, last).await,
        None => Ok(Flow::GoOn),
    }
}

/// Runs one piece of an included file; boxed, because it may include a file itself.
async fn run_included(session: &mut Session, item: Item) -> Result<Flow, Failure> {
    Box::pin(session.run(item)).await
}
