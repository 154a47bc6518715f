//! Statistics of floating point columns leave NaN out, while comparisons take it for larger than
//! every number. What statistics rule out may therefore still be there, as NaN.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::datatypes::{DataType, Schema};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{
    BinaryExpr, Column, IsNotNullExpr, IsNullExpr, Literal,
};
use datafusion::physical_expr::utils::{collect_columns, split_conjunction};
use datafusion::physical_expr::{PhysicalExpr, conjunction_opt};

/// The part of `predicate`, over columns of `schema`, that statistics may be asked about without
/// losing a row of NaN; `None` where nothing is left.
///
/// A condition that no NaN fulfils, such as `x < 5` or `x = 5`, makes every other condition on the
/// same column safe.
pub fn decided_by_statistics(
    predicate: &Arc<dyn PhysicalExpr>,
    schema: &Schema,
) -> Option<Arc<dyn PhysicalExpr>> {
    let conditions = split_conjunction(predicate);
    let guarded: HashSet<usize> =
        conditions.iter().filter_map(|condition| false_for_nan(condition)).collect();
    let is_safe = |condition: &Arc<dyn PhysicalExpr>| {
        asks_for_null(condition)
            || collect_columns(condition)
                .iter()
                .all(|column| guarded.contains(&column.index()) || !is_float(column, schema))
    };
    conjunction_opt(conditions.into_iter().filter(|condition| is_safe(condition)).cloned())
}

/// Whether values of this type may be NaN.
pub fn may_be_nan(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Float16 | DataType::Float32 | DataType::Float64)
}

fn is_float(column: &Column, schema: &Schema) -> bool {
    // A column that the schema does not have could be anything.
    schema.fields().get(column.index()).is_none_or(|field| may_be_nan(field.data_type()))
}

fn asks_for_null(condition: &Arc<dyn PhysicalExpr>) -> bool {
    let asked = condition.downcast_ref::<IsNotNullExpr>().map(IsNotNullExpr::arg);
    let asked = asked.or_else(|| condition.downcast_ref::<IsNullExpr>().map(IsNullExpr::arg));
    asked.is_some_and(|asked| asked.is::<Column>())
}

/// The column that a condition compares with a number in such a way that NaN does not fulfil it.
fn false_for_nan(condition: &Arc<dyn PhysicalExpr>) -> Option<usize> {
    let comparison = condition.downcast_ref::<BinaryExpr>()?;
    let (column, operator, number) = match comparison.left().downcast_ref::<Column>() {
        Some(column) => (column, *comparison.op(), comparison.right()),
        None => {
            let column = comparison.right().downcast_ref::<Column>()?;
            (column, comparison.op().swap()?, comparison.left())
        }
    };
    let is_number = match number.downcast_ref::<Literal>()?.value() {
        ScalarValue::Float64(Some(number)) => !number.is_nan(),
        ScalarValue::Float32(Some(number)) => !number.is_nan(),
        ScalarValue::Float16(Some(number)) => !number.is_nan(),
        _ => false,
    };
    let below = matches!(operator, Operator::Lt | Operator::LtEq | Operator::Eq);
    (is_number && below).then(|| column.index())
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Field;
    use datafusion::common::DFSchema;
    use datafusion::execution::context::SessionContext;

    use super::*;

    /// The part of a condition over `f DOUBLE, g DOUBLE, n BIGINT` that is left.
    fn left_of(condition: &str) -> Option<String> {
        let schema = Schema::new(vec![
            Field::new("f", DataType::Float64, true),
            Field::new("g", DataType::Float64, true),
            Field::new("n", DataType::Int64, true),
        ]);
        let session = SessionContext::new();
        let columns = DFSchema::try_from(schema.clone()).unwrap();
        let condition = session.parse_sql_expr(condition, &columns).unwrap();
        let condition = session.create_physical_expr(condition, &columns).unwrap();
        decided_by_statistics(&condition, &schema).map(|left| left.to_string())
    }

    #[test]
    fn what_nan_may_fulfil_is_left_out() {
        for condition in ["f > 1.5", "f >= 1.5", "f <> 1.5", "NOT (f < 1.5)", "f = 'NaN'", "f > g"]
        {
            assert_eq!(left_of(condition), None, "{condition}");
        }
        assert_eq!(left_of("f > 1.5 AND n > 7"), Some("n@2 > 7".to_string()));
    }

    #[test]
    fn what_nan_does_not_fulfil_is_kept_and_keeps_the_rest() {
        for condition in ["f < 1.5", "1.5 >= f", "f = 1.5", "f IS NULL", "n > 7"] {
            assert!(left_of(condition).is_some(), "{condition}");
        }
        let range = left_of("f > 1.5 AND f <= 2.5 AND g > 3.5").unwrap();
        assert!(range.contains("> 1.5") && range.contains("<= 2.5"), "{range}");
        assert!(!range.contains('g'), "{range}");
    }
}
