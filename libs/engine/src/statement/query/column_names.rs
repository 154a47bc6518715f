//! What columns of a SELECT are called that its writer gave no name.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Function, Ident, ObjectNamePart, Query, SelectItem, Statement as Sql, VisitMut,
    VisitorMut, visit_expressions_mut,
};

use crate::statement::projections::each_projection;

/// Characters of an expression that its column is called by.
const NAME_MAX: usize = 255;

/// Calls an expression's column as the expression is written, functions in small letters, and gives
/// the second and later of equal columns a name of their own, such as `id_1`: people and tools write
/// `SELECT id, id`, and the planner would refuse it.
pub(super) fn name_columns(sql: &mut Sql) {
    // Nothing breaks this walk off.
    let _ = sql.visit(&mut Named);
}

struct Named;

impl VisitorMut for Named {
    type Break = ();

    /// Before the subqueries have their turn: their columns' names would be part of the text.
    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        // Only the first part of a set operation names its columns, but each must be sound.
        each_projection(&mut query.body, &mut in_projection);
        ControlFlow::Continue(())
    }
}

/// How a column without a name of its own is called.
enum Called {
    /// As the engine calls it, too; equal columns have equal keys.
    Plainly { key: String, name: String },
    /// As it is written, which the engine would not do.
    AsWritten(String),
}

fn in_projection(items: &mut [SelectItem]) {
    let bare: HashSet<String> = items.iter().filter_map(bare_column).collect();
    let called: Vec<_> =
        items.iter().map(|item| unnamed(item).map(|it| called(it, &bare))).collect();
    let plain = called.iter().flatten().filter_map(|called| match called {
        Called::Plainly { name, .. } => Some(name.clone()),
        Called::AsWritten(_) => None,
    });
    let mut names: HashSet<String> = items.iter().filter_map(alias_of).chain(plain).collect();
    let mut met = HashSet::new();
    let mut counts = HashMap::new();
    for (item, called) in items.iter_mut().zip(called) {
        let name = match called {
            Some(Called::Plainly { key, name }) if !met.insert(key.clone()) => name,
            Some(Called::AsWritten(name)) => name,
            _ => continue,
        };
        if let SelectItem::UnnamedExpr(expression) = item {
            let alias = Ident::with_quote('"', free(name, &mut names, &mut counts));
            *item = SelectItem::ExprWithAlias { expr: expression.clone(), alias };
        }
    }
}

/// The name, with a number where columns have it already. `counts` tells how far each name got.
fn free(name: String, names: &mut HashSet<String>, counts: &mut HashMap<String, usize>) -> String {
    let mut free = name.clone();
    let count = counts.entry(name).or_insert(0);
    let stem = free.clone();
    while !names.insert(free.clone()) {
        *count += 1;
        free = format!("{stem}_{count}");
    }
    free
}

fn unnamed(item: &SelectItem) -> Option<&Expr> {
    match item {
        SelectItem::UnnamedExpr(expression) => Some(expression),
        _ => None,
    }
}

fn alias_of(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(meant(alias)),
        _ => None,
    }
}

/// A column that is named without its table.
fn bare_column(item: &SelectItem) -> Option<String> {
    match core(unnamed(item)?) {
        Expr::Identifier(name) => Some(meant(name)),
        _ => None,
    }
}

/// What gives an expression its name: a cast does not.
fn core(expression: &Expr) -> &Expr {
    match expression {
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => core(inner),
        expression => expression,
    }
}

/// A subquery's value is called as its column is. A name that is enough without a table is enough
/// with one: `t.id` is the `id` that stands beside it.
fn called(expression: &Expr, bare: &HashSet<String>) -> Called {
    let expression = core(expression);
    match expression {
        Expr::Identifier(name) => Called::Plainly { key: meant(name), name: meant(name) },
        Expr::CompoundIdentifier(parts) => {
            let name = parts.last().map(meant).unwrap_or_default();
            let key = if bare.contains(&name) { name.clone() } else { expression.to_string() };
            Called::Plainly { key, name }
        }
        Expr::Subquery(query) => {
            match query.body.as_select().map(|select| &select.projection[..]) {
                Some([SelectItem::UnnamedExpr(value)]) => called(value, &HashSet::new()),
                Some([SelectItem::ExprWithAlias { alias, .. }]) => {
                    Called::Plainly { key: meant(alias), name: meant(alias) }
                }
                _ => Called::AsWritten(as_written(expression.clone())),
            }
        }
        // One call may stand for several columns.
        Expr::Function(function) if function_name(function).as_deref() == Some("unnest") => {
            Called::Plainly { key: expression.to_string(), name: expression.to_string() }
        }
        other => Called::AsWritten(as_written(other.clone())),
    }
}

fn as_written(mut expression: Expr) -> String {
    // Nothing breaks this walk off.
    let _ = visit_expressions_mut(&mut expression, |part| {
        if let Expr::Function(function) = part {
            function.name.0.iter_mut().for_each(in_small_letters);
        }
        ControlFlow::<()>::Continue(())
    });
    let text = expression.to_string();
    match text.char_indices().nth(NAME_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

fn in_small_letters(part: &mut ObjectNamePart) {
    if let ObjectNamePart::Identifier(name) = part {
        name.value = meant(name);
    }
}

/// The name of a function that is one word, in small letters unless it is in quotes.
fn function_name(function: &Function) -> Option<String> {
    match &function.name.0[..] {
        [ObjectNamePart::Identifier(name)] => Some(meant(name)),
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

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    fn apart(sql: &str) -> String {
        let mut statements = Parser::parse_sql(&GenericDialect {}, sql).unwrap();
        name_columns(&mut statements[0]);
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
        assert_eq!(
            apart("SELECT CAST(id AS TEXT), t.id FROM t"),
            r#"SELECT CAST(id AS TEXT), t.id AS "id_1" FROM t"#
        );
        assert_eq!(apart("SELECT 1, 1"), r#"SELECT 1 AS "1", 1 AS "1_1""#);
        assert_eq!(
            apart("SELECT (SELECT n FROM t), n, (SELECT n AS X FROM t), x FROM u"),
            r#"SELECT (SELECT n FROM t), n AS "n_1", (SELECT n AS X FROM t), x AS "x_1" FROM u"#
        );
        assert_eq!(
            apart("SELECT (SELECT count(*) FROM t), count(*) FROM u"),
            "SELECT (SELECT count(*) AS \"count(*)\" FROM t) AS \"count(*)\", \
             count(*) AS \"count(*)_1\" FROM u"
        );
    }

    #[test]
    fn columns_that_differ_stay_as_they_are() {
        for sql in ["SELECT a.id, b.id FROM a, b", "SELECT id, CAST(n AS TEXT), *, t.* FROM t"] {
            assert_eq!(apart(sql), sql);
        }
    }

    #[test]
    fn an_expression_is_called_as_it_is_written() {
        for (written, name) in [
            ("COUNT(*)", "count(*)"),
            ("Upper('A' || B)", "upper('A' || B)"),
            ("CAST(sum(n) AS INT)", "sum(n)"),
            ("CASE WHEN a = 1 THEN 'x' END", "CASE WHEN a = 1 THEN 'x' END"),
            ("row_number() OVER (ORDER BY a)", "row_number() OVER (ORDER BY a)"),
        ] {
            let sql = format!("SELECT {written} FROM t");
            assert_eq!(apart(&sql), format!("SELECT {written} AS \"{name}\" FROM t"));
        }
        let long = format!("SELECT '{}'", "é".repeat(NAME_MAX));
        assert!(apart(&long).ends_with("é…\""), "{}", apart(&long));
        let deep = (0..12).fold("1".to_string(), |inner, _| format!("1 + (SELECT {inner})"));
        assert!(apart(&format!("SELECT {deep}")).len() < 12 * 300);
        let both = apart("SELECT n + 1 FROM (SELECT unnest(a), sum(b) AS \"n + 1\" FROM t)");
        assert_eq!(
            both,
            r#"SELECT n + 1 AS "n + 1" FROM (SELECT unnest(a), sum(b) AS "n + 1" FROM t)"#
        );
        assert_eq!(
            apart("SELECT sum(b), a AS \"sum(b)\" FROM t"),
            r#"SELECT sum(b) AS "sum(b)_1", a AS "sum(b)" FROM t"#
        );
    }
}
