//! From an analysed logical plan to an optimised one, at one moment in time.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use datafusion::common::alias::AliasGenerator;
use datafusion::common::config::ConfigOptions;
use datafusion::error::DataFusionError;
use datafusion::execution::FunctionRegistry;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::OptimizerConfig;

/// Optimises `plan`, which was analysed in `state`. `now()` and its like mean the moment of this
/// call: a statement that was planned once may run many times, and `state` may be shared.
///
/// # Errors
/// What a rule finds wrong with the plan.
pub fn optimize(state: &SessionState, plan: LogicalPlan) -> Result<LogicalPlan, DataFusionError> {
    let run = Run { state, now: Utc::now(), aliases: Arc::default() };
    state.optimizer().optimize(plan, &run, |_, _| {})
}

/// One run of the rules.
struct Run<'a> {
    state: &'a SessionState,
    now: DateTime<Utc>,
    aliases: Arc<AliasGenerator>,
}

impl OptimizerConfig for Run<'_> {
    fn query_execution_start_time(&self) -> Option<DateTime<Utc>> {
        Some(self.now)
    }

    fn alias_generator(&self) -> &Arc<AliasGenerator> {
        &self.aliases
    }

    fn options(&self) -> Arc<ConfigOptions> {
        Arc::clone(self.state.config_options())
    }

    fn function_registry(&self) -> Option<&dyn FunctionRegistry> {
        Some(self.state)
    }
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::SessionContext;

    use super::*;

    #[tokio::test]
    async fn now_is_the_moment_of_the_run_and_not_of_the_planning() {
        let session = SessionContext::new();
        let state = session.state();
        let plan = state.create_logical_plan("SELECT now() AS n").await.unwrap();
        let first = optimize(&state, plan.clone()).unwrap().display_indent().to_string();
        let second = optimize(&state, plan).unwrap().display_indent().to_string();
        assert!(first.contains("TimestampNanosecond"), "{first}");
        assert_ne!(first, second);
    }
}
