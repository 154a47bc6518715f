//! The command line: commands, flags and their help.

mod executor;
mod serve;
mod sql;

use std::collections::BTreeMap;

use clap::{Parser, Subcommand};

pub(crate) use executor::ExecutorArgs;
pub(crate) use serve::ServeArgs;
pub(crate) use sql::{Format, SqlArgs};

const EXAMPLES: &str = "\
Examples:
  Start a server for this machine, its data in ./lakegate-data:
      lakegate serve
  Ask it something:
      lakegate sql -c \"select 1\"
  Let executors join it, then start one on this or another machine:
      lakegate serve --cluster-listen 0.0.0.0:8816
      lakegate executor --scheduler SERVER:8816

Every flag can also be given as the environment variable that its help names.";

/// SQL over Parquet, CSV and JSON files in object storage and local folders, served over Arrow
/// Flight SQL.
#[derive(Debug, Parser)]
#[command(name = "lakegate", version, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start a server
    Serve(ServeArgs),
    /// Start an executor that works for a server
    Executor(ExecutorArgs),
    /// Run SQL on a server, or open a shell on it
    Sql(SqlArgs),
    /// Print the version
    Version,
}

/// Keeps the settings that were given. An empty environment variable counts as not given.
fn given<const N: usize>(settings: [(&str, Option<String>); N]) -> BTreeMap<String, String> {
    settings
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_string(), value?)))
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_documented_forms_are_read() {
        for line in [
            "lakegate serve --config f --data-dir d --listen 127.0.0.1:0 --cluster-listen h:1",
            "lakegate executor --scheduler h:1 --data-dir d --listen h:2 --cores 2 --memory 1GiB",
            "lakegate sql --url grpc://h:1 --user u -c select --output csv",
            "lakegate sql -c a -c b --keep-going --timing",
            "lakegate sql -f - --output parquet --output-file o --max-rows 0",
            "lakegate version",
        ] {
            let parsed = Cli::try_parse_from(line.split(' '));
            assert!(parsed.is_ok(), "{line}: {parsed:?}");
        }
    }

    #[test]
    fn contradictions_are_refused() {
        for line in [
            "lakegate",
            "lakegate executor --scheduler h:1 --memory lots",
            "lakegate executor --scheduler h:1 --cores 0",
            "lakegate sql -c a -f b",
            "lakegate sql --output xml",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
