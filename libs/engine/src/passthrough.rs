//! Plans whose rows go from the files to the client with little done to them.

use arrow::datatypes::DataType;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::LogicalPlan;

use crate::security_barrier::SecurityBarrier;

/// Whether `plan` hands text or bytes on as it reads them: scans, projections, filters and limits
/// only. Everything else compares, groups, sorts or keeps text, which views make cheaper.
pub fn passes_rows_through(plan: &LogicalPlan) -> bool {
    let mut only_passes = true;
    let walked = plan.apply_with_subqueries(|node| {
        only_passes &= match node {
            LogicalPlan::TableScan(_)
            | LogicalPlan::Projection(_)
            | LogicalPlan::Filter(_)
            | LogicalPlan::Limit(_)
            | LogicalPlan::SubqueryAlias(_) => true,
            node => SecurityBarrier::of(node).is_some(),
        };
        Ok(if only_passes { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    });
    walked.is_ok()
        && only_passes
        && plan.schema().fields().iter().any(|field| is_view(field.data_type()))
}

fn is_view(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8View | DataType::BinaryView)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::{Field, Schema};
    use datafusion::datasource::empty::EmptyTable;
    use datafusion::prelude::SessionContext;

    use super::*;

    async fn passes(sql: &str) -> bool {
        let session = SessionContext::new();
        let fields = vec![
            Field::new("text", DataType::Utf8View, true),
            Field::new("n", DataType::Int64, true),
        ];
        session
            .register_table("t", Arc::new(EmptyTable::new(Arc::new(Schema::new(fields)))))
            .unwrap();
        passes_rows_through(&session.state().create_logical_plan(sql).await.unwrap())
    }

    #[tokio::test]
    async fn rows_with_text_pass_through_scans_filters_and_limits() {
        assert!(passes("select * from t").await);
        assert!(passes("select text, n + 1 from t where n > 3 limit 10").await);
    }

    #[tokio::test]
    async fn what_groups_joins_or_sorts_text_keeps_its_views() {
        assert!(!passes("select text, count(*) from t group by text").await);
        assert!(!passes("select a.text from t a join t b on a.text = b.text").await);
        assert!(!passes("select text from t order by text").await);
        assert!(!passes("select text from t where text in (select max(text) from t)").await);
        assert!(!passes("select n from t").await);
    }
}
