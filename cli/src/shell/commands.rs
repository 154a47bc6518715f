//! The commands of the shell: lines that begin with a backslash.

use std::path::Path;

use super::describe;
use super::destination::Destination;
use super::failure::Failure;
use super::report;
use super::script;
use super::session::Session;

/// What `\?` says.
pub(crate) const HELP: &str = "\
A statement ends with a semicolon and may take several lines.

  \\d              list tables and views
  \\d NAME         describe a table or view
  \\dt [PATTERN]   list tables; * stands for anything
  \\dv [PATTERN]   list views
  \\dn [PATTERN]   list schemas
  \\l              list projects
  \\x [on|off]     one line for each value
  \\timing [on|off]
                  tell how long each statement took
  \\set            list the settings: output, max_rows, expanded, timing
  \\set NAME VALUE
                  change one; output is table, csv, json, arrow or parquet
  \\o [FILE]       write rows to a file; without a name to the terminal again
  \\i FILE         run the statements of a file
  \\? or \\h        this text
  \\q              leave, as Ctrl-D does

Ctrl-C cancels a running query; a second one leaves. Tab completes words and names.
";

/// The commands, for completion.
pub(crate) const COMMANDS: [&str; 13] = [
    "\\?", "\\d", "\\dn", "\\dt", "\\dv", "\\h", "\\i", "\\l", "\\o", "\\q", "\\set", "\\timing",
    "\\x",
];

/// Whether more is to be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    GoOn,
    Leave,
}

/// Runs one command.
pub(crate) async fn run(session: &mut Session, line: &str) -> Result<Flow, Failure> {
    let line = line.trim().trim_end_matches(';').trim_end();
    let (command, argument) = match line.split_once(char::is_whitespace) {
        Some((command, argument)) => (command, argument.trim()),
        None => (line, ""),
    };
    match command {
        "\\q" => return Ok(Flow::Leave),
        "\\?" | "\\h" => say(session, HELP)?,
        "\\timing" => toggle(session, "timing", argument)?,
        "\\x" => toggle(session, "expanded", argument)?,
        "\\set" => set(session, argument)?,
        "\\o" => redirect(session, argument)?,
        "\\i" if !argument.is_empty() => {
            return script::include(session, Path::new(argument)).await;
        }
        "\\d" if !argument.is_empty() => describe::table(session, argument).await?,
        "\\d" => describe::tables(session, &describe::Kind::Any, "").await?,
        "\\dt" => describe::tables(session, &describe::Kind::Table, argument).await?,
        "\\dv" => describe::tables(session, &describe::Kind::View, argument).await?,
        "\\dn" => describe::schemas(session, argument).await?,
        "\\l" => describe::projects(session).await?,
        "\\i" => return Err(Failure::command("\\i needs the name of a file")),
        other => return Err(Failure::command(format!("there is no command {other}"))),
    }
    Ok(Flow::GoOn)
}

/// Switches a setting on or off, or to the other without an argument.
fn toggle(session: &mut Session, name: &str, argument: &str) -> Result<(), Failure> {
    let is_on = match name {
        "timing" => session.settings.timing,
        _ => session.settings.table.expanded,
    };
    let value = match argument {
        "" if is_on => "off",
        "" => "on",
        given => given,
    };
    session.settings.set(name, value)?;
    report::note(&format!("{name} is {value}"));
    Ok(())
}

/// Lists the settings or changes one.
fn set(session: &mut Session, argument: &str) -> Result<(), Failure> {
    if argument.is_empty() {
        let list = session.settings.list();
        return say(session, &list);
    }
    let Some((name, value)) = argument.split_once(char::is_whitespace) else {
        return Err(Failure::command("\\set needs a name and a value"));
    };
    session.settings.set(name, value.trim().trim_matches('\''))
}

/// Sends rows elsewhere.
fn redirect(session: &mut Session, argument: &str) -> Result<(), Failure> {
    session.destination.flush_all()?;
    session.destination = match argument {
        "" => Destination::stdout(),
        path => Destination::file(Path::new(path))?,
    };
    Ok(())
}

/// Says something among the rows.
fn say(session: &mut Session, text: &str) -> Result<(), Failure> {
    session.destination.write_text(text)?;
    session.destination.flush_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_names_every_command() {
        for command in COMMANDS {
            assert!(HELP.contains(command), "{command}");
        }
    }
}
