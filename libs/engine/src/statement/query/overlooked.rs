//! Refuses what the planner would read as if it were not there, and what it only knows by a name of
//! its own.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    GroupByExpr, JoinOperator, Query, Select, Statement as Sql, TableFactor, Visit, Visitor,
};

use crate::statement::Error;

/// Refuses a query with a clause that would change its rows and is overlooked.
///
/// # Errors
/// [`Error::Unsupported`].
pub(super) fn refuse_overlooked(sql: &Sql) -> Result<(), Error> {
    match sql.visit(&mut Overlooked) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break((what, instead)) => {
            Err(Error::Unsupported { what: what.to_string(), instead })
        }
    }
}

/// What is overlooked, and what to write instead.
type Found = (&'static str, Option<&'static str>);

struct Overlooked;

impl Visitor for Overlooked {
    type Break = Found;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Found> {
        let found = match query {
            Query { for_clause: Some(_), .. } => ("FOR XML, FOR JSON and FOR BROWSE", None),
            Query { settings: Some(_), .. } => {
                ("SETTINGS", Some("SET key = value before the query"))
            }
            Query { format_clause: Some(_), .. } => ("FORMAT", None),
            _ => return ControlFlow::Continue(()),
        };
        ControlFlow::Break(found)
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<Found> {
        let found = match select {
            Select { prewhere: Some(_), .. } => ("PREWHERE", Some("WHERE")),
            Select { value_table_mode: Some(_), .. } => {
                ("SELECT AS STRUCT", Some("SELECT named_struct('name', value, …)"))
            }
            Select { into: Some(_), .. } => ("SELECT INTO", Some("CREATE TABLE name AS SELECT …")),
            Select { exclude: Some(_), .. } => {
                ("EXCLUDE behind the columns", Some("SELECT * EXCLUDE (column)"))
            }
            Select { connect_by, .. } if !connect_by.is_empty() => {
                ("CONNECT BY", Some("WITH RECURSIVE"))
            }
            Select { group_by, .. } if has_modifiers(group_by) => {
                ("GROUP BY … WITH", Some("GROUP BY ROLLUP (…), CUBE (…) or GROUPING SETS (…)"))
            }
            _ => {
                return select.from.iter().try_for_each(|from| {
                    from.joins.iter().try_for_each(|join| match unknown_join(&join.join_operator) {
                        Some(found) => ControlFlow::Break(found),
                        None => ControlFlow::Continue(()),
                    })
                });
            }
        };
        ControlFlow::Break(found)
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Found> {
        let found = match factor {
            TableFactor::Pivot { .. } => {
                ("PIVOT", Some("an aggregate FILTER (WHERE …) for each value"))
            }
            TableFactor::Unpivot { .. } => {
                ("UNPIVOT", Some("UNION ALL of a SELECT for each column"))
            }
            TableFactor::MatchRecognize { .. } => ("MATCH_RECOGNIZE", None),
            TableFactor::JsonTable { .. } | TableFactor::OpenJsonTable { .. } => {
                ("a table made of JSON", None)
            }
            TableFactor::XmlTable { .. } => ("XMLTABLE", None),
            _ => return ControlFlow::Continue(()),
        };
        ControlFlow::Break(found)
    }
}

fn has_modifiers(group_by: &GroupByExpr) -> bool {
    match group_by {
        GroupByExpr::All(modifiers) | GroupByExpr::Expressions(_, modifiers) => {
            !modifiers.is_empty()
        }
    }
}

fn unknown_join(operator: &JoinOperator) -> Option<Found> {
    match operator {
        JoinOperator::AsOf { .. } => Some(("ASOF JOIN", None)),
        JoinOperator::CrossApply | JoinOperator::OuterApply => {
            Some(("APPLY", Some("JOIN LATERAL (…)")))
        }
        JoinOperator::Semi(_) => Some(("SEMI JOIN", Some("LEFT SEMI JOIN, or WHERE EXISTS (…)"))),
        JoinOperator::Anti(_) => {
            Some(("ANTI JOIN", Some("LEFT ANTI JOIN, or WHERE NOT EXISTS (…)")))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    fn refused(sql: &str) -> Option<String> {
        let sql = Parser::parse_sql(&GenericDialect {}, sql).unwrap().remove(0);
        refuse_overlooked(&sql).err().map(|error| error.to_string())
    }

    #[test]
    fn clauses_that_would_change_rows_are_not_passed_over() {
        for (sql, what) in [
            ("SELECT a FROM t PREWHERE a = 1", "PREWHERE"),
            ("SELECT a, count(*) FROM t GROUP BY a WITH ROLLUP", "GROUP BY … WITH"),
            ("SELECT 1 WHERE EXISTS (SELECT a FROM t GROUP BY ALL WITH TOTALS)", "GROUP BY … WITH"),
            ("SELECT * FROM t PIVOT (sum(c) FOR b IN ('x'))", "PIVOT"),
            ("SELECT * FROM t SEMI JOIN u ON a = b", "SEMI JOIN"),
            ("SELECT a FROM t CONNECT BY a = 1", "CONNECT BY"),
            ("SELECT a INTO u FROM t", "SELECT INTO"),
        ] {
            assert_eq!(refused(sql), Some(format!("{what} is not supported")), "{sql}");
        }
    }

    #[test]
    fn what_the_planner_reads_is_left_to_it() {
        let sql = "WITH x AS (SELECT 1 AS a) SELECT a FROM x LEFT SEMI JOIN x y ON x.a = y.a \
                   GROUP BY ROLLUP (a) FOR UPDATE";
        assert_eq!(refused(sql), None);
    }
}
