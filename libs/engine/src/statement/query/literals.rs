//! Numbers and times that are written down more exactly than the planner would read them.
//!
//! The planner makes a double of every number with a point, and counts every time in nanoseconds,
//! which end in the year 2262. Where that would change what was written, the statement is given the
//! type that holds it.

use std::ops::ControlFlow;

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::sql::parser::Statement as ParsedStatement;
use datafusion::sql::sqlparser::ast::{
    CastKind, DataType as SqlType, ExactNumberInfo, Expr, SetExpr, Statement as Sql, TimezoneInfo,
    UnaryOperator, Value, VisitMut, VisitorMut,
};

/// Digits of a number that go through a double and back unchanged.
const DIGITS_OF_DOUBLE: usize = 17;
/// Digits of the longest decimal.
const DIGITS_MAX: usize = 76;
/// The precision of times, in digits of a second, that reaches every year that can be written.
const MICROSECONDS: u64 = 6;

/// Gives literals of `sql` the type that holds them.
pub(super) fn keep_exact(sql: &mut Sql) {
    // Nothing breaks this walk off.
    let _ = sql.visit(&mut Exact);
}

/// Reads numbers that stand as rows of an `INSERT` as what they are written to: columns of these
/// types, in their order.
pub fn keep_exact_rows(statement: &mut ParsedStatement, columns: &[DataType]) {
    let ParsedStatement::Statement(sql) = statement else { return };
    let Sql::Query(query) = sql.as_mut() else { return };
    let SetExpr::Values(values) = query.body.as_mut() else { return };
    for row in &mut values.rows {
        for (value, column) in row.iter_mut().zip(columns) {
            if let DataType::Decimal128(precision, scale) = column
                && let Some(number) = number_with_point(value)
            {
                *value = decimal(number, u64::from(*precision), i64::from(*scale));
            }
        }
    }
}

struct Exact;

impl VisitorMut for Exact {
    type Break = ();

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        match expression {
            Expr::Value(value) => {
                if let Value::Number(number, _) = &value.value
                    && let Some((precision, scale)) = long_decimal(number)
                {
                    *expression = decimal(number.clone(), precision, scale);
                }
            }
            Expr::Cast {
                kind: CastKind::Cast | CastKind::DoubleColon, expr, data_type, ..
            } => {
                if is_decimal(data_type)
                    && let Some(number) = number_with_point(expr)
                {
                    **expr = text(number);
                } else if let Expr::Value(value) = expr.as_ref()
                    && let Value::SingleQuotedString(written) = &value.value
                {
                    reach_far(data_type, written);
                }
            }
            Expr::TypedString(typed) => {
                if let Value::SingleQuotedString(written) = &typed.value.value {
                    reach_far(&mut typed.data_type, written);
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// Counts a time in microseconds that nanoseconds do not reach.
fn reach_far(data_type: &mut SqlType, written: &str) {
    if let SqlType::Timestamp(None, zone) = data_type
        && is_beyond_nanoseconds(written, &None)
    {
        let zone: TimezoneInfo = *zone;
        *data_type = SqlType::Timestamp(Some(MICROSECONDS), zone);
    }
}

/// Whether a text is a time, in a zone or in none, that microseconds reach and nanoseconds do not.
pub(crate) fn is_beyond_nanoseconds(written: &str, zone: &Option<std::sync::Arc<str>>) -> bool {
    let written = ScalarValue::from(written);
    let reaches = |unit| written.cast_to(&DataType::Timestamp(unit, zone.clone())).is_ok();
    !reaches(TimeUnit::Nanosecond) && reaches(TimeUnit::Microsecond)
}

/// Precision and scale of a number with more digits than a double keeps.
fn long_decimal(number: &str) -> Option<(u64, i64)> {
    if !number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let whole = whole.trim_start_matches('0');
    let significant = if whole.is_empty() { fraction.trim_start_matches('0') } else { fraction };
    let digits = whole.len() + significant.len();
    let is_integer = !number.contains('.') && number.parse::<u64>().is_ok();
    if is_integer || digits <= DIGITS_OF_DOUBLE || whole.len() + fraction.len() > DIGITS_MAX {
        return None;
    }
    let precision = u64::try_from(whole.len() + fraction.len()).ok()?;
    Some((precision, i64::try_from(fraction.len()).ok()?))
}

/// A number with a point and no exponent, with its sign.
fn number_with_point(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Nested(inner) => number_with_point(inner),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match number_with_point(expr)? {
            number if number.starts_with('-') => None,
            number => Some(format!("-{number}")),
        },
        Expr::Value(value) => match &value.value {
            Value::Number(number, _)
                if number.contains('.')
                    && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') =>
            {
                Some(number.clone())
            }
            _ => None,
        },
        _ => None,
    }
}

fn is_decimal(data_type: &SqlType) -> bool {
    matches!(data_type, SqlType::Decimal(_) | SqlType::Numeric(_) | SqlType::Dec(_))
}

fn decimal(number: String, precision: u64, scale: i64) -> Expr {
    Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(text(number)),
        data_type: SqlType::Decimal(ExactNumberInfo::PrecisionAndScale(precision, scale)),
        array: false,
        format: None,
    }
}

fn text(text: String) -> Expr {
    Expr::Value(Value::SingleQuotedString(text).into())
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    fn kept(sql: &str) -> String {
        let mut statements = Parser::parse_sql(&GenericDialect {}, sql).unwrap();
        keep_exact(&mut statements[0]);
        statements[0].to_string()
    }

    #[test]
    fn numbers_that_a_double_keeps_stay_as_they_are() {
        for sql in [
            "SELECT 1.005, 0.30000000000000004, 18446744073709551615, 1.5e300, -2.5",
            "SELECT CAST(1 AS DECIMAL(10,2)), CAST('1.005' AS DECIMAL(10,2)), CAST(1.5 AS INT)",
        ] {
            assert_eq!(kept(sql), sql);
        }
    }

    #[test]
    fn longer_numbers_and_those_cast_to_decimals_are_read_exactly() {
        assert_eq!(
            kept("SELECT 1234567890123456789.0123456789, 12345678901234567890123456"),
            "SELECT CAST('1234567890123456789.0123456789' AS DECIMAL(29,10)), \
             CAST('12345678901234567890123456' AS DECIMAL(26,0))"
        );
        assert_eq!(
            kept("SELECT CAST(-1.005 AS DECIMAL(10,2)), 1.005::NUMERIC(10,2)"),
            "SELECT CAST('-1.005' AS DECIMAL(10,2)), '1.005'::NUMERIC(10,2)"
        );
    }

    #[test]
    fn times_beyond_nanoseconds_are_counted_in_microseconds() {
        assert_eq!(
            kept("SELECT TIMESTAMP '9999-12-31 00:00:00', TIMESTAMP '2020-01-01 00:00:00'"),
            "SELECT TIMESTAMP(6) '9999-12-31 00:00:00', TIMESTAMP '2020-01-01 00:00:00'"
        );
        assert_eq!(
            kept("SELECT CAST('0001-01-01' AS TIMESTAMP)"),
            "SELECT CAST('0001-01-01' AS TIMESTAMP(6))"
        );
    }

    #[test]
    fn rows_for_decimal_columns_are_read_exactly() {
        let sql = "VALUES (1.005, 1.005), (-(2.5), 3)";
        let statements = Parser::parse_sql(&GenericDialect {}, sql).unwrap();
        let mut statement = ParsedStatement::Statement(Box::new(statements[0].clone()));
        keep_exact_rows(&mut statement, &[DataType::Decimal128(10, 2), DataType::Float64]);
        assert_eq!(
            statement.to_string(),
            "VALUES (CAST('1.005' AS DECIMAL(10,2)), 1.005), (CAST('-2.5' AS DECIMAL(10,2)), 3)"
        );
    }
}
