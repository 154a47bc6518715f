//! Columns of a result that would have one name.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Query, SelectItem, SetExpr, Statement as Sql, VisitMut, VisitorMut,
};

/// Gives the second and later of equal columns a name of their own, such as `id_1`: people and tools
/// write `SELECT id, id`, and the planner would refuse it.
pub(super) fn name_repeated(sql: &mut Sql) {
    // Nothing breaks this walk off.
    let _ = sql.visit(&mut Apart);
}

struct Apart;

impl VisitorMut for Apart {
    type Break = ();

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        in_body(&mut query.body);
        ControlFlow::Continue(())
    }
}

fn in_body(body: &mut SetExpr) {
    match body {
        SetExpr::Select(select) => in_projection(&mut select.projection),
        // Only the first part of a set operation names its columns, but each must be sound.
        SetExpr::SetOperation { left, right, .. } => {
            in_body(left);
            in_body(right);
        }
        _ => {}
    }
}

fn in_projection(items: &mut [SelectItem]) {
    let mut names: HashSet<String> = items.iter().filter_map(alias_of).collect();
    let mut met = HashSet::new();
    for item in items {
        let SelectItem::UnnamedExpr(expression) = item else { continue };
        let (key, name) = named(expression);
        if met.insert(key) {
            continue;
        }
        let free = (1..).map(|number| format!("{name}_{number}"));
        let Some(free) = free.into_iter().find(|free| !names.contains(free)) else { continue };
        names.insert(free.clone());
        let alias = Ident::with_quote('"', free);
        *item = SelectItem::ExprWithAlias { expr: expression.clone(), alias };
    }
}

fn alias_of(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.clone()),
        SelectItem::UnnamedExpr(expression) => Some(named(expression).1),
        _ => None,
    }
}

/// What tells an expression's column from others, and its name. A cast does not change either, and
/// a subquery's value is called as its column is.
fn named(expression: &Expr) -> (String, String) {
    match expression {
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => named(inner),
        Expr::Identifier(name) => (name.to_string(), name.value.clone()),
        Expr::CompoundIdentifier(parts) => {
            let name = parts.last().map_or_else(String::new, |part| part.value.clone());
            (expression.to_string(), name)
        }
        Expr::Subquery(query) => {
            match query.body.as_select().map(|select| &select.projection[..]) {
                Some([SelectItem::UnnamedExpr(value)]) => named(value),
                Some([SelectItem::ExprWithAlias { alias, .. }]) => {
                    (alias.to_string(), alias.value.clone())
                }
                _ => (expression.to_string(), expression.to_string()),
            }
        }
        other => (other.to_string(), other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    fn apart(sql: &str) -> String {
        let mut statements = Parser::parse_sql(&GenericDialect {}, sql).unwrap();
        name_repeated(&mut statements[0]);
        statements[0].to_string()
    }

    #[test]
    fn equal_columns_get_names_of_their_own() {
        assert_eq!(apart("SELECT id, id FROM t"), r#"SELECT id, id AS "id_1" FROM t"#);
        assert_eq!(
            apart("SELECT id, CAST(id AS VARCHAR), a AS id_1 FROM t"),
            r#"SELECT id, CAST(id AS VARCHAR) AS "id_2", a AS id_1 FROM t"#
        );
        assert_eq!(apart("SELECT 1, 1"), r#"SELECT 1, 1 AS "1_1""#);
        assert_eq!(
            apart("SELECT (SELECT count(*) FROM t), count(*), (SELECT n AS x FROM t), x FROM u"),
            "SELECT (SELECT count(*) FROM t), count(*) AS \"count(*)_1\", \
             (SELECT n AS x FROM t), x AS \"x_1\" FROM u"
        );
    }

    #[test]
    fn columns_that_differ_stay_as_they_are() {
        for sql in ["SELECT a.id, b.id FROM a, b", "SELECT id, Id + 1, *, t.* FROM t"] {
            assert_eq!(apart(sql), sql);
        }
    }
}
