//! Columns of a result that would have one name.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Query, SelectItem, Statement as Sql, VisitMut, VisitorMut,
};

use super::projections::each_projection;

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
        // Only the first part of a set operation names its columns, but each must be sound.
        each_projection(&mut query.body, &mut in_projection);
        ControlFlow::Continue(())
    }
}

fn in_projection(items: &mut [SelectItem]) {
    let bare: HashSet<String> = items.iter().filter_map(bare_column).collect();
    let mut names: HashSet<String> =
        items.iter().filter_map(|item| alias_of(item, &bare)).collect();
    let mut met = HashSet::new();
    for item in items {
        let SelectItem::UnnamedExpr(expression) = item else { continue };
        let (key, name) = named(expression, &bare);
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

/// A column that is named without its table.
fn bare_column(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::UnnamedExpr(Expr::Identifier(name)) => Some(meant(name)),
        _ => None,
    }
}

/// A name as it is looked up: the same in any case, unless it is in quotes.
fn meant(name: &Ident) -> String {
    match name.quote_style {
        Some(_) => name.value.clone(),
        None => name.value.to_lowercase(),
    }
}

fn alias_of(item: &SelectItem, bare: &HashSet<String>) -> Option<String> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.clone()),
        SelectItem::UnnamedExpr(expression) => Some(named(expression, bare).1),
        _ => None,
    }
}

/// What tells an expression's column from others, and its name. A cast does not change either, and
/// a subquery's value is called as its column is. A name that is enough without a table is enough
/// with one: `t.id` is the `id` that stands beside it.
fn named(expression: &Expr, bare: &HashSet<String>) -> (String, String) {
    match expression {
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => named(inner, bare),
        Expr::Identifier(name) => (meant(name), meant(name)),
        Expr::CompoundIdentifier(parts) => {
            let name = parts.last().map(meant).unwrap_or_default();
            let is_alone = bare.contains(&name);
            (if is_alone { name.clone() } else { expression.to_string() }, name)
        }
        Expr::Subquery(query) => {
            match query.body.as_select().map(|select| &select.projection[..]) {
                Some([SelectItem::UnnamedExpr(value)]) => named(value, &HashSet::new()),
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
        assert_eq!(apart("SELECT t.id, id FROM t"), r#"SELECT t.id, id AS "id_1" FROM t"#);
        assert_eq!(apart(r#"SELECT "id", ID FROM t"#), r#"SELECT "id", ID AS "id_1" FROM t"#);
        assert_eq!(apart("SELECT t.id, u.id FROM t, u"), "SELECT t.id, u.id FROM t, u");
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
