//! Counts, ranks and positions that the engine gives as unsigned numbers.

use std::mem;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    CastKind, DataType as SqlType, Expr, Function, Statement as Sql, Value, VisitMut, VisitorMut,
};

/// Functions that give a rank within a window.
const RANKS: [&str; 4] = ["row_number", "rank", "dense_rank", "ntile"];
/// Functions that count, or tell a position.
const COUNTS: [&str; 11] = [
    "approx_distinct",
    "array_indexof",
    "array_length",
    "array_ndims",
    "array_position",
    "cardinality",
    "list_indexof",
    "list_length",
    "list_ndims",
    "list_position",
    "regr_count",
];

/// Makes them `BIGINT`, as in other databases: a difference of two may be negative, and no client
/// has to read a decimal. Columns are called as they were.
pub(super) fn count_in_bigint(sql: &mut Sql) {
    // Nothing breaks this walk off.
    let _ = sql.visit(&mut Signed);
}

struct Signed;

impl VisitorMut for Signed {
    type Break = ();

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        if matches!(expression, Expr::Function(function) if is_unsigned(function)) {
            let counted = mem::replace(expression, Expr::value(Value::Null));
            *expression = Expr::Cast {
                kind: CastKind::Cast,
                expr: Box::new(counted),
                data_type: SqlType::BigInt(None),
                array: false,
                format: None,
            };
        }
        ControlFlow::Continue(())
    }
}

fn is_unsigned(function: &Function) -> bool {
    let [part] = &function.name.0[..] else { return false };
    let Some(name) = part.as_ident() else { return false };
    let name = name.value.to_lowercase();
    COUNTS.contains(&name.as_str()) || function.over.is_some() && RANKS.contains(&name.as_str())
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    fn counted(sql: &str) -> String {
        let mut sql = Parser::parse_sql(&GenericDialect {}, sql).unwrap().remove(0);
        count_in_bigint(&mut sql);
        sql.to_string()
    }

    #[test]
    fn ranks_and_counts_are_signed_wherever_they_stand() {
        assert_eq!(
            counted("SELECT n - row_number() OVER (ORDER BY n) FROM t QUALIFY RANK() OVER (w) = 1"),
            "SELECT n - CAST(row_number() OVER (ORDER BY n) AS BIGINT) FROM t \
             QUALIFY CAST(RANK() OVER (w) AS BIGINT) = 1"
        );
        assert_eq!(
            counted("SELECT array_length(a) FROM (SELECT approx_distinct(x) FROM t)"),
            "SELECT CAST(array_length(a) AS BIGINT) FROM (SELECT CAST(approx_distinct(x) AS BIGINT) FROM t)"
        );
    }

    #[test]
    fn other_calls_and_columns_of_these_names_are_left_alone() {
        let sql = "SELECT rank, s.rank(1), sum(n) OVER (ORDER BY n) FROM cardinality";
        assert_eq!(counted(sql), sql);
    }
}
