//! Rows that are looked for among those of a subquery: `(a, b) IN (SELECT x, y …)`.

use std::mem;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Ident, Query, Select, SetExpr, Statement as Sql, TableFactor,
    UnaryOperator, VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

/// Asks with `EXISTS` what a `WHERE` asks with `IN` of several columns, which the planner does not
/// know. What is not known counts as false there, so both are the same; elsewhere such an `IN` is
/// left, and refused.
pub(super) fn seek_rows(sql: &mut Sql) {
    // Nothing breaks this walk off.
    let _ = sql.visit(&mut Sought);
}

struct Sought;

impl VisitorMut for Sought {
    type Break = ();

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        select.selection.iter_mut().for_each(in_condition);
        ControlFlow::Continue(())
    }
}

fn in_condition(condition: &mut Expr) {
    match condition {
        Expr::Nested(inner) => in_condition(inner),
        Expr::BinaryOp { left, op: BinaryOperator::And | BinaryOperator::Or, right } => {
            in_condition(left);
            in_condition(right);
        }
        Expr::UnaryOp { op: UnaryOperator::Not, expr } => {
            if let Some(sought) = sought(expr, true) {
                *condition = sought;
            }
        }
        _ => {
            if let Some(sought) = sought(condition, false) {
                *condition = sought;
            }
        }
    }
}

/// The `EXISTS` for such an `IN`, or for its contrary.
fn sought(condition: &mut Expr, contrary: bool) -> Option<Expr> {
    let (expr, subquery, negated) = match condition {
        Expr::Nested(inner) => return sought(inner, contrary),
        Expr::InSubquery { expr, subquery, negated } => (expr, subquery, *negated != contrary),
        _ => return None,
    };
    let Expr::Tuple(values) = expr.as_mut() else { return None };
    let columns: Vec<_> =
        (0..values.len()).map(|at| Ident::with_quote('"', format!("__row_{at}"))).collect();
    let mut rows = rows_of(&columns)?;
    let SetExpr::Select(select) = rows.body.as_mut() else { return None };
    let [from] = select.from.as_mut_slice() else { return None };
    let TableFactor::Derived { subquery: place, .. } = &mut from.relation else { return None };
    mem::swap(place, subquery);
    let is_equal = mem::take(values).into_iter().zip(columns).map(equal).reduce(both)?;
    select.selection = Some(match negated {
        // A row that may be equal is enough for `NOT IN` not to be true.
        true => Expr::IsNotFalse(Box::new(Expr::Nested(Box::new(is_equal)))),
        false => is_equal,
    });
    Some(Expr::Exists { subquery: rows, negated })
}

/// A query over a subquery, whose columns have these names; another is to be put in its place.
fn rows_of(columns: &[Ident]) -> Option<Box<Query>> {
    let names: Vec<_> = columns.iter().map(Ident::to_string).collect();
    let sql = format!("SELECT 1 FROM (SELECT 1) AS __rows ({})", names.join(", "));
    match Parser::parse_sql(&GenericDialect {}, &sql).ok()?.pop()? {
        Sql::Query(query) => Some(query),
        _ => None,
    }
}

fn equal((value, column): (Expr, Ident)) -> Expr {
    Expr::BinaryOp {
        left: Box::new(Expr::Identifier(column)),
        op: BinaryOperator::Eq,
        right: Box::new(Expr::Nested(Box::new(value))),
    }
}

fn both(left: Expr, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op: BinaryOperator::And, right: Box::new(right) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sought(condition: &str) -> String {
        let sql = format!("SELECT 1 FROM t WHERE {condition}");
        let mut sql = Parser::parse_sql(&GenericDialect {}, &sql).unwrap().remove(0);
        seek_rows(&mut sql);
        sql.to_string().trim_start_matches("SELECT 1 FROM t WHERE ").to_string()
    }

    #[test]
    fn a_row_is_sought_where_a_condition_decides() {
        let exists = r#"EXISTS (SELECT 1 FROM (SELECT x, y FROM u) AS __rows ("__row_0", "__row_1") WHERE "__row_0" = (a) AND "__row_1" = (b + 1))"#;
        let plain = "(a, b + 1) IN (SELECT x, y FROM u)";
        assert_eq!(sought(plain), exists);
        assert_eq!(sought(&format!("c AND (d OR {plain})")), format!("c AND (d OR {exists})"));
        let not = exists.replace("WHERE ", "WHERE (").replace("1))", "1)) IS NOT FALSE)");
        assert_eq!(sought("(a, b + 1) NOT IN (SELECT x, y FROM u)"), format!("NOT {not}"));
        assert_eq!(sought(&format!("NOT ({plain})")), format!("NOT {not}"));
        assert_eq!(sought("NOT (a, b + 1) NOT IN (SELECT x, y FROM u)"), exists);
    }

    #[test]
    fn it_is_left_where_what_is_not_known_matters() {
        for condition in ["((a, b) IN (SELECT x, y FROM u)) IS NULL", "a IN (SELECT x FROM u)"] {
            assert_eq!(sought(condition), condition);
        }
    }
}
