//! What the SELECTs of a query give.

use datafusion::sql::sqlparser::ast::{SelectItem, SetExpr};

/// Calls `change` with the columns of each SELECT that a set operation combines; those of subqueries
/// are not among them.
pub(super) fn each_projection(body: &mut SetExpr, change: &mut impl FnMut(&mut [SelectItem])) {
    match body {
        SetExpr::Select(select) => change(&mut select.projection),
        SetExpr::SetOperation { left, right, .. } => {
            each_projection(left, change);
            each_projection(right, change);
        }
        _ => {}
    }
}
