//! Types of columns that a subquery takes from the query around it.
//!
//! A subquery is read when the parts of a `UNION` around it still have types of their own. Once they
//! have one type, what the subquery says of it is outdated, and the comparison that joins the two
//! later has sides of two types, which fails when it runs.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, ExprSchema, Result};
use datafusion::logical_expr::expr::{Exists, InSubquery, SetComparison};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, LogicalPlan, Subquery};
use datafusion::optimizer::AnalyzerRule;
use datafusion::optimizer::analyzer::type_coercion::TypeCoercion;

/// Gives columns of the query around a subquery the types that they have there, and decides about
/// types again where that made a difference. It comes after the rule that decides about them.
#[derive(Debug)]
pub(crate) struct OuterReferenceTypes;

impl AnalyzerRule for OuterReferenceTypes {
    fn analyze(&self, plan: LogicalPlan, config: &ConfigOptions) -> Result<LogicalPlan> {
        let retyped = plan.transform_up_with_subqueries(|node| {
            let schema = merge_schema(&node.inputs());
            node.map_expressions(|expression| {
                expression.transform_up(|part| with_subquery(part, &schema))
            })
        })?;
        if retyped.transformed {
            TypeCoercion::new().analyze(retyped.data, config)
        } else {
            Ok(retyped.data)
        }
    }

    fn name(&self) -> &str {
        "outer_reference_types"
    }
}

fn with_subquery(expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match expression {
        Expr::ScalarSubquery(subquery) => {
            Ok(retyped(subquery, schema)?.update_data(Expr::ScalarSubquery))
        }
        Expr::Exists(Exists { subquery, negated }) => {
            let exists = |subquery| Expr::Exists(Exists { subquery, negated });
            Ok(retyped(subquery, schema)?.update_data(exists))
        }
        Expr::InSubquery(InSubquery { expr, subquery, negated }) => {
            let is_in = |subquery| Expr::InSubquery(InSubquery { expr, subquery, negated });
            Ok(retyped(subquery, schema)?.update_data(is_in))
        }
        Expr::SetComparison(SetComparison { expr, subquery, op, quantifier }) => {
            let compared =
                |subquery| Expr::SetComparison(SetComparison { expr, subquery, op, quantifier });
            Ok(retyped(subquery, schema)?.update_data(compared))
        }
        other => Ok(Transformed::no(other)),
    }
}

fn retyped(subquery: Subquery, schema: &DFSchema) -> Result<Transformed<Subquery>> {
    let plan = Arc::unwrap_or_clone(subquery.subquery).transform_up(|node| {
        node.map_expressions(|expression| expression.transform_up(|part| Ok(typed(part, schema))))
    })?;
    let columns = subquery.outer_ref_columns.into_iter();
    let outer_ref_columns = columns.map(|column| typed(column, schema).data).collect();
    Ok(plan.update_data(|plan| Subquery {
        subquery: Arc::new(plan),
        outer_ref_columns,
        spans: subquery.spans,
    }))
}

/// A column of the query around, as it is there.
fn typed(expression: Expr, schema: &DFSchema) -> Transformed<Expr> {
    match expression {
        Expr::OuterReferenceColumn(field, column) => match schema.field_from_column(&column) {
            Ok(now) if now.data_type() != field.data_type() => {
                Transformed::yes(Expr::OuterReferenceColumn(Arc::clone(now), column))
            }
            _ => Transformed::no(Expr::OuterReferenceColumn(field, column)),
        },
        other => Transformed::no(other),
    }
}

#[cfg(test)]
mod tests {
    use arrow::util::pretty::pretty_format_batches;
    use datafusion::execution::session_state::SessionStateBuilder;
    use datafusion::prelude::SessionContext;

    use crate::session::analyzer_rules;

    #[tokio::test]
    async fn a_subquery_compares_with_what_a_union_makes_of_a_column() {
        let state = SessionStateBuilder::new()
            .with_default_features()
            .with_analyzer_rules(analyzer_rules())
            .build();
        let session = SessionContext::new_with_state(state);
        let small = "SELECT CAST(value AS INT) AS k, CAST(value % 3 AS INT) AS n";
        for table in ["t", "u"] {
            let sql = format!("CREATE TABLE {table} AS {small} FROM generate_series(1, 12)");
            session.sql(&sql).await.unwrap().collect().await.unwrap();
        }
        let both = "(SELECT n, k FROM t UNION ALL SELECT k % 5, k FROM t)";
        for (condition, expected) in [
            ("k = (SELECT max(k) FROM u WHERE u.n = a.n)", 3),
            ("EXISTS (SELECT 1 FROM u WHERE u.n = a.n AND u.k < a.k)", 15),
            ("k IN (SELECT u.k FROM u WHERE u.n = a.n)", 14),
        ] {
            let sql = format!("SELECT count(*) FROM {both} a WHERE {condition}");
            let rows = session.sql(&sql).await.unwrap().collect().await.unwrap();
            let shown = pretty_format_batches(&rows).unwrap().to_string();
            assert!(shown.contains(&format!("| {expected} ")), "{sql}: {shown}");
        }
    }
}
