//! Values as text.

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, DurationFormat, FormatOptions};
use unicode_width::UnicodeWidthChar;

/// For people: a space between date and time, as SQL writes it, and `NULL`.
pub(super) const FOR_PEOPLE: FormatOptions<'static> = FormatOptions::new()
    .with_display_error(false)
    .with_null("NULL")
    .with_datetime_format(Some("%Y-%m-%d %H:%M:%S%.f"))
    .with_timestamp_format(Some("%Y-%m-%d %H:%M:%S%.f"))
    .with_timestamp_tz_format(Some("%Y-%m-%d %H:%M:%S%.f%:z"))
    .with_duration_format(DurationFormat::Pretty);

/// For programs: dates, times and durations after ISO 8601. It is also several times as fast.
pub(super) const FOR_PROGRAMS: FormatOptions<'static> = FormatOptions::new()
    .with_display_error(false)
    .with_null("NULL")
    .with_duration_format(DurationFormat::ISO8601);

/// One formatter for each column of a batch.
pub(super) fn formatters<'a>(
    batch: &'a RecordBatch,
    options: &FormatOptions<'a>,
) -> Result<Vec<ArrayFormatter<'a>>, ArrowError> {
    batch.columns().iter().map(|column| ArrayFormatter::try_new(column, options)).collect()
}

/// Whether values of that type stand at the right of their column.
pub(super) fn is_right_aligned(data_type: &DataType) -> bool {
    data_type.is_numeric()
}

/// A value on one line that does nothing to a terminal: control characters become escapes.
pub(super) fn on_one_line(text: &str) -> String {
    if !text.chars().any(char::is_control) {
        return text.to_string();
    }
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { line.extend(c.escape_default()) } else { line.push(c) }
    }
    line
}

/// The lines of a value, as a plan has several; without the empty ones at its end.
pub(super) fn lines(text: &str) -> Vec<String> {
    text.trim_end_matches('\n').split('\n').map(on_one_line).collect()
}

/// The number of columns of a terminal that a text takes.
pub(super) fn width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_become_escapes() {
        assert_eq!(on_one_line("a\tb\n\u{1b}[31m"), "a\\tb\\n\\u{1b}[31m");
        assert_eq!(on_one_line("日本"), "日本");
    }

    #[test]
    fn a_value_has_a_line_for_each_line_break() {
        assert_eq!(lines("a\n b\r\n\n"), ["a", " b\\r"]);
        assert_eq!(lines(""), [""]);
    }

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!((width("ab"), width("日本")), (2, 4));
    }
}
