//! The shell's state, and how one statement runs in it.

use futures::StreamExt;
use lakegate_client::{Client, Outcome, QueryStream};

use crate::args::Format;

use super::commands::{self, Flow};
use super::destination::Destination;
use super::failure::Failure;
use super::interrupt::{Interrupts, Running};
use super::names::NameCache;
use super::output;
use super::progress::Progress;
use super::report;
use super::settings::Settings;
use super::splitter::Item;

/// Words that begin a statement after which other names may exist.
const CHANGES_NAMES: [&str; 5] = ["create", "drop", "alter", "use", "set"];

/// A connection with the user's choices.
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) settings: Settings,
    pub(crate) destination: Destination,
    pub(crate) interrupts: Interrupts,
    /// Names for completion; `None` where nobody types.
    pub(crate) names: Option<NameCache>,
    /// How many files are being read, one from within the other.
    pub(crate) file_depth: usize,
}

impl Session {
    /// Runs one piece of work.
    pub(crate) async fn run(&mut self, item: Item) -> Result<Flow, Failure> {
        match item {
            Item::Statement(sql) => self.run_statement(&sql).await.map(|()| Flow::GoOn),
            Item::Command(line) => commands::run(self, &line).await,
        }
    }

    /// Runs a statement and writes its rows.
    async fn run_statement(&mut self, sql: &str) -> Result<(), Failure> {
        self.destination.check(self.settings.format)?;
        let interrupts = self.interrupts.clone();
        let running = interrupts.running();
        let mut progress = Progress::start(&self.client);
        let ended = tokio::select! {
            biased;
            () = running.cancelled() => Err(Failure::Cancelled),
            ended = self.execute(sql, &mut progress, &running) => ended,
        };
        progress.hide();
        if matches!(ended, Err(Failure::Cancelled)) {
            self.cancel(progress.query_id()).await;
        }
        // Rows that were written stay ahead of the error that ended them.
        let flushed = self.destination.flush_all();
        ended?;
        flushed?;
        if self.settings.timing {
            report::note(&format!("Time: {:.3} ms", progress.elapsed().as_secs_f64() * 1e3));
        }
        if changes_names(sql) {
            self.refresh_names();
        }
        Ok(())
    }

    /// Has the server run a statement, and writes what it gives.
    async fn execute(
        &mut self,
        sql: &str,
        progress: &mut Progress,
        running: &Running<'_>,
    ) -> Result<(), Failure> {
        match self.client.execute(sql).await? {
            Outcome::Rows(stream) => {
                progress.set_query_id(stream.query_id());
                self.write(stream, progress, running).await
            }
            Outcome::Affected(rows) => {
                progress.hide();
                if self.settings.format == Format::Table {
                    self.destination.write_text(&affected(rows))?;
                }
                Ok(())
            }
        }
    }

    /// Writes rows as they come.
    async fn write(
        &mut self,
        mut stream: QueryStream,
        progress: &mut Progress,
        running: &Running<'_>,
    ) -> Result<(), Failure> {
        let Settings { format, table, .. } = self.settings;
        let destination = self.destination.clone();
        let mut writer = output::writer(format, table, stream.schema(), destination)?;
        // A table is written at its end; everything else shares the terminal with the line.
        let shares_terminal =
            self.destination.is_terminal() && (format != Format::Table || table.expanded);
        while let Some(batch) = stream.next().await {
            let batch = batch?;
            // Asked here too, because a stream that is always ready never lets the other branch run.
            if running.is_cancelled() {
                return Err(Failure::Cancelled);
            }
            progress.add_rows(batch.num_rows());
            if shares_terminal {
                progress.hide();
            }
            writer.write(&batch)?;
            if shares_terminal {
                self.destination.flush_all()?;
            }
        }
        progress.hide();
        writer.finish()
    }

    /// Has the server stop a query whose stream was dropped, and waits until it has taken note.
    async fn cancel(&self, query_id: Option<String>) {
        if let Some(query_id) = query_id {
            // The dropped stream has cancelled it already where this finds it no more.
            let _ = self.client.cancel(&query_id).await;
        }
    }

    /// Fetches the names for completion again, in the background.
    pub(crate) fn refresh_names(&self) {
        if let Some(names) = &self.names {
            names.refresh(&self.client);
        }
    }
}

/// Whether other names may exist after a statement.
fn changes_names(sql: &str) -> bool {
    let word: String = sql.chars().take_while(char::is_ascii_alphabetic).collect();
    CHANGES_NAMES.iter().any(|changes| word.eq_ignore_ascii_case(changes))
}

/// What is said of a statement that has no rows.
fn affected(rows: Option<u64>) -> String {
    match rows {
        None | Some(0) => "OK\n".to_string(),
        Some(1) => "OK, 1 row affected\n".to_string(),
        Some(rows) => format!("OK, {rows} rows affected\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_that_change_names_are_known() {
        assert!(changes_names("CREATE VIEW v AS select 1") && changes_names("drop table t"));
        assert!(!changes_names("select 1") && !changes_names("created"));
    }
}
