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
    INFORMATION_SCHEMA, Object, PrincipalId, Privilege, SYSTEM_SCHEMA, VisibleSnapshot,
};
use lakegate_engine::statement::{self, Statement};
use lakegate_lake::delta::TakenVersions;
use lakegate_lake::{Format, StringLayout, table_provider};

use super::{Declared, NameScope, ViewEntry, declared};
use crate::query::Error;
use crate::query::fresh_columns::note_columns;
use crate::query::system::System;

/// Most views that stand on one another.
const VIEW_DEPTH_MAX: usize = 16;

/// Turns statements into logical plans over one catalog snapshot.
#[derive(Clone)]
pub(in crate::query) struct Resolver {
    /// The one snapshot of the statement, as its principal sees it. In a view it is the one who made
    /// the view.
    pub(in crate::query) seen: VisibleSnapshot,
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
        let (state, plan) = self.plan_in(state, statement, 0).await?;
        // Only the analyzer settles types: before it a union has those of its first input, and the
        // schema that clients are told comes from this plan.
        let plan = state
            .analyzer()
            .execute_and_check(plan, state.config_options(), |_, _| {})
            .map_err(Error::Planning)?;
        Ok((state, plan))
    }

    fn plan_in(
        &self,
        state: Arc<SessionState>,
        statement: ParsedStatement,
        depth: usize,
    ) -> BoxFuture<'_, Result<(Arc<SessionState>, LogicalPlan), Error>> {
        async move {
            let mut statement = statement;
            let fold = state.config().options().sql_parser.enable_ident_normalization;
            let readings = statement::name_apart(&mut statement, fold)?;
            let references = state.resolve_table_references(&statement).map_err(Error::Planning)?;
            if references.is_empty() {
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
                    let table = self.reading(&state, &name, reading).await?;
                    resolved.insert(name, table);
                    continue;
                }
                if &*name.schema == SYSTEM_SCHEMA {
                    if let Some(table) = self.system.table(&name.table, &self.seen)? {
                        resolved.insert(name, table);
                    }
                    continue;
                }
                if &*name.schema != INFORMATION_SCHEMA && !resolved.contains_key(&name) {
                    let table = self.table(&state, &name, depth).await?;
                    resolved.insert(name, table);
                }
            }
            let scope = NameScope::new(self.seen.clone(), resolved);
            let mut state = SessionState::clone(&state);
            state.register_catalog_list(Arc::new(scope));
            // Table functions may be called with `now()`.
            state.mark_start_execution();
            let plan = state.statement_to_plan(statement).await.map_err(Error::Planning)?;
            Ok((Arc::new(state), plan))
        }
        .boxed()
    }

    async fn table(
        &self,
        state: &SessionState,
        name: &ResolvedTableReference,
        depth: usize,
    ) -> Result<Arc<dyn TableProvider>, Error> {
        let dataset = self.seen.resolve(&name.catalog, &name.schema, &name.table)?;
        self.seen.check_object(Privilege::Select, Object::Dataset(dataset.id), name)?;
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
            Declared::View(view) => self.view(state, name, view, dataset.definer, depth).await,
        }
    }

    async fn view(
        &self,
        state: &SessionState,
        name: &ResolvedTableReference,
        view: ViewEntry,
        definer: Option<PrincipalId>,
        depth: usize,
    ) -> Result<Arc<dyn TableProvider>, Error> {
        if depth >= VIEW_DEPTH_MAX {
            return Err(Error::ViewsTooDeep { name: name.to_string(), limit: VIEW_DEPTH_MAX });
        }
        let config =
            state.config().clone().with_default_catalog_and_schema(view.project, view.schema);
        let mut state = state.clone();
        *state.config_mut() = config;
        let fold = state.config().options().sql_parser.enable_ident_normalization;
        let Statement::Query(query) = statement::parse(&view.sql, fold)? else {
            return Err(Error::Statement(statement::Error::Empty));
        };
        let seen = match definer {
            Some(definer) => self.seen.unfiltered().for_principal(definer),
            // The service itself made it.
            None => self.seen.clone(),
        };
        let inside = Self { seen, ..self.clone() };
        let (_, plan) = inside.plan_in(Arc::new(state), *query, depth + 1).await?;
        Ok(Arc::new(ViewTable::new(plan, Some(view.sql))))
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
