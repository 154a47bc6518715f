//! What `IS DISTINCT FROM` compares.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Statement as Sql, UnaryOperator, Value, VisitMut, VisitorMut,
};

/// Lets `a IS DISTINCT FROM b AND c` compare `a` with `b`. The parser takes everything that follows
/// for its right side.
pub(super) fn bind_distinct_from(sql: &mut Sql) {
    // Nothing breaks this walk off.
    let _ = sql.visit(&mut Bound);
}

struct Bound;

impl VisitorMut for Bound {
    type Break = ();

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        let mut at = expression;
        while let Some(hold) = last_side(at)
            && lift(at, hold)
        {
            // What is the left side now may still end in one.
            let Expr::BinaryOp { left, .. } = at else { break };
            at = left.as_mut();
        }
        ControlFlow::Continue(())
    }
}

/// How tightly an operator holds its last side; those that come later do so more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Hold {
    Or,
    And,
    Not,
    Is,
}

/// How an expression holds its last side, where that may be too far a side.
fn last_side(expression: &Expr) -> Option<Hold> {
    match expression {
        Expr::BinaryOp { op, .. } => connective(op),
        Expr::UnaryOp { op: UnaryOperator::Not, .. } => Some(Hold::Not),
        Expr::IsDistinctFrom(..) | Expr::IsNotDistinctFrom(..) => Some(Hold::Is),
        _ => None,
    }
}

fn connective(op: &BinaryOperator) -> Option<Hold> {
    match op {
        BinaryOperator::Or => Some(Hold::Or),
        BinaryOperator::And => Some(Hold::And),
        _ => None,
    }
}

/// Lifts a connective that holds less out of the last side of an expression; whether there was one.
/// One in parentheses is not seen.
fn lift(expression: &mut Expr, hold: Hold) -> bool {
    let last = match expression {
        Expr::BinaryOp { right: last, .. }
        | Expr::UnaryOp { expr: last, .. }
        | Expr::IsDistinctFrom(_, last)
        | Expr::IsNotDistinctFrom(_, last) => last,
        _ => return false,
    };
    let Expr::BinaryOp { left, op, .. } = last.as_mut() else { return false };
    if connective(op).is_none_or(|inner| inner >= hold) {
        return false;
    }
    let nothing = || Box::new(Expr::value(Value::Null));
    // From `first [hold] (left op right)` to `(first [hold] left) op right`.
    let left = std::mem::replace(left, nothing());
    let mut connected = std::mem::replace(last, left);
    if let Expr::BinaryOp { left, .. } = connected.as_mut() {
        std::mem::swap(left.as_mut(), expression);
    }
    *expression = *connected;
    true
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    /// The condition with all its parentheses.
    fn bound(condition: &str) -> String {
        let sql = format!("SELECT 1 WHERE {condition}");
        let mut statements = Parser::parse_sql(&GenericDialect {}, &sql).unwrap();
        bind_distinct_from(&mut statements[0]);
        let Sql::Query(query) = &statements[0] else { panic!() };
        shown(query.body.as_select().unwrap().selection.as_ref().unwrap())
    }

    fn shown(expression: &Expr) -> String {
        match expression {
            Expr::BinaryOp { left, op, right } => {
                format!("({} {op} {})", shown(left), shown(right))
            }
            Expr::UnaryOp { op, expr } => format!("({op} {})", shown(expr)),
            Expr::IsDistinctFrom(left, right) => {
                format!("({} <> {})", shown(left), shown(right))
            }
            Expr::IsNotDistinctFrom(left, right) => {
                format!("({} == {})", shown(left), shown(right))
            }
            Expr::Nested(inner) => shown(inner),
            other => other.to_string(),
        }
    }

    #[test]
    fn what_follows_the_right_side_is_no_part_of_it() {
        for (condition, expected) in [
            ("a IS DISTINCT FROM b", "(a <> b)"),
            ("a IS DISTINCT FROM b + 1 AND c", "((a <> (b + 1)) AND c)"),
            ("a IS NOT DISTINCT FROM b OR c", "((a == b) OR c)"),
            ("x AND a IS NOT DISTINCT FROM b OR c", "((x AND (a == b)) OR c)"),
            ("x OR a IS NOT DISTINCT FROM b AND c", "(x OR ((a == b) AND c))"),
            ("NOT a IS DISTINCT FROM b AND c", "((NOT (a <> b)) AND c)"),
            ("a IS DISTINCT FROM b AND c OR d", "(((a <> b) AND c) OR d)"),
            ("a IS DISTINCT FROM b OR c AND d", "((a <> b) OR (c AND d))"),
            ("a IS DISTINCT FROM b AND c IS DISTINCT FROM d", "((a <> b) AND (c <> d))"),
            (
                "a IS DISTINCT FROM b AND c IS DISTINCT FROM d OR e",
                "(((a <> b) AND (c <> d)) OR e)",
            ),
            ("a IS DISTINCT FROM b OR c AND d OR e", "(((a <> b) OR (c AND d)) OR e)"),
            ("NOT a IS DISTINCT FROM b OR c AND d OR e", "(((NOT (a <> b)) OR (c AND d)) OR e)"),
            (
                "x AND a IS DISTINCT FROM b AND c IS DISTINCT FROM d OR e",
                "((x AND ((a <> b) AND (c <> d))) OR e)",
            ),
        ] {
            assert_eq!(bound(condition), expected, "{condition}");
        }
    }

    #[test]
    fn parentheses_hold() {
        for (condition, expected) in [
            ("a IS DISTINCT FROM (b AND c)", "(a <> (b AND c))"),
            ("x AND (a OR b)", "(x AND (a OR b))"),
            ("NOT (a OR b)", "(NOT (a OR b))"),
        ] {
            assert_eq!(bound(condition), expected, "{condition}");
        }
    }
}
