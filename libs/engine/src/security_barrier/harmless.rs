//! Predicates that may pass a barrier.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema, Result};
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{
    BinaryExpr, Expr, ExprSchemable, Extension, Filter, LogicalPlan, Operator,
};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

use super::SecurityBarrier;

/// Moves predicates below a barrier that fail for no row and whose work is the same for each: a
/// column compared with values of its own type, or with NULL. The column must be one of a table
/// all the way down; a view's own expression may be one that only its own filter keeps from failing.
#[derive(Debug)]
pub struct PushHarmlessPredicates;

impl OptimizerRule for PushHarmlessPredicates {
    fn name(&self) -> &str {
        "push_harmless_predicates"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Filter(filter) = plan else { return Ok(Transformed::no(plan)) };
        let Some(barrier) = SecurityBarrier::of(&filter.input) else {
            return Ok(Transformed::no(LogicalPlan::Filter(filter)));
        };
        let inside = barrier.input();
        let (pass, stay): (Vec<_>, Vec<_>) = split_conjunction_owned(filter.predicate.clone())
            .into_iter()
            .partition(|predicate| is_harmless(predicate, inside));
        let Some(pass) = conjunction(pass) else {
            return Ok(Transformed::no(LogicalPlan::Filter(filter)));
        };
        let inside = LogicalPlan::Filter(Filter::try_new(pass, Arc::new(inside.clone()))?);
        let node = Arc::new(barrier.over(inside)?);
        let guarded = LogicalPlan::Extension(Extension { node });
        Ok(Transformed::yes(match conjunction(stay) {
            Some(stay) => LogicalPlan::Filter(Filter::try_new(stay, Arc::new(guarded))?),
            None => guarded,
        }))
    }
}

fn is_harmless(predicate: &Expr, inside: &LogicalPlan) -> bool {
    match predicate {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And | Operator::Or, right }) => {
            is_harmless(left, inside) && is_harmless(right, inside)
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if compares(*op) => {
            let schema = inside.schema();
            match (left.as_ref(), right.as_ref()) {
                (Expr::Column(column), value) | (value, Expr::Column(column)) => {
                    is_of_a_table(column, inside) && is_value_for(value, column, schema)
                }
                _ => false,
            }
        }
        Expr::IsNull(tested) | Expr::IsNotNull(tested) => match tested.as_ref() {
            Expr::Column(column) => is_of_a_table(column, inside),
            _ => false,
        },
        Expr::InList(list) => match list.expr.as_ref() {
            Expr::Column(column) => {
                let mut values = list.list.iter();
                is_of_a_table(column, inside)
                    && values.all(|value| is_value_for(value, column, inside.schema()))
            }
            _ => false,
        },
        Expr::Not(inner) => is_harmless(inner, inside),
        _ => false,
    }
}

fn compares(operator: Operator) -> bool {
    matches!(
        operator,
        Operator::Eq
            | Operator::NotEq
            | Operator::Lt
            | Operator::LtEq
            | Operator::Gt
            | Operator::GtEq
            | Operator::IsDistinctFrom
            | Operator::IsNotDistinctFrom
    )
}

fn is_value_for(value: &Expr, column: &Column, schema: &DFSchema) -> bool {
    let Expr::Literal(value, _) = value else { return false };
    let Ok(of_column) = Expr::Column(column.clone()).get_type(schema) else { return false };
    compares_always(&of_column) && value.data_type() == of_column
}

/// Whether two values of the type can always be compared.
fn compares_always(data_type: &DataType) -> bool {
    data_type.is_primitive()
        || matches!(
            data_type,
            DataType::Boolean
                | DataType::Utf8
                | DataType::LargeUtf8
                | DataType::Utf8View
                | DataType::Binary
                | DataType::LargeBinary
                | DataType::BinaryView
        )
}

fn is_of_a_table(column: &Column, plan: &LogicalPlan) -> bool {
    plan.schema().maybe_index_of_column(column).is_some_and(|index| comes_from_a_table(plan, index))
}

/// Whether a column of a plan's rows is what a table holds, and nobody computed it.
fn comes_from_a_table(plan: &LogicalPlan, index: usize) -> bool {
    match plan {
        LogicalPlan::TableScan(_) => true,
        LogicalPlan::SubqueryAlias(alias) => comes_from_a_table(&alias.input, index),
        LogicalPlan::Filter(filter) => comes_from_a_table(&filter.input, index),
        LogicalPlan::Sort(sort) => comes_from_a_table(&sort.input, index),
        LogicalPlan::Limit(limit) => comes_from_a_table(&limit.input, index),
        LogicalPlan::Union(union) => {
            union.inputs.iter().all(|input| comes_from_a_table(input, index))
        }
        LogicalPlan::Projection(projection) => projection
            .expr
            .get(index)
            .is_some_and(|expression| passes(expression, &projection.input)),
        LogicalPlan::Aggregate(aggregate) => aggregate
            .group_expr
            .get(index)
            .is_some_and(|expression| passes(expression, &aggregate.input)),
        LogicalPlan::Join(join) => {
            let (qualifier, field) = join.schema.qualified_field(index);
            let column = Column::new(qualifier.cloned(), field.name());
            is_of_a_table(&column, &join.left) || is_of_a_table(&column, &join.right)
        }
        plan => SecurityBarrier::of(plan)
            .is_some_and(|barrier| comes_from_a_table(barrier.input(), index)),
    }
}

fn passes(expression: &Expr, input: &LogicalPlan) -> bool {
    match expression {
        Expr::Column(column) => is_of_a_table(column, input),
        Expr::Alias(alias) => passes(&alias.expr, input),
        _ => false,
    }
}
