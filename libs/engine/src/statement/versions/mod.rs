//! Versions of tables in statements: `FROM t FOR VERSION AS OF 3`, `FROM table_changes('t', 1)`.
//!
//! The general parser knows no such clauses in this dialect, and the planner ignores those that it
//! finds in a parsed statement. So they are cut out of the text first (`clauses`), put where they
//! belong in what was parsed, and before planning each table at a version gets a name of its own
//! (`apart`), under which the planner finds that version and nothing else.

mod apart;
mod clauses;

use std::ops::ControlFlow;

use datafusion::sql::parser::{CopyToSource, Statement as ParsedStatement};
use datafusion::sql::sqlparser::ast::{VisitMut, VisitorMut};

pub use apart::{Reading, name_apart};
pub(super) use clauses::{attach, cut};

/// Leads `visitor` through all of a statement.
fn walk<V: VisitorMut>(statement: &mut ParsedStatement, visitor: &mut V) -> ControlFlow<V::Break> {
    match statement {
        ParsedStatement::Statement(sql) => sql.visit(visitor),
        ParsedStatement::Explain(explain) => walk(&mut explain.statement, visitor),
        ParsedStatement::CopyTo(copy) => match &mut copy.source {
            CopyToSource::Query(query) => query.visit(visitor),
            CopyToSource::Relation(_) => ControlFlow::Continue(()),
        },
        ParsedStatement::CreateExternalTable(_) | ParsedStatement::Reset(_) => {
            ControlFlow::Continue(())
        }
    }
}

#[cfg(test)]
mod tests;
