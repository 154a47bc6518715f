//! The DataFusion session that statements are planned in.

use std::sync::Arc;

use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::planner::RelationPlanner;
use datafusion::optimizer::analyzer::Analyzer;
use datafusion::optimizer::optimizer::Optimizer;
use datafusion::optimizer::{AnalyzerRule, OptimizerRule};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::prelude::SessionConfig;
use lakegate_common::ByteSize;

use crate::bounded_functions::scalar_functions;
use crate::constant_rows::ConstantRowsInMemory;
use crate::cooperative_fan_out::CooperativeFanOut;
use crate::distributed_joins::{DividedJoins, JoinTasks};
use crate::filter_fences::fenced;
use crate::functional_dependencies::{self, SoundDependencies, UnnotedRelations};
use crate::nan_statistics::{NanIsNotSkipped, NanMayBeLargest};
use crate::outer_references::OuterReferenceTypes;
use crate::security_barrier::{Planner, PushHarmlessPredicates};
use crate::skipped_rows::SkippedInOrder;
use crate::stage_requirements::{StageRequirements, above_joins};
use crate::time_comparison::TimeComparison;

/// The name of DataFusion's rule that chooses how joins run.
const JOINS_CHOSEN: &str = "join_selection";
/// That of its rule that decides about types.
const TYPES_DECIDED: &str = "type_coercion";
/// The zone of `now()` and of times that are read with a zone and name none.
const TIME_ZONE_DEFAULT: &str = "UTC";

/// The configuration of plans that run in one process, with as many partitions as it has cores.
pub fn local_config(cores: usize) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_target_partitions(cores.max(1))
        // The catalog brings its own.
        .with_information_schema(false)
        .with_create_default_catalog_and_schema(false)
        .with_collect_statistics(true);
    let options = config.options_mut();
    // Times with a zone are instants, also where a session names no zone.
    options.execution.time_zone = Some(TIME_ZONE_DEFAULT.to_string());
    options.execution.parquet.pushdown_filters = false;
    options.execution.listing_table_ignore_subdirectory = false;
    config
}

/// A state with every function and rule that Lakegate has, over `runtime`. One call of a function
/// makes at most `function_bytes`.
pub fn local_state(
    config: SessionConfig,
    runtime: Arc<RuntimeEnv>,
    function_bytes: ByteSize,
) -> SessionState {
    SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_default_features()
        .with_scalar_functions(scalar_functions(function_bytes))
        .with_relation_planners(relation_planners())
        .with_query_planner(Arc::new(Planner))
        .with_analyzer_rules(analyzer_rules())
        .with_optimizer_rules(optimizer_rules(Optimizer::new().rules))
        .with_physical_optimizer_rules(physical_rules(Vec::new()))
        .build()
}

/// What plans the relations of a statement.
pub fn relation_planners() -> Vec<Arc<dyn RelationPlanner>> {
    vec![Arc::new(UnnotedRelations)]
}

/// DataFusion's rules for what is read of a statement with those of Lakegate among them.
pub fn analyzer_rules() -> Vec<Arc<dyn AnalyzerRule + Send + Sync>> {
    let mut rules = Analyzer::new().rules;
    let types = rules.iter().position(|rule| rule.name() == TYPES_DECIDED).unwrap_or(0);
    rules.insert(types, Arc::new(TimeComparison));
    rules.insert(types + 2, Arc::new(OuterReferenceTypes));
    rules.push(Arc::new(SoundDependencies));
    rules
}

/// Rules for what is asked, DataFusion's or those that Ballista makes of them, with those of Lakegate.
pub fn optimizer_rules(
    given: Vec<Arc<dyn OptimizerRule + Send + Sync>>,
) -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let mut rules: Vec<Arc<dyn OptimizerRule + Send + Sync>> = Vec::with_capacity(given.len());
    for rule in given {
        if functional_dependencies::DECIDE.contains(&rule.name()) {
            rules.push(Arc::new(SoundDependencies));
        }
        rules.push(rule);
    }
    rules.push(Arc::new(PushHarmlessPredicates));
    rules
}

/// DataFusion's rules for physical plans with those of Lakegate round them; of those, `last` come
/// last.
pub fn physical_rules(last: Vec<PhysicalRule>) -> Vec<PhysicalRule> {
    let first: [PhysicalRule; 2] = [Arc::new(NanMayBeLargest), Arc::new(SkippedInOrder)];
    let ours: [PhysicalRule; 2] = [Arc::new(NanIsNotSkipped), Arc::new(CooperativeFanOut)];
    let given = PhysicalOptimizer::new().rules.into_iter().map(fenced);
    first.into_iter().chain(given).chain(ours).chain(last).collect()
}

/// The same for plans that run on executors.
pub fn distributed_rules() -> Vec<PhysicalRule> {
    let last: [PhysicalRule; 3] =
        [Arc::new(ConstantRowsInMemory), Arc::new(JoinTasks), Arc::new(StageRequirements)];
    let mut rules: Vec<_> = physical_rules(last.to_vec()).into_iter().map(above_joins).collect();
    rules.insert(after_joins_are_chosen(&rules), Arc::new(DividedJoins));
    rules
}

fn after_joins_are_chosen(rules: &[PhysicalRule]) -> usize {
    rules.iter().position(|rule| rule.name() == JOINS_CHOSEN).map_or(0, |chosen| chosen + 1)
}

/// A rule for physical plans.
pub type PhysicalRule = Arc<dyn PhysicalOptimizerRule + Send + Sync>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_of_datafusion_have_the_names_that_those_round_them_go_by() {
        let rules = analyzer_rules();
        let names: Vec<_> = rules.iter().map(|rule| rule.name()).collect();
        let types = names.iter().position(|name| *name == TYPES_DECIDED).unwrap();
        assert_eq!(names[types - 1], "time_comparison");
        assert_eq!(names[types + 1], "outer_reference_types");
        let rules = optimizer_rules(Optimizer::new().rules);
        let corrected: Vec<_> =
            rules.windows(2).filter(|two| two[0].name() == "sound_dependencies").collect();
        let decide: Vec<_> = corrected.iter().map(|two| two[1].name()).collect();
        assert_eq!(decide, functional_dependencies::DECIDE);
        let debugged: Vec<_> = distributed_rules().iter().map(|rule| format!("{rule:?}")).collect();
        let count = |name: &str| debugged.iter().filter(|rule| rule.starts_with(name)).count();
        assert_eq!((count("Fenced"), count("AboveJoins")), (2, 1), "{debugged:?}");
        let joins = distributed_rules().iter().position(|rule| rule.name() == JOINS_CHOSEN);
        assert_eq!(distributed_rules()[joins.unwrap() + 1].name(), "divided_joins");
    }
}
