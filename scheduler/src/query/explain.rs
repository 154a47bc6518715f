//! EXPLAIN: where a statement would run and why, its plans, and with ANALYZE what running it cost.

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::format::{ExplainFormat, ExplainStatementOptions};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::display::DisplayableExecutionPlan;
use datafusion::physical_plan::{ExecutionPlan, displayable};
use lakegate_engine::security_barrier::{covered_logical, covered_physical, views_in};
use lakegate_lake::store::Used;

use super::describe::{EXPLAIN, table};
use super::{Error, Route};
use crate::durable::StageReport;

/// What EXPLAIN shows, before it is put into rows.
pub(super) struct Explanation {
    rows: Vec<[String; 2]>,
    /// Whether the plan reads a view whose inside is not for the eyes of who asks. Nothing is shown
    /// then of what lies below it, nor what comes from there, such as bytes that are read.
    hides: bool,
}

impl Explanation {
    /// Begins with the tier and the router's reason to run `plan` there.
    pub(super) fn new(route: &Route, plan: &LogicalPlan) -> Self {
        let views: Vec<_> = views_in(plan).into_iter().map(|(view, _)| view).collect();
        let tier = match views.is_empty() {
            true => format!("{}: {}", route.tier, route.reason),
            false => format!("{}: not shown is what lies below {}", route.tier, views.join(", ")),
        };
        Self { rows: vec![["tier".to_string(), tier]], hides: !views.is_empty() }
    }

    pub(super) fn logical(&mut self, plan: &LogicalPlan) -> Result<(), Error> {
        let covered = match self.hides {
            true => covered_logical(plan.clone()).map_err(Error::Planning)?,
            false => plan.clone(),
        };
        self.push("logical_plan", covered.display_indent().to_string());
        Ok(())
    }

    pub(super) fn physical(
        &mut self,
        plan: &Arc<dyn ExecutionPlan>,
        options: &ExplainStatementOptions,
    ) {
        let plan = self.seen(plan);
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
        let plan = self.seen(plan);
        let shown = DisplayableExecutionPlan::with_metrics(plan.as_ref());
        self.push("plan_with_metrics", shown.indent(verbose).to_string());
    }

    /// The stages as they ran on executors.
    pub(super) fn stages(&mut self, stages: Vec<StageReport>) {
        if self.hides {
            // What lies below a view may be a stage of its own.
            return;
        }
        for stage in stages {
            self.push(
                &format!("stage {} ({} tasks)", stage.stage_id, stage.tasks),
                stage.plan_with_metrics,
            );
        }
    }

    /// What was asked of object stores, if anything was.
    pub(super) fn object_stores(&mut self, used: Used) {
        if used != Used::default() && !self.hides {
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

    fn seen(&self, plan: &Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
        if self.hides { covered_physical(plan) } else { Arc::clone(plan) }
    }

    fn push(&mut self, kind: &str, text: String) {
        self.rows.push([kind.to_string(), text]);
    }
}
