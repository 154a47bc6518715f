//! DataFusion sessions to plan in, one a scope, kept because making one costs as much as a small
//! query.

use std::sync::Arc;

use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::session_state::SessionState;
use lakegate_engine::session;
use parking_lot::Mutex;

use super::statement::Scope;

/// Scopes whose sessions are kept; sessions of clients with equal settings share one.
const SCOPES_KEPT: usize = 32;

/// Sessions of the local tier by scope, without tables.
pub(super) struct ScopeStates {
    cores: usize,
    template: SessionState,
    /// The last used comes last.
    kept: Mutex<Vec<(Scope, Arc<SessionState>)>>,
}

impl ScopeStates {
    pub(super) fn new(cores: usize, runtime: Arc<RuntimeEnv>) -> Self {
        let template = session::local_state(session::local_config(cores), runtime);
        Self { cores, template, kept: Mutex::default() }
    }

    /// The session of `scope`.
    pub(super) fn of(&self, scope: &Scope) -> Arc<SessionState> {
        let mut kept = self.kept.lock();
        let entry = match kept.iter().position(|(of, _)| of == scope) {
            Some(at) => kept.remove(at),
            None => (scope.clone(), Arc::new(self.make(scope))),
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
        state
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::Settings;

    fn scope(schema: &str) -> Scope {
        Scope {
            settings: Settings::default(),
            project: "lake".to_string(),
            schema: schema.to_string(),
        }
    }

    #[test]
    fn equal_scopes_share_a_session_and_the_number_of_sessions_is_bounded() {
        let states = ScopeStates::new(1, Arc::default());
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
