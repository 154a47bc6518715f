//! Every table that a statement uses, found once, views opened on the way.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::catalog::view::ViewTable;
use datafusion::common::{ResolvedTableReference, TableReference};
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement as ParsedStatement;
use futures::FutureExt;
use futures::future::BoxFuture;
use lakegate_catalog::{
    Dataset, INFORMATION_SCHEMA, Object, PrincipalId, Privilege, SYSTEM_SCHEMA, VisibleSnapshot,
};
use lakegate_common::Coded;
use lakegate_engine::security_barrier::{ViewFailure, guarded};
use lakegate_engine::statement::{self, SessionName, Statement};
use lakegate_lake::delta::TakenVersions;
use lakegate_lake::{Format, StringLayout, table_provider};

use super::below::Below;
use super::{Declared, NameScope, ViewEntry, declared, may_see_definition};
use crate::query::Error;
use crate::query::fresh_columns::note_columns;
use crate::query::system::System;

/// Most views that stand on one another.
const VIEW_DEPTH_MAX: usize = 16;
/// What `version()` answers.
const VERSION: &str = concat!("Lakegate ", env!("CARGO_PKG_VERSION"));

/// Turns statements into logical plans over one catalog snapshot.
#[derive(Clone)]
pub(in crate::query) struct Resolver {
    /// The one snapshot of the statement, as its principal sees it. In a view it is the one who made
    /// the view.
    pub(in crate::query) seen: VisibleSnapshot,
    /// The same snapshot as who sent the statement sees it.
    pub(in crate::query) caller: VisibleSnapshot,
    /// Who sent the statement.
    pub(in crate::query) principal: PrincipalId,
    /// The versions of Delta tables that the statement reads.
    pub(in crate::query) versions: Arc<TakenVersions>,
    /// What the service knows of itself.
    pub(in crate::query) system: System,
    /// How text lies in memory in this plan.
    pub(in crate::query) strings: StringLayout,
}

impl Resolver {
    /// The logical plan of `statement`, with the session in which it is to be optimised. The
    /// default project and schema of `state` are those of the caller.
    ///
    /// # Errors
    /// A name that is not there, or a statement that does not plan.
    pub(in crate::query) async fn plan(
        &self,
        state: Arc<SessionState>,
        statement: ParsedStatement,
    ) -> Result<(Arc<SessionState>, LogicalPlan), Error> {
        let (state, plan) = self.plan_in(state, statement, 0, &mut Below::default()).await?;
        // Only the analyzer settles types: before it a union has those of its first input, and the
        // schema that clients are told comes from this plan.
        let plan = state
            .analyzer()
            .execute_and_check(plan, state.config_options(), |_, _| {})
            .map_err(Error::Planning)?;
        Ok((state, plan))
    }

    fn plan_in<'a>(
        &'a self,
        state: Arc<SessionState>,
        statement: ParsedStatement,
        depth: usize,
        below: &'a mut Below,
    ) -> BoxFuture<'a, Result<(Arc<SessionState>, LogicalPlan), Error>> {
        async move {
            let mut statement = statement;
            let fold = state.config().options().sql_parser.enable_ident_normalization;
            statement::name_session(&mut statement, |name| self.session_name(&state, name));
            let readings = statement::name_apart(&mut statement, fold)?;
            let references = state.resolve_table_references(&statement).map_err(Error::Planning)?;
            if references.is_empty() {
                below.is_whole();
                let plan = state.statement_to_plan(statement).await.map_err(Error::Planning)?;
                return Ok((state, plan));
            }
            let mut resolved = HashMap::with_capacity(references.len());
            for reference in references {
                let is_function = is_table_function(&state, &reference);
                let name = absolute(&state, reference);
                if is_function
                    && self.seen.resolve(&name.catalog, &name.schema, &name.table).is_err()
                {
                    continue;
                }
                if let Some(reading) = readings.get(&*name.table) {
                    let table = self.reading(&state, &name, reading, below).await?;
                    resolved.insert(name, table);
                    continue;
                }
                if &*name.schema == SYSTEM_SCHEMA {
                    below.reads_service();
                    if let Some(table) = self.system.table(&name.table, &self.seen)? {
                        resolved.insert(name, table);
                    }
                    continue;
                }
                match &*name.schema {
                    INFORMATION_SCHEMA => below.reads_service(),
                    _ if resolved.contains_key(&name) => {}
                    _ => {
                        let table = self.table(&state, &name, depth, below).await?;
                        resolved.insert(name, table);
                    }
                }
            }
            below.is_whole();
            let scope = NameScope::new(self.seen.clone(), resolved)
                .with_table_functions(state.table_functions().clone());
            let mut state = SessionState::clone(&state);
            state.register_catalog_list(Arc::new(scope));
            // Table functions may be called with `now()`.
            state.mark_start_execution();
            let plan = state.statement_to_plan(statement).await.map_err(Error::Planning)?;
            Ok((Arc::new(state), plan))
        }
        .boxed()
    }

    fn session_name(&self, state: &SessionState, name: SessionName) -> String {
        let defaults = &state.config_options().catalog;
        match name {
            SessionName::User => {
                let principal = self.caller.principal_by_id(self.principal);
                principal.map(|principal| principal.name.clone()).unwrap_or_default()
            }
            SessionName::Project => defaults.default_catalog.clone(),
            SessionName::Schema => defaults.default_schema.clone(),
            SessionName::Version => VERSION.to_string(),
        }
    }

    async fn table(
        &self,
        state: &SessionState,
        name: &ResolvedTableReference,
        depth: usize,
        below: &mut Below,
    ) -> Result<Arc<dyn TableProvider>, Error> {
        let dataset = self.seen.resolve(&name.catalog, &name.schema, &name.table)?;
        self.seen.check_object(Privilege::Select, Object::Dataset(dataset.id), name)?;
        below.reads(dataset.id);
        match declared(dataset)? {
            Declared::Table(table) => {
                self.seen.check_reading_files(dataset)?;
                let provider = table_provider(state, &self.versions, &table, self.strings).await?;
                if table.format == Format::Delta {
                    let newest = self.versions.of(&table.log(state)?).await?;
                    note_columns(&self.system.sources.catalog, dataset, &newest).await;
                }
                Ok(provider)
            }
            Declared::View(view) => {
                let opened = self.view(state, name, dataset, view, depth, below);
                opened.await
            }
        }
    }

    async fn view(
        &self,
        state: &SessionState,
        name: &ResolvedTableReference,
        dataset: &Dataset,
        view: ViewEntry,
        depth: usize,
        below: &mut Below,
    ) -> Result<Arc<dyn TableProvider>, Error> {
        if depth >= VIEW_DEPTH_MAX {
            return Err(Error::ViewsTooDeep { name: name.to_string(), limit: VIEW_DEPTH_MAX });
        }
        let definition = may_see_definition(&self.seen, dataset).then(|| view.sql.clone());
        let mut inside = Below::default();
        let planned = self.inside(state, dataset, view, depth + 1, &mut inside).await;
        let definer = dataset.definer;
        // What its caller wrote is evaluated on no row of a table that they may not read, and what
        // fails there is not told. One who may read all that is read here may have what others
        // wrote evaluated on it.
        let is_open = |seen: &VisibleSnapshot| inside.is_open_to(seen, definer);
        let is_own = definer.is_none_or(|definer| self.caller.acts_as(definer));
        let hide = |error: Error| match is_own || is_open(&self.caller) {
            true => error,
            false => ViewFailure::hiding(&name.to_string(), error.code(), &error).into(),
        };
        let (state, plan) = planned.map_err(hide)?;
        if definer.is_none() || is_open(&self.seen) || is_open(&self.caller) {
            below.reads_what(inside, definer);
            return Ok(Arc::new(ViewTable::new(plan, definition)));
        }
        // By itself, so that what is wrong with its types is known for a fault of the view.
        let plan = state
            .analyzer()
            .execute_and_check(plan, state.config_options(), |_, _| {})
            .map_err(|error| hide(Error::Planning(error)))?;
        let plan = guarded(plan, name.clone()).map_err(Error::Planning)?;
        Ok(Arc::new(ViewTable::new(plan, definition)))
    }

    /// The query of a view, planned with the rights of who made it.
    async fn inside(
        &self,
        state: &SessionState,
        dataset: &Dataset,
        view: ViewEntry,
        depth: usize,
        below: &mut Below,
    ) -> Result<(Arc<SessionState>, LogicalPlan), Error> {
        let config =
            state.config().clone().with_default_catalog_and_schema(view.project, view.schema);
        let mut state = state.clone();
        *state.config_mut() = config;
        let fold = state.config().options().sql_parser.enable_ident_normalization;
        let Statement::Query(query) = statement::parse(&view.sql, fold)? else {
            return Err(Error::Statement(statement::Error::Empty));
        };
        let seen = match dataset.definer {
            Some(definer) => self.seen.unfiltered().for_principal(definer),
            // The service itself made it.
            None => self.seen.clone(),
        };
        let inside = Self { seen, ..self.clone() };
        inside.plan_in(Arc::new(state), *query, depth, below).await
    }
}

/// Whether `reference` may be a call such as `generate_series(1, 3)`, which the engine lists among the
/// tables of a statement; a dataset of the same name goes before it.
fn is_table_function(state: &SessionState, reference: &TableReference) -> bool {
    matches!(reference, TableReference::Bare { table } if state.table_functions().contains_key(&**table))
}

/// The full name that `reference` means in `state`.
pub(in crate::query) fn absolute(
    state: &SessionState,
    reference: TableReference,
) -> ResolvedTableReference {
    let defaults = &state.config().options().catalog;
    reference.resolve(&defaults.default_catalog, &defaults.default_schema)
}
