//! DataFusion sessions to plan in, one a scope, kept because making one costs as much as a small
//! query.

use std::sync::Arc;

use datafusion::execution::FunctionRegistry;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::session_state::SessionState;
use lakegate_common::ByteSize;
use lakegate_engine::session;
use parking_lot::Mutex;

use super::Settings;
use super::statement::Scope;

/// Scopes whose sessions are kept; sessions of clients with equal settings share one.
const SCOPES_KEPT: usize = 32;

/// What of a scope a session depends on: rights are looked at when names are.
type Key = (Settings, String, String);

/// Sessions of the local tier by scope, without tables.
pub(super) struct ScopeStates {
    cores: usize,
    template: SessionState,
    /// The last used comes last.
    kept: Mutex<Vec<(Key, Arc<SessionState>)>>,
}

impl ScopeStates {
    pub(super) fn new(cores: usize, runtime: Arc<RuntimeEnv>, function_bytes: ByteSize) -> Self {
        let config = session::local_config(cores);
        let template = session::local_state(config, runtime, function_bytes);
        Self { cores, template, kept: Mutex::default() }
    }

    /// The session of `scope`.
    pub(super) fn of(&self, scope: &Scope) -> Arc<SessionState> {
        let key = (scope.settings.clone(), scope.project.clone(), scope.schema.clone());
        let mut kept = self.kept.lock();
        let entry = match kept.iter().position(|(of, _)| *of == key) {
            Some(at) => kept.remove(at),
            None => (key, Arc::new(self.make(scope))),
        };
        let state = Arc::clone(&entry.1);
        kept.push(entry);
        if kept.len() > SCOPES_KEPT {
            kept.remove(0);
        }
        state
    }

    fn make(&self, scope: &Scope) -> SessionState {
        let config = session::local_config(self.cores)
            .with_default_catalog_and_schema(&scope.project, &scope.schema);
        let mut state = self.template.clone();
        *state.config_mut() = scope.settings.apply(config);
        // Functions read their settings, such as the time zone, from what this puts down.
        state.mark_start_execution();
        follow_settings(&mut state);
        state
    }
}

/// Gives functions that are of other types under other settings, such as `now()`, those of `state`.
fn follow_settings(state: &mut SessionState) {
    let options = Arc::clone(state.config_options());
    let changed: Vec<_> = state
        .scalar_functions()
        .values()
        .filter_map(|function| function.inner().with_updated_config(&options))
        .collect();
    for function in changed {
        if let Err(error) = state.register_udf(Arc::new(function)) {
            tracing::error!(%error, "a function keeps the settings of another session");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(schema: &str) -> Scope {
        Scope {
            principal: crate::identity::tests::principal("ann").id,
            settings: Settings::default(),
            project: "lake".to_string(),
            schema: schema.to_string(),
        }
    }

    #[test]
    fn equal_scopes_share_a_session_and_the_number_of_sessions_is_bounded() {
        let states = ScopeStates::new(1, Arc::default(), ByteSize::mib(1));
        let first = states.of(&scope("a"));
        assert!(Arc::ptr_eq(&first, &states.of(&scope("a"))));
        assert!(!Arc::ptr_eq(&first, &states.of(&scope("b"))));
        for number in 0..2 * SCOPES_KEPT {
            states.of(&scope(&number.to_string()));
        }
        assert_eq!(states.kept.lock().len(), SCOPES_KEPT);
        assert!(!Arc::ptr_eq(&first, &states.of(&scope("a"))));
    }
}
