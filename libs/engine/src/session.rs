//! The DataFusion session that statements are planned in.

use std::sync::Arc;

use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::prelude::SessionConfig;

use crate::cooperative_fan_out::CooperativeFanOut;
use crate::security_barrier::{Planner, PushHarmlessPredicates};

/// The configuration of plans that run in one process, with as many partitions as it has cores.
pub fn local_config(cores: usize) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_target_partitions(cores.max(1))
        // The catalog brings its own.
        .with_information_schema(false)
        .with_create_default_catalog_and_schema(false)
        .with_collect_statistics(true);
    let options = config.options_mut();
    options.execution.parquet.pushdown_filters = false;
    options.execution.listing_table_ignore_subdirectory = false;
    config
}

/// A state with every function and rule that Lakegate has, over `runtime`.
pub fn local_state(config: SessionConfig, runtime: Arc<RuntimeEnv>) -> SessionState {
    SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_default_features()
        .with_query_planner(Arc::new(Planner))
        .with_optimizer_rule(Arc::new(PushHarmlessPredicates))
        .with_physical_optimizer_rule(Arc::new(CooperativeFanOut))
        .build()
}
