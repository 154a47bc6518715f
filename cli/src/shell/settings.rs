//! What a user chooses about the shell, by flags and by `\set`.

use clap::ValueEnum;

use crate::args::{Format, SqlArgs};

use super::failure::Failure;
use super::output::TableStyle;

/// The names that `\set` knows.
pub(crate) const NAMES: [&str; 4] = ["output", "max_rows", "expanded", "timing"];

/// The choices of now.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// How rows are written.
    pub(crate) format: Format,
    /// How tables are shown.
    pub(crate) table: TableStyle,
    /// Whether each statement's time is told.
    pub(crate) timing: bool,
}

impl Settings {
    /// The choices that the flags make.
    pub(crate) fn of(args: &SqlArgs) -> Self {
        Self {
            format: args.output,
            table: TableStyle { max_rows: args.max_rows, expanded: args.expanded },
            timing: args.timing,
        }
    }

    /// Changes one by its name.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), Failure> {
        match name {
            "output" => {
                self.format = Format::from_str(value, true).map_err(|_| {
                    let names: Vec<_> =
                        Format::value_variants().iter().map(|format| format.name()).collect();
                    Failure::command(format!("{value:?} is none of {}", names.join(", ")))
                })?;
            }
            "max_rows" => {
                self.table.max_rows = value.parse().map_err(|_| {
                    Failure::command(format!("{value:?} is no number of rows; 0 means all"))
                })?;
            }
            "expanded" => self.table.expanded = switch(value)?,
            "timing" => self.timing = switch(value)?,
            other => {
                let names = NAMES.join(", ");
                return Err(Failure::command(format!("{other:?} is none of {names}")));
            }
        }
        Ok(())
    }

    /// All of them, one a line.
    pub(crate) fn list(&self) -> String {
        let on_off = |on| if on { "on" } else { "off" };
        format!(
            "output = {}\nmax_rows = {}\nexpanded = {}\ntiming = {}\n",
            self.format,
            self.table.max_rows,
            on_off(self.table.expanded),
            on_off(self.timing)
        )
    }
}

/// Reads `on` or `off`.
fn switch(value: &str) -> Result<bool, Failure> {
    match value {
        "on" | "true" | "1" => Ok(true),
        "off" | "false" | "0" => Ok(false),
        other => Err(Failure::command(format!("{other:?} is neither on nor off"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        let table = TableStyle { max_rows: 10, expanded: false };
        Settings { format: Format::Table, table, timing: false }
    }

    #[test]
    fn settings_change_by_name() {
        let mut settings = settings();
        for (name, value) in
            [("output", "csv"), ("max_rows", "5"), ("expanded", "on"), ("timing", "on")]
        {
            assert!(settings.set(name, value).is_ok(), "{name}");
        }
        assert_eq!(settings.list(), "output = csv\nmax_rows = 5\nexpanded = on\ntiming = on\n");
    }

    #[test]
    fn what_is_no_value_changes_nothing() {
        let mut settings = settings();
        for (name, value) in [("output", "xml"), ("max_rows", "-1"), ("timing", "so"), ("x", "y")] {
            assert!(settings.set(name, value).is_err(), "{name}");
        }
        assert_eq!(settings.list(), self::settings().list());
    }
}
