//! Values of expressions that must be known before there are tables, such as a version's time.

use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{DFSchema, plan_err};
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::Expr as Value;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{Expr, ExprWithAlias};

use crate::query::Error;

/// The zone of times that name none, where the session has none either.
const UTC: &str = "+00:00";

/// The value of an expression without columns and subqueries.
///
/// # Errors
/// [`Error::NotConstant`].
pub(super) fn constant(state: &SessionState, expr: &Expr) -> Result<ScalarValue, Error> {
    let refused =
        |source| Error::NotConstant { expression: expr.to_string(), source: Box::new(source) };
    let value = || {
        let nothing = DFSchema::empty();
        let mut state = state.clone();
        state.mark_start_execution();
        let written = ExprWithAlias { expr: expr.clone(), alias: None };
        let expr = state.create_logical_expr_from_sql_expr(written, &nothing)?;
        let context = SimplifyContext::builder()
            .with_schema(Arc::new(nothing.clone()))
            .with_config_options(Arc::clone(state.config_options()))
            .with_query_execution_start_time(state.execution_props().query_execution_start_time)
            .build();
        let simplifier = ExprSimplifier::new(context);
        match simplifier.simplify(simplifier.coerce(expr, &nothing)?)? {
            Value::Literal(value, _) => Ok(value),
            _ => plan_err!("its value is not known before the statement runs"),
        }
    };
    value().map_err(refused)
}

/// A time as milliseconds since 1970-01-01 UTC: text, dates and times without a zone in that of the
/// session. `None` for what is no time.
pub(super) fn milliseconds(state: &SessionState, value: ScalarValue) -> Option<i64> {
    let zone = state.config_options().execution.time_zone.as_deref().unwrap_or(UTC);
    let in_zone = DataType::Timestamp(TimeUnit::Microsecond, Some(zone.into()));
    let value = match value.data_type() {
        DataType::Date32 | DataType::Date64 => {
            value.cast_to(&DataType::Timestamp(TimeUnit::Microsecond, None)).ok()?
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Timestamp(..) => {
            value
        }
        _ => return None,
    };
    match value.cast_to(&in_zone).ok()? {
        ScalarValue::TimestampMicrosecond(microseconds, _) => {
            microseconds.map(|microseconds| microseconds.div_euclid(1_000))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::{SessionConfig, SessionContext};
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::parser::Parser;
    use lakegate_common::{Coded, ErrorCode};

    use super::*;

    fn state(zone: Option<&str>) -> SessionState {
        let mut config = SessionConfig::new();
        config.options_mut().execution.time_zone = zone.map(str::to_string);
        SessionContext::new_with_config(config).state()
    }

    fn parsed(sql: &str) -> Expr {
        Parser::new(&GenericDialect {}).try_with_sql(sql).unwrap().parse_expr().unwrap()
    }

    #[test]
    fn times_without_a_zone_are_those_of_the_session() {
        for (sql, zone, expected) in [
            ("'1970-01-02'", None, Some(86_400_000)),
            ("'1970-01-01 00:00:01.5'", None, Some(1_500)),
            ("'1970-01-01T01:00:00+01:00'", None, Some(0)),
            ("'1970-01-01 00:00:00'", Some("+02:00"), Some(-7_200_000)),
            ("DATE '1970-01-02'", Some("+02:00"), Some(79_200_000)),
            ("TIMESTAMP '1970-01-01 00:00:01'", Some("-01:00"), Some(3_601_000)),
            ("TIMESTAMP '1970-01-02' - INTERVAL '1 day'", None, Some(0)),
            ("CAST('1970-01-01' AS DATE)", None, Some(0)),
            ("'1969-12-31 23:59:59.9995'", None, Some(-1)),
            ("'yesterday'", None, None),
            ("NULL", None, None),
            ("5", None, None),
            ("date_trunc('year', TIMESTAMP '1970-06-01 00:00:00')", None, Some(0)),
        ] {
            let state = state(zone);
            let value = constant(&state, &parsed(sql)).unwrap();
            assert_eq!(milliseconds(&state, value), expected, "{sql} in {zone:?}");
        }
    }

    #[test]
    fn now_is_a_time() {
        let state = state(None);
        let value = constant(&state, &parsed("now() - INTERVAL '1 day'")).unwrap();
        assert!(milliseconds(&state, value).unwrap() > 1_700_000_000_000);
    }

    #[test]
    fn an_expression_that_needs_a_table_is_refused() {
        for sql in ["a", "t.a + 1", "random()", "(SELECT 1)", "no_such_function(1)", "sum(1)"] {
            let error = constant(&state(None), &parsed(sql)).expect_err(sql);
            assert_eq!(error.code(), ErrorCode::InvalidStatement, "{sql}");
        }
    }
}
