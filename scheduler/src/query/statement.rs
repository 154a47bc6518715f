//! A statement that was read and planned and has not run yet.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::TableReference;
use datafusion::common::format::ExplainStatementOptions;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement as ParsedStatement;
use lakegate_catalog::PrincipalId;
use lakegate_engine::statement::{Command, GrantsOf, Inspection, shown};
use lakegate_lake::delta::TakenVersions;

use super::write::Sink;
use super::{Error, Settings};
use crate::session::Session;

/// A statement ready to run, any number of times.
#[derive(Debug)]
pub struct Statement {
    /// Its text, to plan it again.
    pub sql: String,
    /// What may be seen of its text, where that is not all of it.
    pub(super) shown: Option<String>,
    /// Whether it changes something instead of returning rows.
    pub is_update: bool,
    /// The schema that every result of it has; no fields when `is_update`.
    pub schema: SchemaRef,
    pub(super) work: Work,
}

/// What running the statement means.
#[derive(Debug)]
pub(super) enum Work {
    Query(Arc<Planned>),
    Explain { options: ExplainStatementOptions, planned: Arc<Planned> },
    Describe(TableReference),
    Inspect { what: Inspection, name: TableReference },
    ShowGrants(GrantsOf),
    ShowSetting(Option<String>),
    Command(Command),
}

/// A logical plan with what it was made from.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    /// The parsed text, to plan it again for another tier or a newer catalog.
    pub(super) parsed: ParsedStatement,
    /// The session it was planned in.
    pub(super) state: Arc<SessionState>,
    /// The plan before optimisation.
    pub(super) plan: LogicalPlan,
    /// Version of the catalog's snapshot that gave the names; `None` where there are none.
    pub(super) catalog_version: Option<u64>,
    /// The session's settings, project and schema at the time.
    pub(super) scope: Scope,
    /// The versions of Delta tables that it reads, on whatever tier.
    pub(super) versions: Arc<TakenVersions>,
    /// What becomes of the rows, where they do not go to the client.
    pub(super) sink: Option<Arc<Sink>>,
}

impl Planned {
    /// The same with a writer on top.
    pub(super) fn onto(self, sink: Sink) -> Result<Self, Error> {
        let plan = sink.over(self.plan)?;
        Ok(Self { plan, sink: Some(Arc::new(sink)), ..self })
    }
}

/// What of a session decides how a statement is planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scope {
    /// Whose rights hold.
    pub(super) principal: PrincipalId,
    pub(super) settings: Settings,
    pub(super) project: String,
    pub(super) schema: String,
}

impl Scope {
    /// The scope of a session now.
    pub(super) fn of(session: &Session) -> Self {
        Self {
            principal: session.principal.id,
            settings: session.settings(),
            project: session.project(),
            schema: session.schema(),
        }
    }
}

impl Statement {
    pub(super) fn with_rows(sql: &str, schema: SchemaRef, work: Work) -> Arc<Self> {
        let shown = shown_if_not_all(sql);
        Arc::new(Self { sql: sql.to_string(), shown, is_update: false, schema, work })
    }

    pub(super) fn command(sql: &str, command: Command) -> Arc<Self> {
        Arc::new(Self {
            sql: sql.to_string(),
            shown: shown_if_not_all(sql),
            is_update: true,
            schema: Arc::new(Schema::empty()),
            work: Work::Command(command),
        })
    }

    /// Its text as logs, the history and the catalog may have it.
    pub(super) fn shown(&self) -> &str {
        self.shown.as_deref().unwrap_or(&self.sql)
    }
}

fn shown_if_not_all(sql: &str) -> Option<String> {
    match shown(sql) {
        Cow::Borrowed(_) => None,
        Cow::Owned(shown) => Some(shown),
    }
}
