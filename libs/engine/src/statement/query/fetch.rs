//! `FETCH FIRST n ROWS ONLY` and `TOP n`, the standard's and SQL Server's words for `LIMIT`.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Fetch, LimitClause, Query, SetExpr, Statement as Sql, Top, TopQuantity, Value, VisitMut,
    VisitorMut,
};

use crate::statement::Error;

/// Limits rows where a query says so in other words.
///
/// # Errors
/// [`Error::Unsupported`] for a share of the rows, for ties, and for two limits of one query.
pub(super) fn limit_rows(sql: &mut Sql) -> Result<(), Error> {
    match sql.visit(&mut Limited) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(what) => {
            Err(Error::Unsupported { what: what.to_string(), instead: Some("LIMIT rows") })
        }
    }
}

struct Limited;

impl VisitorMut for Limited {
    type Break = &'static str;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<&'static str> {
        if let Some(fetch) = query.fetch.take() {
            limit(query, fetch)?;
        }
        let top = match query.body.as_mut() {
            SetExpr::Select(select) => select.top.take(),
            _ => None,
        };
        match top {
            Some(top) => limit(query, fetch_of(top)),
            None => ControlFlow::Continue(()),
        }
    }
}

fn fetch_of(Top { with_ties, percent, quantity }: Top) -> Fetch {
    let quantity = quantity.map(|quantity| match quantity {
        TopQuantity::Expr(rows) => rows,
        TopQuantity::Constant(rows) => rows_of(rows),
    });
    Fetch { with_ties, percent, quantity }
}

fn rows_of(rows: u64) -> Expr {
    Expr::value(Value::Number(rows.to_string(), false))
}

fn limit(query: &mut Query, fetch: Fetch) -> ControlFlow<&'static str> {
    let rows = match fetch {
        Fetch { with_ties: true, .. } => return ControlFlow::Break("WITH TIES"),
        Fetch { percent: true, .. } => return ControlFlow::Break("PERCENT of the rows"),
        Fetch { quantity, .. } => quantity.unwrap_or_else(|| rows_of(1)),
    };
    match &mut query.limit_clause {
        Some(LimitClause::LimitOffset { limit: limit @ None, .. }) => *limit = Some(rows),
        Some(_) => return ControlFlow::Break("a second limit of one query"),
        none => {
            let limit = Some(rows);
            *none = Some(LimitClause::LimitOffset { limit, offset: None, limit_by: Vec::new() });
        }
    }
    ControlFlow::Continue(())
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    fn limited(sql: &str) -> Result<String, String> {
        let mut sql = Parser::parse_sql(&GenericDialect {}, sql).unwrap().remove(0);
        limit_rows(&mut sql).map(|()| sql.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn other_words_for_a_limit_are_understood() {
        for (sql, expected) in [
            ("SELECT a FROM t FETCH FIRST ROW ONLY", "SELECT a FROM t LIMIT 1"),
            (
                "SELECT a FROM (SELECT a FROM t OFFSET 2 ROWS FETCH NEXT 5 ROWS ONLY)",
                "SELECT a FROM (SELECT a FROM t LIMIT 5 OFFSET 2 ROWS)",
            ),
            ("SELECT TOP 3 a FROM t ORDER BY a", "SELECT a FROM t ORDER BY a LIMIT 3"),
            ("SELECT TOP (3) a FROM t", "SELECT a FROM t LIMIT 3"),
        ] {
            assert_eq!(limited(sql).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn limits_that_cannot_be_kept_are_refused() {
        for sql in [
            "SELECT a FROM t ORDER BY a FETCH FIRST 5 ROWS WITH TIES",
            "SELECT TOP 5 PERCENT a FROM t",
            "SELECT TOP 5 a FROM t LIMIT 4",
        ] {
            assert!(limited(sql).is_err(), "{sql}");
        }
    }
}
