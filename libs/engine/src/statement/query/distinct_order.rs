//! The order of rows of which each is there once.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Distinct, Expr, OrderByKind, Query, Select, SelectItem, SetExpr, Statement as Sql, Value,
    VisitMut, VisitorMut,
};

/// Orders the rows of a `SELECT DISTINCT` by the position of a column where `ORDER BY` repeats the
/// column's expression. The planner would look for what the expression reads, which is gone.
pub(super) fn order_by_position(sql: &mut Sql) {
    // Nothing breaks this walk off.
    let _ = sql.visit(&mut Ordered);
}

struct Ordered;

impl VisitorMut for Ordered {
    type Break = ();

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let Some(select) = distinct(&query.body) else { return ControlFlow::Continue(()) };
        let order = query.order_by.as_mut().map(|order| &mut order.kind);
        if let Some(OrderByKind::Expressions(order)) = order {
            let positions = positions(select);
            for by in order {
                if let Some(position) = positions.get(&by.expr) {
                    by.expr = Expr::value(Value::Number(position.to_string(), false));
                }
            }
        }
        ControlFlow::Continue(())
    }
}

fn distinct(body: &SetExpr) -> Option<&Select> {
    body.as_select().filter(|select| matches!(select.distinct, Some(Distinct::Distinct)))
}

/// The position of each expression, from one. Names are found without it, and behind a `*` nothing
/// is known of positions.
fn positions(select: &Select) -> HashMap<&Expr, usize> {
    let expressions = select.projection.iter().map_while(|item| match item {
        SelectItem::UnnamedExpr(expression)
        | SelectItem::ExprWithAlias { expr: expression, .. } => Some(expression),
        _ => None,
    });
    let is_name = |expression: &Expr| {
        matches!(expression, Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_))
    };
    // Of equal ones the first stays.
    let positions = expressions.zip(1..).filter(|(expression, _)| !is_name(expression));
    let mut positions: Vec<_> = positions.collect();
    positions.reverse();
    positions.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    fn ordered(sql: &str) -> String {
        let mut sql = Parser::parse_sql(&GenericDialect {}, sql).unwrap().remove(0);
        order_by_position(&mut sql);
        sql.to_string()
    }

    #[test]
    fn a_repeated_expression_means_the_column() {
        assert_eq!(
            ordered(
                "SELECT DISTINCT a, upper(b), a + 1 AS c FROM t ORDER BY a + 1 DESC, a, upper(b)"
            ),
            "SELECT DISTINCT a, upper(b), a + 1 AS c FROM t ORDER BY 3 DESC, a, 2"
        );
    }

    #[test]
    fn other_orders_stay_as_they_are() {
        for sql in [
            "SELECT upper(b) FROM t ORDER BY upper(b)",
            "SELECT DISTINCT *, upper(b) FROM t ORDER BY upper(b), lower(b)",
            "SELECT DISTINCT b, 1 FROM t ORDER BY b, 1",
        ] {
            assert_eq!(ordered(sql), sql);
        }
    }
}
