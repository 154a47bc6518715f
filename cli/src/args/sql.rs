//! Flags of `lakegate sql`.

use std::fmt;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Rows that a table shows where nothing else is said.
const DEFAULT_MAX_ROWS: usize = 1_000;

const EXAMPLES: &str = "\
Examples:
  A shell; \\? lists its commands:
      lakegate sql
  One statement, its rows as CSV:
      lakegate sql -c \"select * from airports\" --output csv > airports.csv
  A file of statements, and statements from a pipe:
      lakegate sql -f setup.sql
      echo 'select 1;' | lakegate sql
  A result as a Parquet file, from another server:
      lakegate sql --url grpc://db:8815 --user ann -c \"select …\" --output parquet --output-file r.parquet

Other environment variables:
  LAKEGATE_PASSWORD[_FILE]  Password; asked for where it is not given and there is a terminal

Exit status: 0 all statements ran, 1 one failed, 2 the command line is wrong, 130 interrupted.";

/// What `lakegate sql` is given.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SqlArgs {
    /// Address of the server
    #[arg(long, value_name = "URL", env = "LAKEGATE_URL", default_value = "grpc://127.0.0.1:8815")]
    pub(crate) url: String,
    /// User to log in as
    #[arg(long, value_name = "NAME", env = "LAKEGATE_USER", default_value = "admin")]
    pub(crate) user: String,
    /// Project that names without one are looked up in
    #[arg(long, value_name = "NAME")]
    pub(crate) project: Option<String>,
    /// Schema that names without one are looked up in
    #[arg(long, value_name = "NAME")]
    pub(crate) schema: Option<String>,
    /// Run these statements and leave; may be repeated
    #[arg(short, long, value_name = "SQL", conflicts_with = "file")]
    pub(crate) command: Vec<String>,
    /// Run the statements of this file and leave, `-` for the standard input; may be repeated
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Vec<PathBuf>,
    /// How rows are written
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
    /// Write rows to this file instead of the standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) output_file: Option<PathBuf>,
    /// Rows that a table shows at most, 0 for all; the other formats always write all
    #[arg(long, value_name = "N", default_value_t = DEFAULT_MAX_ROWS)]
    pub(crate) max_rows: usize,
    /// Show tables with one line for each value
    #[arg(short = 'x', long)]
    pub(crate) expanded: bool,
    /// Say on the standard error how long each statement took
    #[arg(long)]
    pub(crate) timing: bool,
    /// Go on after a statement that failed
    #[arg(long)]
    pub(crate) keep_going: bool,
}

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people: aligned columns
    Table,
    /// Comma-separated with a header line; null is nothing, the empty text is ""
    Csv,
    /// One JSON object a line
    Json,
    /// An Arrow IPC stream
    Arrow,
    /// A Parquet file
    Parquet,
}

impl Format {
    /// Whether a terminal cannot show it.
    pub(crate) fn is_binary(self) -> bool {
        matches!(self, Self::Arrow | Self::Parquet)
    }

    /// The name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Arrow => "arrow",
            Self::Parquet => "parquet",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
