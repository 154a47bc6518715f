//! From an analysed plan to one that can run.

use std::sync::Arc;

use datafusion::error::DataFusionError;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use lakegate_common::{Coded, ErrorCode};
use lakegate_engine::optimize::optimize;
use lakegate_engine::security_barrier::{ViewFailure, views_in};

use super::Error;

/// Optimises `plan`, which was analysed in `state`, and makes a physical plan of it.
///
/// # Errors
/// What is wrong with it. Of what is wrong below a barrier the view is told alone.
pub(super) async fn physical_plan(
    state: &SessionState,
    plan: LogicalPlan,
) -> Result<(LogicalPlan, Arc<dyn ExecutionPlan>), Error> {
    let views = views_in(&plan);
    match made(state, plan).await {
        Err(error) if views.is_empty() => Err(Error::Planning(error)),
        Err(error) => Err(Box::pin(told(state, views, error)).await),
        Ok(plans) => Ok(plans),
    }
}

async fn made(
    state: &SessionState,
    plan: LogicalPlan,
) -> Result<(LogicalPlan, Arc<dyn ExecutionPlan>), DataFusionError> {
    let logical = optimize(state, plan)?;
    let physical = state.query_planner().create_physical_plan(&logical, state).await?;
    Ok((logical, physical))
}

/// What a caller is told who may not see the inside of these views: the view, where planning that
/// alone fails too, and else the error, unless it may be one of reading that comes and goes.
async fn told(
    state: &SessionState,
    views: Vec<(String, LogicalPlan)>,
    error: DataFusionError,
) -> Error {
    let error = Error::Planning(error);
    let mut blamed = views
        .first()
        .filter(|_| !is_of_the_statement(error.code()))
        .map(|view| ViewFailure::hiding(&view.0, error.code(), &error));
    for (view, inside) in views {
        if let Err(cause) = made(state, inside).await {
            let cause = Error::Planning(cause);
            blamed = Some(ViewFailure::hiding(&view, cause.code(), &cause));
            break;
        }
    }
    blamed.map_or(error, Error::View)
}

/// Whether errors of this code are about a statement and never about what it reads.
fn is_of_the_statement(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::SyntaxError
            | ErrorCode::InvalidStatement
            | ErrorCode::ColumnNotFound
            | ErrorCode::FunctionNotFound
            | ErrorCode::Unsupported
            | ErrorCode::InvalidSetting
            | ErrorCode::MemoryExhausted
    )
}
