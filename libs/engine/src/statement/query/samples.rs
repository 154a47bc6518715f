//! Some of a table's rows: `TABLESAMPLE BERNOULLI (10)`.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, ObjectName, SetExpr, Statement as Sql, TableAlias, TableFactor, TableSample,
    TableSampleKind, TableSampleMethod, TableSampleUnit, VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

use crate::statement::Error;

/// Lets each row of a sampled relation be there with the probability that is asked for, which the
/// planner would overlook. `SYSTEM` draws rows, too.
///
/// # Errors
/// [`Error::Unsupported`] for a number of rows, and for a sample that is to be repeated.
pub(super) fn sample_rows(sql: &mut Sql) -> Result<(), Error> {
    match sql.visit(&mut Sampled) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Error::Unsupported {
            what: "this form of TABLESAMPLE".to_string(),
            instead: Some("TABLESAMPLE BERNOULLI (percentage)"),
        }),
    }
}

struct Sampled;

impl VisitorMut for Sampled {
    type Break = ();

    fn post_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        let Some((sample, alias)) = taken(factor) else { return ControlFlow::Continue(()) };
        match percentage(sample).and_then(|percentage| drawn(factor.clone(), percentage, alias)) {
            Some(sampled) => {
                *factor = sampled;
                ControlFlow::Continue(())
            }
            None => ControlFlow::Break(()),
        }
    }
}

/// Takes from a relation its sample and the name that the sample has.
fn taken(factor: &mut TableFactor) -> Option<(TableSample, Option<TableAlias>)> {
    let (sample, alias) = match factor {
        TableFactor::Derived { sample, alias, .. } => (sample.take()?, alias.take()),
        TableFactor::Table { sample, alias, name, .. } => {
            let alias_of_name = |name: &ObjectName| {
                let name = name.0.last()?.as_ident()?.clone();
                Some(TableAlias { explicit: true, name, columns: Vec::new(), at: None })
            };
            (sample.take()?, alias.take().or_else(|| alias_of_name(name)))
        }
        _ => return None,
    };
    match sample {
        TableSampleKind::BeforeTableAlias(sample) | TableSampleKind::AfterTableAlias(sample) => {
            Some((*sample, alias))
        }
    }
}

fn percentage(sample: TableSample) -> Option<Expr> {
    let TableSample { name, quantity, seed: None, bucket: None, offset: None, .. } = sample else {
        return None;
    };
    let quantity = quantity?;
    match (name, quantity.unit) {
        (None, Some(TableSampleUnit::Percent))
        | (
            Some(TableSampleMethod::Bernoulli | TableSampleMethod::System),
            None | Some(TableSampleUnit::Percent),
        ) => Some(quantity.value),
        _ => None,
    }
}

/// The rows of `relation` of which a throw of the dice says that they are there.
fn drawn(
    relation: TableFactor,
    percentage: Expr,
    alias: Option<TableAlias>,
) -> Option<TableFactor> {
    const DRAWN: &str = "SELECT * FROM relation WHERE random() * 100 < 0";
    let Sql::Query(mut query) = Parser::parse_sql(&GenericDialect {}, DRAWN).ok()?.pop()? else {
        return None;
    };
    let SetExpr::Select(select) = query.body.as_mut() else { return None };
    let (Some(Expr::BinaryOp { right, .. }), [from]) =
        (&mut select.selection, select.from.as_mut_slice())
    else {
        return None;
    };
    **right = Expr::Nested(Box::new(percentage));
    from.relation = relation;
    Some(TableFactor::Derived { lateral: false, subquery: query, alias, sample: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampled(sql: &str) -> Result<String, String> {
        let mut sql = Parser::parse_sql(&GenericDialect {}, sql).unwrap().remove(0);
        sample_rows(&mut sql).map(|()| sql.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn each_row_is_drawn_with_the_probability_that_is_asked_for() {
        for (sql, expected) in [
            (
                "SELECT a FROM s.t TABLESAMPLE BERNOULLI (10) WHERE t.a > 1",
                "SELECT a FROM (SELECT * FROM s.t WHERE random() * 100 < (10)) AS t WHERE t.a > 1",
            ),
            (
                "SELECT x.a FROM t AS x TABLESAMPLE (0.5 PERCENT) JOIN u ON true",
                "SELECT x.a FROM (SELECT * FROM t WHERE random() * 100 < (0.5)) AS x JOIN u ON true",
            ),
            (
                "SELECT 1 WHERE EXISTS (SELECT 1 FROM (SELECT 1) AS q TABLESAMPLE SYSTEM (1))",
                "SELECT 1 WHERE EXISTS (SELECT 1 FROM \
                 (SELECT * FROM (SELECT 1) WHERE random() * 100 < (1)) AS q)",
            ),
        ] {
            assert_eq!(sampled(sql).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn what_rows_do_not_decide_for_themselves_is_refused() {
        for sql in [
            "SELECT * FROM t TABLESAMPLE (10 ROWS)",
            "SELECT * FROM t TABLESAMPLE BERNOULLI (10) REPEATABLE (3)",
            "SELECT * FROM t TABLESAMPLE (BUCKET 1 OUT OF 5)",
        ] {
            assert!(sampled(sql).is_err(), "{sql}");
        }
    }
}
