//! The session under which plans for executors are made.

use std::sync::Arc;

use ballista_core::config::{
    BALLISTA_ADAPTIVE_PLANNER_ENABLED, BALLISTA_BROADCAST_JOIN_THRESHOLD_BYTES, BallistaConfig,
};
use ballista_core::extension::{
    SessionConfigExt, ballista_aggregate_functions, ballista_window_functions,
};
use ballista_core::optimizer::ballista_default_optimizer_rules;
use datafusion::error::DataFusionError;
use datafusion::execution::context::SessionContext;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::prelude::SessionConfig;
use lakegate_common::ByteSize;
use lakegate_engine::bounded_functions::scalar_functions;
use lakegate_engine::channel::with_cluster_settings;
use lakegate_engine::security_barrier::Planner;
use lakegate_engine::session::{
    analyzer_rules, distributed_rules, optimizer_rules, relation_planners,
};

use super::Config;
use crate::query::QueryId;

/// Partitions of a plan at most, however many cores the fleet has.
const PARTITIONS_MAX: usize = 512;
/// Rows of a build side that is sent to every task where its bytes are not known.
const BROADCAST_ROWS_MAX: u64 = 1_000_000;

/// Ballista's settings, read once.
pub(super) struct Settings {
    ballista: BallistaConfig,
    broadcast_bytes_max: u64,
    function_bytes: ByteSize,
}

impl Settings {
    /// Checks that Ballista takes our settings.
    ///
    /// # Errors
    /// It does not.
    pub(super) fn new(config: &Config) -> Result<Self, DataFusionError> {
        let mut settings = with_cluster_settings(SessionConfig::new_with_ballista())?;
        let broadcast_bytes_max = config.broadcast_max.bytes();
        settings
            .options_mut()
            .set(BALLISTA_BROADCAST_JOIN_THRESHOLD_BYTES, &broadcast_bytes_max.to_string())?;
        let function_bytes = config.function_bytes;
        Ok(Self { ballista: settings.ballista_config(), broadcast_bytes_max, function_bytes })
    }

    /// What Ballista's own calls take their times and sizes from.
    pub(super) fn produce(&self) -> SessionConfig {
        let mut config = SessionConfig::new_with_ballista();
        config.options_mut().extensions.insert(self.ballista.clone());
        config
    }

    /// A configuration for planning, over what the session asks for.
    pub(super) fn session_config(&self, base: SessionConfig, cores: usize) -> SessionConfig {
        let mut config =
            base.upgrade_for_ballista().with_target_partitions(cores.clamp(1, PARTITIONS_MAX));
        let options = config.options_mut();
        options.extensions = Default::default();
        options.extensions.insert(self.ballista.clone());
        // Sorting both sides costs several times what hashing does. A build side that does not fit
        // into an executor's memory fails its query with a clear code.
        options.optimizer.prefer_hash_join = true;
        options.optimizer.hash_join_single_partition_threshold =
            usize::try_from(self.broadcast_bytes_max).unwrap_or(usize::MAX);
        options.optimizer.hash_join_single_partition_threshold_rows =
            usize::try_from(BROADCAST_ROWS_MAX).unwrap_or(usize::MAX);
        config
    }

    /// What a job carries to executors: DataFusion's settings as the session has them, which are
    /// typed, and of Ballista's our own alone, since those are texts that it trusts.
    pub(super) fn job_context(
        &self,
        id: QueryId,
        session: &SessionContext,
        adaptive: bool,
    ) -> Arc<SessionContext> {
        let mut config = session.copied_config();
        let options = config.options_mut();
        options.extensions = Default::default();
        options.extensions.insert(self.ballista.clone());
        if adaptive && let Err(error) = options.set(BALLISTA_ADAPTIVE_PLANNER_ENABLED, "true") {
            tracing::error!(error = %error, "Ballista has no adaptive planner");
        }
        let state = self.session_state(config, session.runtime_env());
        let state =
            SessionStateBuilder::new_from_existing(state).with_session_id(id.to_string()).build();
        Arc::new(SessionContext::new_with_state(state))
    }

    /// A state with the rules and functions that plans for executors need.
    pub(super) fn session_state(
        &self,
        config: SessionConfig,
        runtime: Arc<RuntimeEnv>,
    ) -> SessionState {
        SessionStateBuilder::new()
            .with_default_features()
            .with_config(config)
            .with_runtime_env(runtime)
            .with_relation_planners(relation_planners())
            .with_query_planner(Arc::new(Planner))
            .with_optimizer_rules(optimizer_rules(ballista_default_optimizer_rules()))
            .with_analyzer_rules(analyzer_rules())
            .with_physical_optimizer_rules(distributed_rules())
            .with_scalar_functions(scalar_functions(self.function_bytes))
            .with_aggregate_functions(ballista_aggregate_functions())
            .with_window_functions(ballista_window_functions())
            .build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_setting_of_ballista_does_not_travel() {
        let settings = Settings::new(&Config::default()).unwrap();
        let mut config = SessionConfig::new_with_ballista();
        config.options_mut().set("ballista.scheduler.max_partitions_per_task", "abc").unwrap();
        config.options_mut().set("datafusion.execution.batch_size", "1024").unwrap();
        let session = SessionContext::new_with_config(config);
        let job = settings.job_context(QueryId::new(), &session, false).copied_config();
        assert_eq!(job.ballista_config().max_partitions_per_task(), 0);
        assert_eq!(job.batch_size(), 1024);
    }

    #[test]
    fn plans_have_as_many_partitions_as_there_are_cores() {
        let settings = Settings::new(&Config::default()).unwrap();
        let partitions =
            |cores| settings.session_config(SessionConfig::new(), cores).target_partitions();
        assert_eq!([partitions(0), partitions(6), partitions(100_000)], [1, 6, PARTITIONS_MAX]);
    }
}
