//! EXPLAIN: where a statement would run and why, its plans, and with ANALYZE what running it cost.

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::format::{ExplainFormat, ExplainStatementOptions};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::display::DisplayableExecutionPlan;
use datafusion::physical_plan::{ExecutionPlan, displayable};
use lakegate_lake::store::Used;

use super::describe::{EXPLAIN, table};
use super::{Error, Route};
use crate::durable::StageReport;

/// What EXPLAIN shows, before it is put into rows.
pub(super) struct Explanation {
    rows: Vec<[String; 2]>,
}

impl Explanation {
    /// Begins with the tier and the router's reason.
    pub(super) fn new(route: &Route) -> Self {
        Self { rows: vec![["tier".to_string(), format!("{}: {}", route.tier, route.reason)]] }
    }

    pub(super) fn logical(&mut self, plan: &LogicalPlan) {
        self.push("logical_plan", plan.display_indent().to_string());
    }

    pub(super) fn physical(
        &mut self,
        plan: &Arc<dyn ExecutionPlan>,
        options: &ExplainStatementOptions,
    ) {
        let shown = displayable(plan.as_ref());
        let text = match options.format {
            Some(ExplainFormat::Tree) => shown.tree_render().to_string(),
            Some(ExplainFormat::Graphviz) => shown.graphviz().to_string(),
            _ => shown
                .set_show_statistics(options.show_statistics.unwrap_or(false))
                .indent(options.verbose)
                .to_string(),
        };
        self.push("physical_plan", text);
    }

    /// The plan as it ran in this process.
    pub(super) fn measured(&mut self, plan: &Arc<dyn ExecutionPlan>, verbose: bool) {
        let shown = DisplayableExecutionPlan::with_metrics(plan.as_ref());
        self.push("plan_with_metrics", shown.indent(verbose).to_string());
    }

    /// The stages as they ran on executors.
    pub(super) fn stages(&mut self, stages: Vec<StageReport>) {
        for stage in stages {
            self.push(
                &format!("stage {} ({} tasks)", stage.stage_id, stage.tasks),
                stage.plan_with_metrics,
            );
        }
    }

    /// What was asked of object stores, if anything was.
    pub(super) fn object_stores(&mut self, used: Used) {
        if used != Used::default() {
            self.push("object_stores", used.to_string());
        }
    }

    /// Rows and time of the whole run.
    pub(super) fn outcome(&mut self, rows: u64, elapsed: std::time::Duration) {
        self.push("outcome", format!("{rows} rows in {:.3} ms", elapsed.as_secs_f64() * 1e3));
    }

    pub(super) fn into_batch(self) -> Result<RecordBatch, Error> {
        table(&EXPLAIN, self.rows.into_iter())
    }

    fn push(&mut self, kind: &str, text: String) {
        self.rows.push([kind.to_string(), text]);
    }
}
