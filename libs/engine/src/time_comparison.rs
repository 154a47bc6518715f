//! Compares times in the unit of the column, so that those far from today can be asked for.
//!
//! Texts, dates and `now()` would make nanoseconds of both sides, which reach from 1677 to 2262. A
//! column of microseconds, as Delta has them, holds more, such as a period that ends in 9999.

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::{Between, InList};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{BinaryExpr, Cast, Expr, ExprSchemable, LogicalPlan, Operator};
use datafusion::optimizer::AnalyzerRule;

use crate::statement::is_beyond_nanoseconds;

const COMPARISONS: [Operator; 8] = [
    Operator::Eq,
    Operator::NotEq,
    Operator::Lt,
    Operator::LtEq,
    Operator::Gt,
    Operator::GtEq,
    Operator::IsDistinctFrom,
    Operator::IsNotDistinctFrom,
];

/// Casts what is compared with a column of times to the unit of the column. It comes before the rule
/// that decides about types.
#[derive(Debug)]
pub(crate) struct TimeComparison;

impl AnalyzerRule for TimeComparison {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(rewrite_node).map(|plan| plan.data)
    }

    fn name(&self) -> &str {
        "time_comparison"
    }
}

fn rewrite_node(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let mut schema = merge_schema(&plan.inputs());
    if let LogicalPlan::TableScan(scan) = &plan {
        let source = scan.source.schema();
        schema.merge(&DFSchema::try_from_qualified_schema(scan.table_name.clone(), &source)?);
    }
    let names = NamePreserver::new(&plan);
    plan.map_expressions(|expression| {
        let name = names.save(&expression);
        let rewritten = expression.transform_up(|part| rewrite(part, &schema))?;
        Ok(rewritten.update_data(|expression| name.restore(expression)))
    })
}

fn rewrite(expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match expression {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if COMPARISONS.contains(&op) => {
            let (left, right) = match (unit_of(&left, schema), unit_of(&right, schema)) {
                (Some(unit), None) => (Transformed::no(*left), fitted(*right, &unit, schema)),
                (None, Some(unit)) => (fitted(*left, &unit, schema), Transformed::no(*right)),
                _ => (Transformed::no(*left), Transformed::no(*right)),
            };
            let changed = left.transformed || right.transformed;
            let (left, right) = (Box::new(left.data), Box::new(right.data));
            let comparison = Expr::BinaryExpr(BinaryExpr { left, op, right });
            Ok(Transformed::new_transformed(comparison, changed))
        }
        Expr::Between(Between { expr, negated, low, high }) => {
            let Some(unit) = unit_of(&expr, schema) else {
                return Ok(Transformed::no(Expr::Between(Between { expr, negated, low, high })));
            };
            let [low, high] = [*low, *high].map(|bound| fitted(bound, &unit, schema));
            let changed = low.transformed || high.transformed;
            let [low, high] =
                [low, high].map(|bound| Box::new(beside(bound.data, changed, &unit, schema)));
            let between = Expr::Between(Between { expr, negated, low, high });
            Ok(Transformed::new_transformed(between, changed))
        }
        Expr::InList(InList { expr, list, negated }) => {
            let Some(unit) = unit_of(&expr, schema) else {
                return Ok(Transformed::no(Expr::InList(InList { expr, list, negated })));
            };
            let list: Vec<_> = list.into_iter().map(|item| fitted(item, &unit, schema)).collect();
            let changed = list.iter().any(|item| item.transformed);
            let list = list.into_iter().map(|item| beside(item.data, changed, &unit, schema));
            let list = list.collect();
            let in_list = Expr::InList(InList { expr, list, negated });
            Ok(Transformed::new_transformed(in_list, changed))
        }
        other => Ok(Transformed::no(other)),
    }
}

/// One of several values that a time is compared with: as one type is found for all of them, texts
/// follow where others have changed.
fn beside(expression: Expr, changed: bool, unit: &DataType, schema: &DFSchema) -> Expr {
    match expression.get_type(schema) {
        Ok(DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) if changed => {
            Expr::Cast(Cast::new(Box::new(expression), unit.clone()))
        }
        _ => expression,
    }
}

/// The type of an expression that is a time of a coarser unit than nanoseconds.
fn unit_of(expression: &Expr, schema: &DFSchema) -> Option<DataType> {
    match expression.get_type(schema).ok()? {
        DataType::Timestamp(TimeUnit::Nanosecond, _) => None,
        time @ DataType::Timestamp(..) => Some(time),
        _ => None,
    }
}

/// What is compared with a time of type `unit`, in that type where nanoseconds might not hold it.
fn fitted(expression: Expr, unit: &DataType, schema: &DFSchema) -> Transformed<Expr> {
    let DataType::Timestamp(time_unit, zone) = unit else { return Transformed::no(expression) };
    let target = match expression.get_type(schema) {
        Ok(DataType::Date32 | DataType::Date64) => Some(unit.clone()),
        Ok(DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) => {
            let written = match &expression {
                Expr::Literal(
                    ScalarValue::Utf8(text)
                    | ScalarValue::LargeUtf8(text)
                    | ScalarValue::Utf8View(text),
                    _,
                ) => text.as_deref(),
                _ => None,
            };
            written
                .is_some_and(|written| is_beyond_nanoseconds(written, zone))
                .then(|| unit.clone())
        }
        // The moment of the query, and what is reckoned from it.
        Ok(DataType::Timestamp(TimeUnit::Nanosecond, own)) if is_moment(&expression) => {
            Some(DataType::Timestamp(*time_unit, own))
        }
        _ => None,
    };
    match target {
        Some(target) => Transformed::yes(Expr::Cast(Cast::new(Box::new(expression), target))),
        None => Transformed::no(expression),
    }
}

/// Whether an expression is reckoned by functions from no column, such as `now() - INTERVAL '1 day'`.
fn is_moment(expression: &Expr) -> bool {
    let calls = expression.exists(|part| Ok(matches!(part, Expr::ScalarFunction(_))));
    let reads = expression.exists(|part| {
        Ok(matches!(
            part,
            Expr::Column(_)
                | Expr::OuterReferenceColumn(..)
                | Expr::ScalarSubquery(_)
                | Expr::Placeholder(_)
        ))
    });
    matches!((calls, reads), (Ok(true), Ok(false)))
}
