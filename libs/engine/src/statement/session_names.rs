//! What a statement asks about the session that sent it: `current_user` and its like.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as ParsedStatement;
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArguments, Ident, Query, SelectItem, Value, VisitMut, VisitorMut,
    visit_expressions,
};

use super::projections::each_projection;

/// What a session is asked for by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionName {
    /// Who sent the statement: `current_user`, `session_user`.
    User,
    /// The default project: `current_catalog`, `current_database()`.
    Project,
    /// The default schema: `current_schema`.
    Schema,
    /// What answers: `version()`.
    Version,
}

/// Puts what `value` says in place of the names that the standard reserves for it, which a column
/// has only in quotes. A column of the result is called by the name that stood there.
pub fn name_session(statement: &mut ParsedStatement, value: impl Fn(SessionName) -> String) {
    if let ParsedStatement::Statement(sql) = statement {
        // Nothing breaks this walk off.
        let _ = sql.visit(&mut Named(value));
    }
}

/// Whether a statement asks who sent it.
pub fn asks_for_user(statement: &ParsedStatement) -> bool {
    match statement {
        ParsedStatement::Statement(sql) => {
            let found = visit_expressions(sql.as_ref(), |expression| {
                match asked(expression) == Some(SessionName::User) {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            });
            found.is_break()
        }
        _ => false,
    }
}

struct Named<F>(F);

impl<F: Fn(SessionName) -> String> VisitorMut for Named<F> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        each_projection(&mut query.body, &mut |items| items.iter_mut().for_each(keep_column));
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        if let Some(name) = asked(expression) {
            *expression = Expr::value(Value::SingleQuotedString((self.0)(name)));
        }
        ControlFlow::Continue(())
    }
}

/// Gives a column that is such a name that name for good.
fn keep_column(item: &mut SelectItem) {
    let SelectItem::UnnamedExpr(expression) = item else { return };
    if asked(expression).is_some() {
        let alias = Ident::with_quote('"', expression.to_string().to_lowercase());
        *item = SelectItem::ExprWithAlias { expr: expression.clone(), alias };
    }
}

fn asked(expression: &Expr) -> Option<SessionName> {
    match expression {
        Expr::Identifier(name) => without_call(name),
        Expr::Function(function) => {
            let [part] = &function.name.0[..] else { return None };
            let name = part.as_ident()?;
            match is_bare_call(function) {
                true => in_call(name).or_else(|| without_call(name)),
                false => None,
            }
        }
        _ => None,
    }
}

fn without_call(name: &Ident) -> Option<SessionName> {
    match word(name)?.as_str() {
        "current_user" | "session_user" => Some(SessionName::User),
        "current_catalog" => Some(SessionName::Project),
        "current_schema" => Some(SessionName::Schema),
        _ => None,
    }
}

fn in_call(name: &Ident) -> Option<SessionName> {
    match word(name)?.as_str() {
        "current_database" => Some(SessionName::Project),
        "version" => Some(SessionName::Version),
        _ => None,
    }
}

/// A name without quotes.
fn word(name: &Ident) -> Option<String> {
    name.quote_style.is_none().then(|| name.value.to_lowercase())
}

/// Whether a function is called with nothing.
fn is_bare_call(function: &Function) -> bool {
    let is_empty = match &function.args {
        FunctionArguments::None => true,
        FunctionArguments::List(list) => list.args.is_empty() && list.clauses.is_empty(),
        FunctionArguments::Subquery(_) => false,
    };
    is_empty && function.over.is_none() && function.filter.is_none()
}

#[cfg(test)]
mod tests {
    use datafusion::sql::parser::DFParser;

    use super::*;

    fn named(sql: &str) -> String {
        let mut statement = DFParser::parse_sql(sql).unwrap().pop_front().unwrap();
        name_session(&mut statement, |name| format!("the {name:?}"));
        statement.to_string()
    }

    #[test]
    fn a_session_is_told_by_the_names_that_the_standard_reserves() {
        for (written, column, value) in [
            ("current_user", "current_user", "User"),
            ("SESSION_USER", "session_user", "User"),
            ("current_catalog", "current_catalog", "Project"),
            ("current_database()", "current_database()", "Project"),
            ("current_schema", "current_schema", "Schema"),
            ("current_schema()", "current_schema()", "Schema"),
            ("version()", "version()", "Version"),
        ] {
            let expected = format!(r#"SELECT 'the {value}' AS "{column}""#);
            assert_eq!(named(&format!("SELECT {written}")), expected);
        }
        let sql = "SELECT a FROM (SELECT 1 AS a UNION SELECT current_user) WHERE a = current_user";
        assert_eq!(
            named(sql),
            r#"SELECT a FROM (SELECT 1 AS a UNION SELECT 'the User' AS "current_user") WHERE a = 'the User'"#
        );
    }

    #[test]
    fn only_a_name_of_the_user_asks_for_the_user() {
        let asks = |sql| asks_for_user(&DFParser::parse_sql(sql).unwrap()[0]);
        assert!(asks("SELECT 1 WHERE EXISTS (SELECT upper(session_user))"));
        assert!(!asks("SELECT current_schema, version()"));
    }

    #[test]
    fn columns_and_functions_of_other_names_are_left_alone() {
        for sql in [
            r#"SELECT "current_user", t.current_user, version FROM t"#,
            "SELECT user, current_date, current_schema(1), s.version() FROM t",
        ] {
            assert_eq!(named(sql), sql);
        }
    }
}
