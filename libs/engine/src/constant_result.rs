//! Which plans only hand out constants, so that running them is no work.

use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::placeholder_row::PlaceholderRowExec;
use datafusion::physical_plan::projection::ProjectionExec;

/// Whether `plan` is one row of literals: `SELECT 1`, and all that planning has already computed.
pub fn is_constant(plan: &dyn ExecutionPlan) -> bool {
    let Some(projection) = plan.downcast_ref::<ProjectionExec>() else {
        return false;
    };
    projection.input().is::<PlaceholderRowExec>()
        && projection.expr().iter().all(|column| column.expr.is::<Literal>())
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::SessionContext;

    use super::*;

    async fn constant(sql: &str) -> bool {
        let frame = SessionContext::new().sql(sql).await.unwrap();
        is_constant(frame.create_physical_plan().await.unwrap().as_ref())
    }

    #[tokio::test]
    async fn what_planning_has_computed_is_constant_and_nothing_else() {
        assert!(constant("SELECT 1, 'text', 1 + 1 AS two, now()").await);
        assert!(!constant("SELECT random()").await);
        assert!(!constant("SELECT * FROM generate_series(1, 3)").await);
        assert!(!constant("VALUES (1), (2)").await);
    }
}
